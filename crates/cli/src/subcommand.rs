//! What every subcommand is: arguments that can say something about settings, and can be run.

use crate::{config::Overrides, context::CommandContext, exit::CommandResult, log::LogFormat};

/// The arguments of one subcommand, or an enum of several.
#[allow(async_fn_in_trait)] // Awaited where it is called, on one thread.
pub trait RunSubcommand {
    /// Adds to the settings what these arguments say about them.
    fn overrides(&self, flags: Overrides) -> Overrides {
        flags
    }

    /// How a service logs; `None` for a command that ends by itself and logs errors only.
    fn service_log(&self) -> Option<LogFormat> {
        None
    }

    /// Runs the subcommand and returns its exit code.
    ///
    /// # Errors
    /// Those of the subcommand, each with its exit code.
    async fn run(self, context: &CommandContext) -> CommandResult;
}

/// Subcommands that another crate adds to the program.
pub trait MoreSubcommands: RunSubcommand + clap::Subcommand + std::fmt::Debug {}

/// No further subcommands.
#[derive(clap::Subcommand, Debug)]
pub enum NoMoreSubcommands {}

impl MoreSubcommands for NoMoreSubcommands {}

impl RunSubcommand for NoMoreSubcommands {
    async fn run(self, _: &CommandContext) -> CommandResult {
        match self {}
    }
}

/// Implements [`RunSubcommand`] for an enum by that of its variants, each of which holds arguments.
#[macro_export]
macro_rules! run_variants {
    ($name:ident $(<$generic:ident: $bound:path>)? { $($variant:ident),+ $(,)? }) => {
        impl $(<$generic: $bound>)? $crate::subcommand::RunSubcommand for $name $(<$generic>)? {
            fn overrides(
                &self,
                flags: $crate::config::Overrides,
            ) -> $crate::config::Overrides {
                match self {
                    $(Self::$variant(subcommand) => subcommand.overrides(flags),)+
                }
            }

            fn service_log(&self) -> Option<$crate::LogFormat> {
                match self {
                    $(Self::$variant(subcommand) => subcommand.service_log(),)+
                }
            }

            async fn run(
                self,
                context: &$crate::context::CommandContext,
            ) -> $crate::exit::CommandResult {
                match self {
                    $(Self::$variant(subcommand) => subcommand.run(context).await,)+
                }
            }
        }
    };
}

pub(crate) use run_variants;
