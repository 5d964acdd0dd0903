//! `doctor`: checks that node, contract, keys, store and model are usable.

mod checks;

use crate::{
    artifacts::{read_code, ORACLE_WASM},
    config::{describe_model, ConfigError, Overrides},
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    money::Planck,
    output::table,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{Chain, ChainApi as _, ChainError, CheckedOracle, OracleClient};
use llm_oracle_signing::load_signer;
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};
use std::path::PathBuf;

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Model file (GGUF) to check [env: LLM_ORACLE_MODEL]
    #[arg(long, alias = "model", value_name = "PATH")]
    pub model_file: Option<PathBuf>,
}

/// The result of one check.
struct HealthCheck {
    name: &'static str,
    result: Result<String, CliError>,
}

impl RunSubcommand for DoctorArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        Overrides {
            model_file: self.model_file.clone(),
            ..flags
        }
    }

    /// Runs all checks. A failed check is a result, with the exit code of [`exit::UNHEALTHY`].
    ///
    /// # Errors
    /// When stdout cannot be written.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let mut all_checks = Vec::new();
        let chain = context.chain().await;
        all_checks.push(HealthCheck {
            name: "node",
            result: chain.as_ref().map(reached).map_err(Clone::clone),
        });
        // A missing contract setting is reported even without a node.
        let checked = match (context.expected(), &chain) {
            (Ok((address, expect)), Ok(chain)) => CheckedOracle::check(chain, address, &expect)
                .await
                .map_err(CliError::from),
            (Ok(_), Err(_)) => Err(unknown("the node")),
            (Err(failure), _) => Err(failure),
        };
        all_checks.push(HealthCheck {
            name: "contract",
            result: checked
                .as_ref()
                .map(|checked| {
                    let paused = if checked.config.paused {
                        ", paused by its owner"
                    } else {
                        ""
                    };
                    format!(
                        "{}, code {}{paused}",
                        ss58(&checked.oracle.address),
                        hex0x(&checked.code_hash)
                    )
                })
                .map_err(Clone::clone),
        });
        all_checks.push(HealthCheck {
            name: "key",
            result: key(context, chain.as_ref().ok()).await,
        });
        let oracle = checked.as_ref().ok().map(|checked| &checked.oracle);
        for source in &context.settings.operators {
            let result = match (load_signer(source), oracle) {
                (Err(error), _) => Err(ConfigError::from(error).into()),
                (Ok(signer), oracle) => match (signer.check(), oracle) {
                    (Err(error), _) => Err(ChainError::from(error).into()),
                    (Ok(()), None) => Err(unknown("the contract")),
                    (Ok(()), Some(oracle)) => {
                        let min_balance = context.settings.limits.min_balance;
                        operator(oracle, &signer.account(), min_balance).await
                    }
                },
            };
            all_checks.push(HealthCheck {
                name: "operator",
                result,
            });
        }
        all_checks.extend(machine(context, checked.as_ref().ok()).await);
        all_checks.push(HealthCheck {
            name: "artifacts",
            result: artifacts(context),
        });
        report(context, &all_checks)
    }
}

fn reached(chain: &Chain) -> String {
    format!("{}, genesis {}", chain.url(), hex0x(&chain.genesis()))
}

fn unknown(what: &str) -> CliError {
    CliError::new(exit::UNHEALTHY, format!("unknown without {what}"))
}

async fn key(context: &CommandContext, chain: Option<&Chain>) -> Result<String, CliError> {
    let signer = context.signer()?;
    let address = ss58(&signer.account);
    let Some(chain) = chain else {
        return Ok(address);
    };
    let free = chain.free_balance(&signer.account).await?;
    let min_balance = context.settings.limits.min_balance;
    if free < min_balance {
        return Err(
            CliError::new(exit::UNHEALTHY, format!("{address} has {}", Planck(free)))
                .help("transfer it an amount to pay transaction fees with"),
        );
    }
    Ok(format!("{address} with {}", Planck(free)))
}

