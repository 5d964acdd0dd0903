//! Finding operators that signed two answers to one question, and reporting them.
//!
//! Reveals that the contract refused are evidence too, so the source is the calls of each finalized
//! block, not the events. What has been seen is only in memory: after a restart the answer that the
//! contract itself keeps takes its place.

use super::{
    blocks::BlockReader,
    signatures::{taken, Claim, Signatures},
    slots::Slots,
};
use crate::{
    error::RelayerError,
    failures::in_turn,
    node_session::ChainView,
    operators::Operators,
    requests::RequestCache,
    tx::{TxDraft, TxSender},
};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{
    digest, DeploymentId, Equivocation, RequestId, RequestView, SignedAnswer,
};
use llm_oracle_rules::Key;
use llm_oracle_signing::verifies;
use llm_oracle_store::{Purpose, Store};
use llm_oracle_support::{address::ss58, clock::Instant};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Gas on top of a dry run's need, percent.
const GAS_MARGIN_PERCENT: u64 = 20;
/// Claims that wait to be looked at; more are dropped.
const PENDING_MAX: usize = 4_096;
/// Claims that are looked at in one iteration …
const CLAIMS_PER_ITERATION: usize = 256;
/// … in requests of at most this number …
const REQUESTS_PER_ITERATION: usize = 16;
/// … as long as it has not taken longer than this.
const TIME_PER_ITERATION: Duration = Duration::from_millis(200);
/// Requests that are known to be pruned; the oldest are forgotten first.
const PRUNED_MAX: usize = 16_384;

/// Reads what operators have signed, and reports those that contradict themselves. What strangers put on
/// the chain for it is bounded, each block and each iteration.
pub(crate) struct EquivocationWatch {
    enabled: bool,
    tx: TxSender,
    store: Arc<Store>,
    deployment: DeploymentId,
    blocks: BlockReader,
    signatures: Signatures,
    slots: Slots,
    /// Claims that wait, by request.
    pending: BTreeMap<RequestId, Vec<Claim>>,
    /// Requests that are not there any more.
    pruned: BTreeSet<RequestId>,
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
            blocks: BlockReader::default(),
            signatures: Signatures::default(),
            slots: Slots::default(),
            pending: BTreeMap::new(),
            pruned: BTreeSet::new(),
        }
    }

    /// Turns it on or off. What blocks brought while it was off is not looked at.
    pub(crate) fn reload(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// Looks at some of the answers that calls of finalized blocks have brought. Says whether there are
    /// more, or something was reported.
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
        let found = self.blocks.collect();
        self.blocks.start(chain, cache);
        self.add(found, cache.next_id());
        let mut round = Round {
            chain,
            operators,
            cache,
        };
        let looked = match self.look_at_some(&mut round).await {
            // The node refuses something: the claims it was about are gone, nothing else.
            Err(RelayerError::Chain(error)) if !error.is_connection() => {
                tracing::debug!(%error, "signatures not checked");
                Ok(false)
            }
            looked => looked,
        };
        Ok(looked? || !self.pending.is_empty())
    }

    /// Adds claims about requests that can be there.
    fn add(&mut self, found: Vec<Claim>, next_id: RequestId) {
        let mut room = PENDING_MAX.saturating_sub(self.pending.values().map(Vec::len).sum());
        for claim in found {
            let id = claim.request_id;
            if id >= next_id || self.pruned.contains(&id) {
                continue;
            }
            let Some(left) = room.checked_sub(1) else {
                tracing::warn!(most = PENDING_MAX, "too many signed answers to look at all");
                return;
            };
            room = left;
            self.pending.entry(id).or_default().push(claim);
        }
    }

    async fn look_at_some(&mut self, round: &mut Round<'_>) -> Result<bool, RelayerError> {
        let started = Instant::now();
        let mut left = CLAIMS_PER_ITERATION;
        let mut worked = false;
        for id in self.there(round).await? {
            if left == 0 || started.elapsed() > TIME_PER_ITERATION {
                break;
            }
            let claims = self.pending.get(&id).into_iter().flatten();
            let claims: Vec<Claim> = claims.take(left).cloned().collect();
            left = left.saturating_sub(claims.len());
            let count = claims.len();
            let looked = self.look_at(round, id, claims).await;
            // After a broken connection they are looked at again.
            if !matches!(&looked, Err(error) if error.is_connection()) {
                self.drop_first(id, count);
            }
            worked |= looked?;
        }
        Ok(worked)
    }

    fn drop_first(&mut self, id: RequestId, count: usize) {
        if let Some(waiting) = self.pending.get_mut(&id) {
            waiting.drain(..count.min(waiting.len()));
            if waiting.is_empty() {
                self.pending.remove(&id);
            }
        }
    }

    /// Of the requests that claims are about the next ones that are there. Whatever is not known costs
    /// one read of its storage entries, and is remembered if it is not there.
    async fn there(&mut self, round: &Round<'_>) -> Result<Vec<RequestId>, RelayerError> {
        let ids = self.pending.keys().copied().take(REQUESTS_PER_ITERATION);
        let ids: Vec<RequestId> = ids.collect();
        let unknown = ids.iter().filter(|id| round.cache.summary(**id).is_none());
        let unknown: Vec<RequestId> = unknown.copied().collect();
        if unknown.is_empty() {
            return Ok(ids);
        }
        let keys: Vec<Key> = unknown.iter().copied().map(Key::Request).collect();
        let (oracle, at) = (&round.chain.oracle, round.chain.finalized.hash);
        let entries = oracle.chain.storage_entries(&oracle.address, &keys, at);
        let entries = match entries.await {
            Err(error) if !error.is_connection() => {
                // A node that serves no storage entries: no message is called for what may not be there.
                unknown.iter().for_each(|id| drop(self.pending.remove(id)));
                return Err(error.into());
            }
            entries => entries?,
        };
        for (id, _) in unknown.iter().zip(entries).filter(|(_, it)| it.is_none()) {
            self.pending.remove(id);
            self.pruned.insert(*id);
            if self.pruned.len() > PRUNED_MAX {
                self.pruned.pop_first();
            }
        }
        Ok(ids)
    }

    /// Looks at the claims about one request.
    async fn look_at(
        &mut self,
        round: &mut Round<'_>,
        id: RequestId,
        claims: Vec<Claim>,
    ) -> Result<bool, RelayerError> {
        let claims = self.without_own(round.operators, claims)?;
        if claims.is_empty() {
            return Ok(false);
        }
        let Some(view) = round.cache.view(round.chain, id).await? else {
            return Ok(false);
        };
        let mut worked = false;
        for claim in claims {
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
        let seat = view.seats.iter().find(|seat| seat.slot == slot);
        let of_seat = seat.map(|seat| seat.evidence);
        let Some(evidence) = claim.evidence.or(of_seat) else {
            return Ok(None);
        };
        let operator = match seat {
            Some(seat) => Some(seat.operator),
            None => self.slots.account(chain, slot).await?,
        };
        let Some(operator) = operator else {
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
        match self.tx.send(chain, operators, &draft).await {
            Err(error) if error.is_of_signer() => {
                tracing::warn!(request, slot, %error, "equivocation not reported");
                return Ok(false);
            }
            sent => sent?,
        }
        tracing::warn!(request, slot, by = ss58(account), "equivocation reported");
        Ok(true)
    }
}
