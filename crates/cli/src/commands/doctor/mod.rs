//! `doctor`: is everything in place?

use super::{
    checks,
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    money::Planck,
    output::table,
};
use crate::config::{describe_model, ConfigError};
use llm_oracle_chain::{Chain, ChainError, CheckedOracle, Oracle};
use llm_oracle_signing::load_signer;
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};

/// One thing that was looked at.
struct HealthCheck {
    name: &'static str,
    found: Result<String, CliError>,
}

/// Looks at everything and says what to do about what is wrong.
///
/// # Errors
/// When stdout cannot be written; what is wrong is a result, with the exit code of
/// [`exit::UNHEALTHY`].
pub async fn run(context: &CommandContext) -> CommandResult {
    let mut looked = Vec::new();
    let chain = context.chain().await;
    looked.push(HealthCheck {
        name: "node",
        found: chain.as_ref().map(reached).map_err(Clone::clone),
    });
    // That no contract is set is worth knowing without a node, too.
    let checked = match (context.expected(), &chain) {
        (Ok((address, expect)), Ok(chain)) => CheckedOracle::check(chain, address, expect)
            .await
            .map_err(CliError::from),
        (Ok(_), Err(_)) => Err(unknown("the node")),
        (Err(failure), _) => Err(failure),
    };
    looked.push(HealthCheck {
        name: "contract",
        found: checked
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
    looked.push(HealthCheck {
        name: "key",
        found: key(context, chain.as_ref().ok()).await,
    });
    let oracle = checked.as_ref().ok().map(|checked| &checked.oracle);
    for source in &context.settings.operators {
        let found = match (load_signer(source), oracle) {
            (Err(error), _) => Err(ConfigError::from(error).into()),
            (Ok(signer), oracle) => match (signer.check(), oracle) {
                (Err(error), _) => Err(ChainError::from(error).into()),
                (Ok(()), None) => Err(unknown("the contract")),
                (Ok(()), Some(oracle)) => {
                    let poor = context.settings.limits.min_balance;
                    operator(oracle, &signer.account(), poor).await
                }
            },
        };
        looked.push(HealthCheck {
            name: "operator",
            found,
        });
    }
    looked.extend(machine(context, checked.as_ref().ok()).await);
    looked.push(HealthCheck {
        name: "artifacts",
        found: artifacts(context),
    });
    report(context, &looked)
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
    let poor = context.settings.limits.min_balance;
    if free < poor {
        return Err(
            CliError::new(exit::UNHEALTHY, format!("{address} has {}", Planck(free)))
                .help("send it something to pay fees with"),
        );
    }
    Ok(format!("{address} with {}", Planck(free)))
}

async fn operator(
    oracle: &Oracle,
    account: &llm_oracle_primitives::AccountId,
    poor: u128,
) -> Result<String, CliError> {
    let address = ss58(account);
    let view = oracle.operator(account, None).await?.ok_or_else(|| {
        CliError::new(exit::UNHEALTHY, format!("{address} is not registered"))
            .help("run `llm-oracle operator register` with its key")
    })?;
    if view.barred {
        return Err(CliError::new(
            exit::UNHEALTHY,
            format!("{address} signed two answers to one question and takes no seat any more"),
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
        .help("add to its bond, or it takes no seats"));
    }
    let free = oracle.chain.free_balance(account).await?;
    if free < poor {
        return Err(
            CliError::new(exit::UNHEALTHY, format!("{address} has {}", Planck(free)))
                .help("send it something to pay fees with, or withdraw what it has earned"),
        );
    }
    Ok(format!(
        "{address}, slot {}, bond {}, balance {}",
        view.slot,
        Planck(usable),
        Planck(free)
    ))
}

/// What does not need an operator: clock, store, model.
async fn machine(context: &CommandContext, checked: Option<&CheckedOracle>) -> Vec<HealthCheck> {
    let clock = match checked {
        Some(checked) => checks::clock(checked).await,
        None => Err(unknown("the contract")),
    };
    let store = checks::store(context, checked);
    let built = checks::build(context);
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
    let all = named.into_iter().map(|(name, found)| HealthCheck { name, found });
    all.collect()
}

fn artifacts(context: &CommandContext) -> Result<String, CliError> {
    let folder = &context.settings.artifacts;
    let code = super::deploy::read_code(folder, super::deploy::ORACLE_WASM)?;
    Ok(format!(
        "{}, {} bytes",
        folder.join(super::deploy::ORACLE_WASM).display(),
        code.len()
    ))
}

fn report(context: &CommandContext, checks: &[HealthCheck]) -> CommandResult {
    let healthy = checks.iter().all(|check| check.found.is_ok());
    let rows = checks.iter().map(|check| {
        let (mark, text) = match &check.found {
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
    match &check.found {
        Ok(text) => json!({ "name": check.name, "ok": true, "found": text }),
        Err(failure) => json!({
            "name": check.name,
            "ok": false,
            "found": failure.message,
            "help": failure.help,
            "code": failure.name(),
        }),
    }
}