async fn operator(
    oracle: &OracleClient,
    account: &llm_oracle_primitives::AccountId,
    min_balance: u128,
) -> Result<String, CliError> {
    let address = ss58(account);
    let view = oracle.operator(account, None).await?.ok_or_else(|| {
        CliError::new(exit::UNHEALTHY, format!("{address} is not registered"))
            .help("run `llm-oracle operator register` with its key")
    })?;
    if view.barred {
        return Err(CliError::new(
            exit::UNHEALTHY,
            format!("{address} signed two answers to one request and takes no seat any more"),
        )
        .help("register another operator, and run each key from one store only"));
    }
    let params = oracle.config(None).await?.params;
    let usable = view.bond.saturating_sub(view.unbonding);
    if usable < params.min_bond {
        return Err(CliError::new(
            exit::UNHEALTHY,
            format!(
                "{address} has a bond of {} and needs {}",
                Planck(usable),
                Planck(params.min_bond)
            ),
        )
        .help("add to its bond; until then it takes no seats"));
    }
    let free = oracle.chain.free_balance(account).await?;
    if free < min_balance {
        return Err(
            CliError::new(exit::UNHEALTHY, format!("{address} has {}", Planck(free)))
                .help("transfer it an amount to pay transaction fees with, or withdraw what it has earned"),
        );
    }
    Ok(format!(
        "{address}, slot {}, bond {}, balance {}",
        view.slot,
        Planck(usable),
        Planck(free)
    ))
}

/// The checks that need no operator: clock, store, model.
async fn machine(context: &CommandContext, checked: Option<&CheckedOracle>) -> Vec<HealthCheck> {
    let clock = match checked {
        Some(checked) => checks::clock(checked).await,
        None => Err(unknown("the contract")),
    };
    let store = checks::store(context, checked);
    let built = checks::build_provider(context);
    let model = built.as_ref().map_err(Clone::clone).map(|provider| {
        let described = describe_model(&context.settings.model);
        format!("{described}: {}", provider.served().join(", "))
    });
    let provider = match built {
        Ok(provider) => checks::provider(provider).await,
        Err(_) => Err(unknown("the model")),
    };
    let named = [
        ("clock", clock),
        ("store", store),
        ("model", model),
        ("provider", provider),
    ];
    let all = named
        .into_iter()
        .map(|(name, result)| HealthCheck { name, result });
    all.collect()
}

fn artifacts(context: &CommandContext) -> Result<String, CliError> {
    let folder = &context.settings.artifacts;
    let code = read_code(folder, ORACLE_WASM)?;
    Ok(format!(
        "{}, {} bytes",
        folder.join(ORACLE_WASM).display(),
        code.len()
    ))
}

fn report(context: &CommandContext, checks: &[HealthCheck]) -> CommandResult {
    let healthy = checks.iter().all(|check| check.result.is_ok());
    let rows = checks.iter().map(|check| {
        let (mark, text) = match &check.result {
            Ok(text) => ("ok", text.clone()),
            Err(failure) => ("✗", remedy(failure)),
        };
        vec![mark.to_owned(), check.name.to_owned(), text]
    });
    let json: Vec<Value> = checks.iter().map(check_json).collect();
    context.out.result(
        &table(&[], rows),
        &json!({ "healthy": healthy, "checks": json }),
    )?;
    Ok(if healthy { exit::OK } else { exit::UNHEALTHY })
}

fn remedy(failure: &CliError) -> String {
    match &failure.help {
        Some(help) => format!("{}: {help}", failure.message),
        None => failure.message.clone(),
    }
}

fn check_json(check: &HealthCheck) -> Value {
    match &check.result {
        Ok(text) => json!({ "name": check.name, "ok": true, "detail": text }),
        Err(failure) => json!({
            "name": check.name,
            "ok": false,
            "detail": failure.message,
            "help": failure.help,
            "code": failure.name(),
        }),
    }
}
