//! The log on stderr, and changing at run time what is logged.

use std::{io, sync::Arc};
use tracing_subscriber::{
    filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt, EnvFilter,
};

/// Variable with what is logged. It wins over `-v` and over the settings file.
const LOG_VARIABLE: &str = "LLM_ORACLE_LOG";

/// How log records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text for each.
    Text,
    /// One JSON object for each.
    Json,
}

impl LogFormat {
    /// The format that `--log-json` asks for.
    pub fn json_if(json: bool) -> Self {
        if json {
            Self::Json
        } else {
            Self::Text
        }
    }
}

/// What is logged by this process.
#[derive(Clone)]
pub struct LogControl {
    default: &'static str,
    /// Sets the filter; `None` where the settings have no say: a variable or `-v` has decided, or the command
    /// is no service.
    set: Option<Arc<dyn Fn(EnvFilter) + Send + Sync>>,
}

impl LogControl {
    /// Starts the log. `asked` is the format that the arguments want.
    pub fn start(verbose: u8, service: Option<LogFormat>, asked: Option<LogFormat>) -> Self {
        let quiet = match service {
            Some(_) => "info,subxt=warn",
            None => "error",
        };
        let default = match verbose {
            0 => quiet,
            1 => "llm_oracle=debug,warn",
            _ => "llm_oracle=trace,debug",
        };
        let variable = std::env::var(LOG_VARIABLE).ok();
        let by_variable = variable.filter(|filter| !filter.is_empty());
        let is_open = by_variable.is_none() && verbose == 0 && service.is_some();
        // A wrong filter is an error of the settings, which are read next.
        let filter = by_variable.and_then(|filter| EnvFilter::try_new(filter).ok());
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(default)))
            // A log that cannot be written must not stop the program: reporting it would panic, because
            // stderr is the log.
            .log_internal_errors(false)
            .with_writer(io::stderr);
        // Starting fails only if a subscriber is set already, and setting a filter only if none is; there is one.
        let set: Arc<dyn Fn(EnvFilter) + Send + Sync> =
            if asked.or(service) == Some(LogFormat::Json) {
                let log = log.json().with_filter_reloading();
                let handle = log.reload_handle();
                let _ = log.finish().with(filter_fn(keeps_secrets)).try_init();
                Arc::new(move |filter| drop(handle.reload(filter)))
            } else {
                let log = log.compact().with_filter_reloading();
                let handle = log.reload_handle();
                let _ = log.finish().with(filter_fn(keeps_secrets)).try_init();
                Arc::new(move |filter| drop(handle.reload(filter)))
            };
        let set = is_open.then_some(set);
        Self { default, set }
    }

    /// Over something else than the log of this process.
    #[cfg(test)]
    pub fn over(set: impl Fn(EnvFilter) + Send + Sync + 'static) -> Self {
        Self {
            default: "error",
            set: Some(Arc::new(set)),
        }
    }

    /// Whether the settings decide about what is logged.
    pub fn follows_settings(&self) -> bool {
        self.set.is_some()
    }

    /// Logs what the settings say, or the default.
    pub fn follow(&self, filter: Option<&str>) {
        let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok());
        if let Some(set) = &self.set {
            set(filter.unwrap_or_else(|| EnvFilter::new(self.default)));
        }
    }
}

/// Whether a record may be written at any verbosity. The node library logs at debug level the URL that it
/// connects to, with its password.
fn keeps_secrets(record: &tracing::Metadata<'_>) -> bool {
    *record.level() <= tracing::Level::INFO || !record.target().starts_with("jsonrpsee")
}
