//! `doctor`: checks that node, contract, keys, store and model are usable.

mod checks;

use crate::{
    artifacts::{read_code, ORACLE_WASM},
    config::{describe_model, ConfigError, Overrides},
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    money::{unit, Planck},
    output::table,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{Chain, ChainApi as _, ChainError, CheckedOracle, OracleClient};
use llm_oracle_llm::ProviderConfig;
use llm_oracle_signing::{load_signer, KeySource};
use llm_oracle_store::UrlSource;
use llm_oracle_support::{
    address::{hex0x, ss58},
    credential::is_credential,
};
use serde_json::{json, Value};
use std::path::{Path, PathBuf};

/// What is said where no key is set.
const NO_KEY: &str = "no key is set; a relayer needs none beside those of its operators";

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Model file (GGUF) to check [env: LLM_ORACLE_MODEL]
    #[arg(long, alias = "model", value_name = "PATH")]
    pub model_file: Option<PathBuf>,
}

/// What one check found.
#[derive(Clone, Debug)]
enum CheckResult {
    /// All is well, with what was seen.
    Passed(String),
    /// Something must be done.
    Failed(CliError),
    /// It does not concern this machine, or can't be seen from here; why.
    Skipped(String),
}

impl From<Result<String, CliError>> for CheckResult {
    fn from(result: Result<String, CliError>) -> Self {
        result.map_or_else(Self::Failed, Self::Passed)
    }
}

/// The result of one check.
struct HealthCheck {
    name: &'static str,
    result: CheckResult,
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
        report(context, &all_checks(context).await)
    }
}

/// Makes all checks.
async fn all_checks(context: &CommandContext) -> Vec<HealthCheck> {
    let mut all_checks = Vec::new();
    let chain = context.chain().await;
    all_checks.push(HealthCheck {
        name: "node",
        result: chain.as_ref().map(reached).map_err(Clone::clone).into(),
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
            .map_err(Clone::clone)
            .into(),
    });
    all_checks.push(HealthCheck {
        name: "key",
        result: match context.settings.key {
            None => CheckResult::Skipped(NO_KEY.to_owned()),
            Some(_) => key(context, chain.as_ref().ok()).await.into(),
        },
    });
    let oracle = checked.as_ref().ok().map(|checked| &checked.oracle);
    for source in &context.settings.operators {
        let result = match (load_signer(source), oracle) {
            (Err(error), _) => Err(ConfigError::from(error).into()),
            (Ok(signer), oracle) => match (signer.check(), oracle) {
                (Err(error), _) => Err(ChainError::from(error).into()),
                (Ok(()), None) => Err(unknown("the contract")),
                (Ok(()), Some(oracle)) => {
                    let min_balance = context.settings.limits.money(unit()).min_balance;
                    operator(oracle, &signer.account(), min_balance).await
                }
            },
        };
        let result = match credential_of(source) {
            Some(path) => not_from_here(path),
            None => result.into(),
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
    all_checks
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
    let min_balance = context.settings.limits.money(unit()).min_balance;
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
    let store = match context.settings.shared.as_ref().map(|shared| &shared.url) {
        Some(UrlSource::File(path)) if is_credential(path) => not_from_here(path),
        _ => checks::store(context, checked).into(),
    };
    let built = checks::build_provider(context);
    let model = built.as_ref().map_err(Clone::clone).map(|provider| {
        let described = describe_model(&context.settings.model);
        format!("{described}: {}", provider.served().join(", "))
    });
    let provider = match built {
        Ok(provider) => checks::provider(provider).await,
        Err(_) => Err(unknown("the model")),
    };
    let of_model = |result: Result<String, CliError>| match api_key_credential(context) {
        Some(path) => not_from_here(path),
        None => result.into(),
    };
    let named = [
        ("clock", clock.into()),
        ("store", store),
        ("model", of_model(model)),
        ("provider", of_model(provider)),
    ];
    let all = named
        .into_iter()
        .map(|(name, result)| HealthCheck { name, result });
    all.collect()
}

/// The built contracts, which a machine that only runs a relayer does not have.
fn artifacts(context: &CommandContext) -> CheckResult {
    let settings = &context.settings;
    artifacts_in(&settings.artifacts, settings.is_set("artifacts"))
}

/// The contracts in a folder, which must be there when somebody has named it.
fn artifacts_in(folder: &Path, is_named: bool) -> CheckResult {
    let file = folder.join(ORACLE_WASM);
    if !file.exists() && !is_named {
        let shown = folder.display();
        return CheckResult::Skipped(format!(
            "no contracts are built in {shown}; only `deploy` needs them"
        ));
    }
    let code = read_code(folder, ORACLE_WASM);
    let code = code.map(|code| format!("{}, {} bytes", file.display(), code.len()));
    code.into()
}

/// A file of an operator's key that only the service has.
fn credential_of(source: &KeySource) -> Option<&Path> {
    let files = [&source.suri_file, &source.keystore, &source.password_file];
    let mut files = files.into_iter().flatten();
    files.find(|path| is_credential(path)).map(PathBuf::as_path)
}

/// The first file of a model's key that only the service has.
fn api_key_credential(context: &CommandContext) -> Option<&Path> {
    let mut models = context.settings.model.0.iter();
    models.find_map(|model| match &model.provider {
        ProviderConfig::Hosted(server) => {
            let file = server.api_key_file.as_deref();
            file.filter(|path| is_credential(path))
        }
        _ => None,
    })
}

/// Inside of the service a credential's path has been resolved, so one that has not is out of reach.
fn not_from_here(path: &Path) -> CheckResult {
    CheckResult::Skipped(format!(
        "{} is a credential of the service, and this is not the service; run doctor with its credentials, see \
         \"doctor\" in docs/operating.md",
        path.display()
    ))
}

fn report(context: &CommandContext, checks: &[HealthCheck]) -> CommandResult {
    let failed = |check: &HealthCheck| matches!(check.result, CheckResult::Failed(_));
    let healthy = !checks.iter().any(failed);
    let rows = checks.iter().map(|check| {
        let (mark, text) = match &check.result {
            CheckResult::Passed(text) => ("ok", text.clone()),
            CheckResult::Failed(failure) => ("✗", remedy(failure)),
            CheckResult::Skipped(why) => ("-", format!("not checked: {why}")),
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
        CheckResult::Passed(text) => json!({ "name": check.name, "ok": true, "detail": text }),
        // Neither true nor false.
        CheckResult::Skipped(why) => json!({ "name": check.name, "ok": null, "detail": why }),
        CheckResult::Failed(failure) => json!({
            "name": check.name,
            "ok": false,
            "detail": failure.message,
            "help": failure.help,
            "code": failure.name(),
        }),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
