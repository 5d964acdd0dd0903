//! The contract and the operators of a development chain.

use llm_oracle_chain::{
    messages, Chain, ChainApi as _, ChainError, CheckedOracle, Deployed, Expect, TxOptions,
};
use llm_oracle_cli::{
    account::dev_key,
    artifacts::{read_code, ORACLE_WASM},
    context::SigningKey,
    exit::{self, CliError},
    operators::registration,
};
use llm_oracle_primitives::{Balance, Slot};
use llm_oracle_signing::account_of;
use llm_oracle_support::{
    address::{hex0x, parse_account, parse_hash, ss58},
    random,
};
use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// The development account that owns the contract and pays.
pub const OWNER: &str = "//Alice";
/// Funds of an operator above its bond, planck (100 UNIT): fees for thousands of requests.
const OPERATOR_FUNDS: Balance = 100_000_000_000_000;
/// One operator of the stack.
pub struct StackOperator {
    /// Its development key.
    pub suri: String,
    /// The key itself.
    pub signer: SigningKey,
    /// Its slot.
    pub slot: Slot,
}

/// A development key with its account.
///
/// # Errors
/// When the path is not a development key.
pub fn dev_signer(suri: &str) -> Result<SigningKey, CliError> {
    let pair = dev_key(suri).ok_or_else(|| {
        CliError::usage(format!(
            "'{suri}' is not a development key; give one such as //Alice"
        ))
    })?;
    Ok(SigningKey {
        account: account_of(&pair),
        pair,
    })
}

/// The contract that the state folder names, and true; without one, a new contract, and false.
///
/// # Errors
/// When the contract of the state folder is not on the chain, or the chain refuses.
pub async fn contract(
    chain: &Chain,
    artifacts: &Path,
    folder: &Path,
    owner: &SigningKey,
) -> Result<(CheckedOracle, bool), CliError> {
    let record = folder.join("contract.json");
    if let Some(known) = recorded(&record) {
        let stale = |why: String| {
            CliError::new(
                exit::WRONG_CHAIN,
                format!(
                    "'{}' does not match the chain beside it: {why}",
                    record.display()
                ),
            )
            .help("remove the state folder to start over, or give another --state")
        };
        let field = |name: &str| {
            known
                .get(name)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let address = parse_account(field("contract")).map_err(|error| stale(error.to_string()))?;
        let code_hash = parse_hash(field("code_hash")).map_err(|error| stale(error.to_string()))?;
        let expect = Expect::code(code_hash);
        return match CheckedOracle::check(chain, address, &expect).await {
            Ok(checked) => Ok((checked, true)),
            Err(error) if error.is_connection() => Err(error.into()),
            Err(error) => Err(stale(error.to_string())),
        };
    }
    let deployed = deploy(chain, artifacts, owner).await?;
    let text = serde_json::json!({
        "contract": ss58(&deployed.address),
        "code_hash": hex0x(&deployed.code_hash),
    });
    write_whole(&record, &format!("{text}\n")).map_err(|error| {
        CliError::bug(format!("'{}' cannot be written: {error}", record.display()))
    })?;
    let expect = Expect::code(deployed.code_hash);
    Ok((
        CheckedOracle::check(chain, deployed.address, &expect).await?,
        false,
    ))
}

/// Funds and registers the operators that are not registered yet, and returns all.
///
/// # Errors
/// When the contract or the chain refuses.
pub async fn operators(
    checked: &CheckedOracle,
    owner: &SigningKey,
    count: u8,
) -> Result<Vec<StackOperator>, CliError> {
    let (oracle, bond) = (&checked.oracle, checked.config.params.min_bond);
    let mut operators = Vec::new();
    for number in 1..=count {
        let suri = format!("//Operator//{number}");
        let signer = dev_signer(&suri)?;
        if let Some(view) = oracle.operator(&signer.account, None).await? {
            operators.push(StackOperator {
                suri,
                signer,
                slot: view.slot,
            });
            continue;
        }
        let funds = bond.saturating_add(OPERATOR_FUNDS);
        oracle
            .chain
            .transfer(&owner.pair, &signer.account, funds)
            .await?;
        let call = registration(checked, &signer, (signer.account, ""));
        let receipt = oracle
            .chain
            .call(
                &signer.pair,
                &oracle.address,
                bond,
                &call,
                TxOptions::default(),
            )
            .await?;
        operators.push(StackOperator {
            suri,
            slot: receipt.value,
            signer,
        });
    }
    Ok(operators)
}

/// What the record says. Half a record counts as absent: the process ended while it was written, and a contract
/// that was deployed by then is deployed once more.
fn recorded(record: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&fs::read_to_string(record).ok()?).ok()
}

/// Writes a file that is never half there.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

/// Whether the chain has this contract at this address already.
fn is_duplicate(error: &ChainError) -> bool {
    matches!(error, ChainError::Dispatch { name, .. } if name.ends_with("DuplicateContract"))
}

/// Deploys the oracle with the default parameters. An address that is taken, since an earlier
/// process ended before it could record it, is left alone.
async fn deploy(
    chain: &Chain,
    artifacts: &Path,
    signer: &SigningKey,
) -> Result<Deployed, CliError> {
    let wasm = read_code(artifacts, ORACLE_WASM)?;
    let unit = chain.properties().await?.unit();
    let constructor = messages::with_defaults(chain.genesis(), unit);
    let first = chain.deploy(&signer.pair, &wasm, &constructor, 0, &[], None);
    match first.await {
        Err(error) if is_duplicate(&error) => {}
        deployed => return Ok(deployed?),
    }
    let mut salt = [0; 8];
    random::fill(&mut salt).map_err(|error| CliError::bug(format!("no random bytes: {error}")))?;
    let again = chain.deploy(&signer.pair, &wasm, &constructor, 0, &salt, None);
    Ok(again.await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn half_a_record_counts_as_absent_and_a_record_is_never_written_by_halves() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("contract.json");
        assert_eq!(recorded(&record), None);
        for half in ["", "{\"contract\":\"5"] {
            fs::write(&record, half).unwrap();
            assert_eq!(recorded(&record), None, "{half}");
        }
        write_whole(&record, "{\"contract\":\"5C\"}").unwrap();
        assert_eq!(recorded(&record).unwrap()["contract"], "5C");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_contract_that_is_there_already_is_told_by_its_error() {
        let failed = |name: &str| ChainError::Dispatch {
            message: "dev".to_owned(),
            name: name.to_owned(),
            debug: String::new(),
        };
        assert!(is_duplicate(&failed("Contracts::DuplicateContract")));
        assert!(!is_duplicate(&failed("Contracts::OutOfGas")));
    }
}
