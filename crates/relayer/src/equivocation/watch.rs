//! Finding operators that signed two answers to one question, and reporting them.
//!
//! Reveals that the contract refused are evidence too, so the source is the calls of each finalized
//! block, not the events. What has been seen is only in memory: after a restart the answer that the
//! contract itself keeps takes its place.

use super::signatures::{claims, taken, Claim, Signatures};
use crate::{
    error::RelayerError,
    failures::in_turn,
    node_session::ChainView,
    operators::Operators,
    requests::RequestCache,
    tx::{TxDraft, TxSender},
};
use llm_oracle_chain::{messages, ReadRequest};
use llm_oracle_primitives::{
    digest, AccountId, BlockNumber, DeploymentId, Equivocation, RequestId, RequestView,
    SignedAnswer, Slot,
};
use llm_oracle_signing::verifies;
use llm_oracle_store::{Purpose, Store};
use llm_oracle_support::address::ss58;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Blocks read in one iteration; more wait for the next one.
const BLOCKS_PER_ITERATION: usize = 32;
/// Blocks behind the finalized one that are still read when the relayer was away.
const CATCH_UP_BLOCKS: BlockNumber = 256;
/// Gas on top of a dry run's need, percent.
const GAS_MARGIN_PERCENT: u64 = 20;

/// Reads what operators have signed, and reports those that contradict themselves.
pub(crate) struct EquivocationWatch {
    enabled: bool,
    tx: TxSender,
    store: Arc<Store>,
    deployment: DeploymentId,
    signatures: Signatures,
    /// The next finalized block to read.
    next: Option<BlockNumber>,
    /// Accounts by slot; a slot keeps its account for ever.
    accounts: HashMap<Slot, AccountId>,
}

/// What the watch works with in one iteration.
struct Round<'a> {
    chain: &'a ChainView,
    operators: &'a Operators,
    cache: &'a mut RequestCache,
}

impl EquivocationWatch {
    pub(crate) fn new(
        enabled: bool,
        tx: TxSender,
        store: Arc<Store>,
        deployment: DeploymentId,
    ) -> Self {
        Self {
            enabled,
            tx,
            store,
            deployment,
            signatures: Signatures::default(),
            next: None,
            accounts: HashMap::new(),
        }
    }

