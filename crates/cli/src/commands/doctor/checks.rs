//! The checks of `doctor` beyond the chain: store, clock, model.

use crate::{
    context::CommandContext,
    exit::{self, CliError},
};
use llm_oracle_chain::{ChainApi as _, CheckedOracle};
use llm_oracle_llm::{self as llm, ModelQuestion, Provider};
use llm_oracle_primitives::{Answer, AnswerKind, ModelRef, Sampling};
use llm_oracle_store::{now_ms, SharedDatabase, StoreError, StoreIdentity};
use llm_oracle_support::address::hex0x;
use std::{io::ErrorKind, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

/// Maximum delay of this machine's clock against the chain's, milliseconds.
const CLOCK_BEHIND_MS: i64 = 30_000;
/// Minimum free space where the store is, bytes.
const FREE_BYTES_MIN: u64 = 1_000_000_000;
/// Maximum time for the model to answer the test question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

fn unhealthy(message: impl std::fmt::Display) -> CliError {
    CliError::new(exit::UNHEALTHY, message)
}

/// The store: private, intact, for this deployment, with space to grow.
pub fn store(context: &CommandContext, oracle: Option<&CheckedOracle>) -> Result<String, CliError> {
    let folder = &context.settings.store;
    let shown = folder.display();
    let shared = context.settings.shared.as_ref().map(SharedDatabase::place);
    let archive = match context.archive() {
        Ok(archive) => archive,
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            let place = shared.unwrap_or_else(|| shown.to_string());
            return Ok(format!("none yet; `relayer run` creates it at {place}"));
        }
        Err(error) => return Err(error.into()),
    };
    // With a shared database the folder may be missing: another replica created the store.
    if shared.is_none() || folder.exists() {
        is_private(folder)?;
    }
    archive.check().map_err(|error| {
        CliError::from(error).help("stop the relayer and restore the newest backup")
    })?;
    if let (Some(found), Some(oracle)) = (archive.identity()?, oracle) {
        belongs_to(&found, oracle)?;
    }
    if let Some(place) = shared {
        return Ok(format!("{place}, intact; secrets in {shown}"));
    }
    let space = rustix::fs::statvfs(folder.as_path());
    let free = space.map_or(u64::MAX, |space| {
        space.f_bavail.saturating_mul(space.f_frsize)
    });
    if free < FREE_BYTES_MIN {
        return Err(unhealthy(format!("{free} bytes are left at {shown}"))
            .help("free some space: a full disk stops the relayer"));
    }
    Ok(format!("{shown}, intact, {} MB free", free / 1_000_000))
}

fn is_private(folder: &Path) -> Result<(), CliError> {
    let shown = folder.display();
    let metadata = std::fs::metadata(folder)
        .map_err(|error| unhealthy(format!("cannot read {shown}: {error}")))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(
            unhealthy(format!("{shown} has mode {mode:03o} and holds secrets"))
                .help(format!("run chmod 700 {shown}")),
        );
    }
    Ok(())
}

fn belongs_to(found: &StoreIdentity, oracle: &CheckedOracle) -> Result<(), CliError> {
    let contract: &[u8; 32] = oracle.oracle.address.as_ref();
    for (what, found, wanted) in [
        ("chain", found.genesis, oracle.config.genesis),
        ("contract", found.contract, *contract),
        ("deployment", found.domain, oracle.config.domain),
    ] {
        if found != wanted {
            let (found, wanted) = (hex0x(&found), hex0x(&wanted));
            return Err(CliError::new(
                exit::STORE,
                format!("the store belongs to the {what} {found}, not {wanted}"),
            )
            .help("give another `store`, and keep this one if its chain still exists"));
        }
    }
    Ok(())
}

/// The clock: not behind the timestamp of the newest block.
pub async fn clock(oracle: &CheckedOracle) -> Result<String, CliError> {
    let chain = &oracle.oracle.chain;
    let block = chain.best().await?;
    let stamp = i64::try_from(chain.timestamp_ms(block.hash).await?).unwrap_or(i64::MAX);
    check_clock(now_ms(), stamp)
}

fn check_clock(now_ms: i64, block_ms: i64) -> Result<String, CliError> {
    let age_ms = now_ms.saturating_sub(block_ms);
    let seconds = age_ms.unsigned_abs() / 1000;
    if age_ms < CLOCK_BEHIND_MS.saturating_neg() {
        return Err(
            unhealthy(format!("this clock is {seconds} s behind the newest block"))
                .help("synchronise it, for instance with timedatectl set-ntp true"),
        );
    }
    Ok(format!("the newest block is {seconds} s old"))
}

/// The model: one small question through the whole provider, including its key and server.
pub async fn provider(provider: Arc<dyn Provider>) -> Result<String, CliError> {
    let question = ModelQuestion {
        prompt: "Is water wet?".to_owned(),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        model: ModelRef::Any,
    };
    let started = tokio::time::Instant::now();
    let asked = tokio::time::timeout(ANSWER_TIMEOUT, provider.answer(&question)).await;
    let reply = asked
        .map_err(|_| unhealthy(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))
        .and_then(|reply| reply.map_err(CliError::from))
        .map_err(|failure| match failure.help {
            Some(_) => failure,
            None => failure
                .help("check [model] in the settings; nothing is committed without an answer"),
        })?;
    let elapsed_ms = started.elapsed().as_millis();
    let answer = match reply.answer {
        Answer::Abstain(reason) => format!("abstains ({reason:?})"),
        _ => "answers".to_owned(),
    };
    Ok(format!("{} {answer} in {elapsed_ms} ms", reply.model))
}

/// Builds the provider of the settings.
pub fn build_provider(context: &CommandContext) -> Result<Arc<dyn Provider>, CliError> {
    llm::build_all(&context.settings.model).map_err(|error| {
        CliError::from(error).help("run ./scripts/setup.sh --model, give --model-file with a GGUF file, or set [model] in the settings")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_llm::scripted::Scripted;
    use llm_oracle_primitives::Reason;

    #[test]
    fn a_clock_behind_the_chain_is_found_and_a_quiet_chain_is_fine() {
        assert!(check_clock(100_000, 99_000).is_ok());
        assert!(check_clock(1_000_000_000, 0).is_ok(), "a quiet chain");
        assert!(check_clock(100_000, 129_000).is_ok());
        let behind = check_clock(100_000, 161_000).err().map(|why| why.message);
        assert_eq!(
            behind.as_deref(),
            Some("this clock is 61 s behind the newest block")
        );
    }

    #[tokio::test]
    async fn a_model_that_fails_is_found_and_one_that_answers_is_timed() {
        let well = Scripted::from_fn("s", |_| Ok(Answer::Bool(true)));
        let said = provider(Arc::new(well)).await;
        assert!(said.is_ok_and(|said| said.starts_with("s answers in ")));
        let unsure = Scripted::from_fn("s", |_| Ok(Answer::Abstain(Reason::Unclear)));
        let said = provider(Arc::new(unsure)).await;
        assert!(said.is_ok_and(|said| said.starts_with("s abstains (Unclear) in ")));
        let table = std::collections::BTreeMap::new();
        let ill = Scripted::from_table("s", "blue".to_owned(), table);
        let failure = provider(Arc::new(ill)).await.err();
        assert!(failure.is_some_and(|failure| failure.help.is_some()));
    }
}
