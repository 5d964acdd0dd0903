//! What a relayer reads before its first iteration, in spite of a node that refuses for a moment.

use crate::{error::RelayerError, pauses::pauses, relayer::Relayer, requests::account_for_seats};
use llm_oracle_chain::ChainError;
use llm_oracle_support::clock::Instant;
use std::time::Duration;

/// How long a node may refuse at the start before that ends the relayer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does a step of the start again while the node only refuses it, for a limited time. A node that is not
/// reached at all, or is not healthy, ends the start at once: the settings may be wrong.
///
/// # Errors
/// Those of the step.
pub(crate) async fn patiently<T>(
    mut step: impl AsyncFnMut() -> Result<T, RelayerError>,
) -> Result<T, RelayerError> {
    let began = Instant::now();
    let mut pauses = pauses();
    loop {
        match step().await {
            Err(error) if may_pass(&error) && began.elapsed() < PATIENCE => {
                let pause = pauses.next().unwrap_or(PATIENCE);
                tracing::warn!(%error, pause_ms = pause.as_millis(), "not started yet; trying again");
                tokio::time::sleep(pause).await;
            }
            done => return done,
        }
    }
}

/// Whether a node that is there may do it in a moment.
fn may_pass(error: &RelayerError) -> bool {
    match error {
        RelayerError::Chain(ChainError::MethodNotFound { .. }) => false,
        RelayerError::Chain(ChainError::Lost { .. }) => true,
        error => error.is_refusal(),
    }
}

/// The first look at the chain: the bonds, and the seats that the store must account for.
///
/// # Errors
/// As [`Relayer::start`].
pub(crate) async fn look_first(relayer: &mut Relayer) -> Result<(), RelayerError> {
    let looked = look(relayer).await;
    if let Err(error) = &looked {
        relayer.session.failed(error);
    }
    looked
}

async fn look(relayer: &mut Relayer) -> Result<(), RelayerError> {
    let chain = relayer.session.refresh().await?;
    let deployment = relayer.session.deployment();
    relayer.bonds.refresh(&chain, &relayer.operators).await?;
    relayer.peers.begin(chain.finalized.number);
    let (store, operators, tracker) = (&relayer.store, &relayer.operators, &mut relayer.tracker);
    let recover = relayer.config.recover;
    account_for_seats(&chain, store, operators, tracker, deployment, recover).await
}