    /// Reads the calls of the finalized blocks that came since the last time. A block that the node does
    /// not give is skipped: this must not keep a reveal from leaving.
    ///
    /// # Errors
    /// When the connection or the store fails.
    pub(crate) async fn watch(
        &mut self,
        chain: &ChainView,
        operators: &Operators,
        cache: &mut RequestCache,
    ) -> Result<bool, RelayerError> {
        if !self.enabled {
            return Ok(false);
        }
        let mut round = Round {
            chain,
            operators,
            cache,
        };
        let head = chain.finalized.number;
        let oldest = head.saturating_sub(CATCH_UP_BLOCKS);
        let first = self.next.unwrap_or(head).max(oldest);
        let mut worked = false;
        for number in (first..=head).take(BLOCKS_PER_ITERATION) {
            self.next = Some(number.saturating_add(1));
            match self.read_block(&mut round, number).await {
                Ok(reported) => worked |= reported,
                Err(RelayerError::Chain(error)) if !error.is_connection() => {
                    tracing::debug!(block = number, %error, "signatures not read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(worked)
    }

    async fn read_block(
        &mut self,
        round: &mut Round<'_>,
        number: BlockNumber,
    ) -> Result<bool, RelayerError> {
        let oracle = &round.chain.oracle;
        let Some(block) = oracle.chain.hash_at(number).await? else {
            return Ok(false);
        };
        let inputs = oracle.chain.contract_inputs(&oracle.address, block);
        let claims: Vec<Claim> = inputs.await?.iter().flat_map(|it| claims(it)).collect();
        let claims = self.without_own(round.operators, claims)?;
        let ids: BTreeSet<RequestId> = claims.iter().map(|claim| claim.request_id).collect();
        let wanted = ids.into_iter().map(ReadRequest::view);
        let wanted: Vec<ReadRequest> = wanted.collect();
        round.cache.read_ahead(round.chain, &wanted).await?;
        let mut worked = false;
        for claim in claims {
            let Some(view) = round.cache.view(round.chain, claim.request_id).await? else {
                continue;
            };
            if let Some(report) = self.check(round.chain, &view, &claim).await? {
                worked |= self.report(round.chain, round.operators, &report).await?;
            }
        }
        Ok(worked)
    }

    /// Leaves out the answers that we gave ourselves: what is on record contradicts nothing.
    fn without_own(
        &self,
        operators: &Operators,
        mut claims: Vec<Claim>,
    ) -> Result<Vec<Claim>, RelayerError> {
        let own = |claim: &Claim| {
            let mut own = operators.iter();
            let operator = own.find(|operator| operator.slot == claim.slot);
            operator.map(|operator| operator.entry(claim.request_id))
        };
        let ids: BTreeSet<RequestId> = claims
            .iter()
            .filter_map(|claim| own(claim).map(|entry| entry.request_id))
            .collect();
        let recall = self
            .store
            .seat_records(&ids.into_iter().collect::<Vec<_>>())?;
        claims.retain(|claim| {
            let job = own(claim).and_then(|entry| recall.job(&entry));
            let answer = job.map(|job| digest::answer_digest(&job.answered.answer));
            answer != Some(claim.answer)
        });
        Ok(claims)
    }

    /// Whether a claim, together with another answer, is an equivocation.
    async fn check(
        &mut self,
        chain: &ChainView,
        view: &RequestView,
        claim: &Claim,
    ) -> Result<Option<Equivocation>, RelayerError> {
        let (id, slot) = (claim.request_id, claim.slot);
        let Some(operator) = self.account_of_slot(chain, slot).await? else {
            return Ok(None);
        };
        let seat = view.seats.iter().find(|seat| seat.slot == slot);
        let of_seat = seat.map(|seat| seat.evidence);
        let Some(evidence) = claim.evidence.or(of_seat) else {
            return Ok(None);
        };
        let terms_digest = view.terms_digest;
        let context = self
            .deployment
            .context(id, terms_digest, *operator.as_ref());
        let signs = |signed: &SignedAnswer| {
            let message = digest::answer_message_of(
                &context,
                &signed.answer,
                signed.confidence,
                &signed.evidence,
            );
            verifies(&signed.signature, &message, &operator)
        };
        let claimed = SignedAnswer {
            answer: claim.answer,
            confidence: view.signed_confidence(claim.confidence),
            evidence,
            signature: claim.signature,
        };
        let signed_for = (id, slot);
        let all = taken(view, slot).into_iter().chain([claimed]);
        let mut two = None;
        for signed in all {
            two = two.or(self.signatures.note(signed_for, signed, signs));
        }
        Ok(two.map(|(first, second)| Equivocation {
            request_id: id,
            terms_digest,
            slot,
            first,
            second,
        }))
    }

    async fn account_of_slot(
        &mut self,
        chain: &ChainView,
        slot: Slot,
    ) -> Result<Option<AccountId>, RelayerError> {
        if let Some(account) = self.accounts.get(&slot) {
            return Ok(Some(*account));
        }
        let page = chain.oracle.operators(slot, 1, None).await?;
        let account = page.first().map(|view| view.operator);
        self.accounts.extend(account.map(|account| (slot, account)));
        Ok(account)
    }

    async fn report(
        &self,
        chain: &ChainView,
        operators: &Operators,
        report: &Equivocation,
    ) -> Result<bool, RelayerError> {
        let (request, slot) = (report.request_id, report.slot);
        if operators.iter().any(|operator| operator.slot == slot) {
            tracing::error!(
                request,
                slot,
                "our own operator signed two answers: its key is used elsewhere"
            );
            return Ok(false);
        }
        let Some(sender) = in_turn(&operators.active(), request, 0) else {
            return Ok(false);
        };
        if self.store.lease(&[request])?.is_empty() {
            // The replica that works on the request has seen it too.
            return Ok(false);
        }
        let account = &operators[sender].account;
        let call = messages::report_equivocation(report);
        let ran = chain
            .oracle
            .chain
            .dry_run(account, &chain.oracle.address, 0, &call, None)
            .await;
        let dry = match ran {
            Ok(dry) => dry,
            Err(error) if error.is_connection() => return Err(error.into()),
            // Most often somebody was faster.
            Err(error) => {
                tracing::info!(request, slot, %error, "equivocation not reported");
                return Ok(false);
            }
        };
        let draft = TxDraft {
            purpose: Purpose::Report,
            sender,
            input: call.input(),
            gas: dry.gas_required.with_margin(GAS_MARGIN_PERCENT),
            deposit_limit: Some(dry.deposit.charge()),
            entries: vec![operators[sender].entry(request)],
        };
        self.tx.send(chain, operators, &draft).await?;
        tracing::warn!(request, slot, by = ss58(account), "equivocation reported");
        Ok(true)
    }
}
