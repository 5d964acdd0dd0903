//! Finding operators that signed two answers to one question, and reporting them.
//!
//! Reveals that the contract refused are evidence too, so the source is the calls of each finalized
//! block, not the events. What has been seen is only in memory: after a restart the answer that the
//! contract itself keeps takes its place.

use super::{
    error::RelayerError,
    relayer::{Now, Relayer},
    retry::in_turn,
    signatures::{claims, taken, Claim},
    transact::Plan,
    Oracle,
};
use llm_oracle_chain::{messages, Wanted};
use llm_oracle_primitives::{
    digest, AccountId, BlockNumber, Equivocation, RequestId, RequestView, SignedAnswer, Slot,
};
use llm_oracle_signing::verifies;
use llm_oracle_store::Purpose;
use llm_oracle_support::address::ss58;
use std::collections::BTreeSet;

/// Blocks looked at in one turn; more wait for the next one.
const BLOCKS_AT_ONCE: usize = 32;
/// Blocks behind the finalized one that are still looked at when the relayer was away.
const LOOK_BACK: BlockNumber = 256;
/// Gas on top of a dry run's need, percent.
const GAS_MARGIN_PERCENT: u64 = 20;

impl Relayer {
    /// Looks at the calls of the finalized blocks that came since the last time. A block that the node
    /// does not give is passed over: this must not keep a reveal from leaving.
    pub(super) async fn watch_signatures(
        &mut self,
        oracle: &Oracle,
        now: &Now,
    ) -> Result<bool, RelayerError> {
        if !self.config.limits.report_equivocations {
            return Ok(false);
        }
        let head = now.finalized.number;
        let oldest = head.saturating_sub(LOOK_BACK);
        let first = self.signatures.next.unwrap_or(head).max(oldest);
        let mut worked = false;
        for number in (first..=head).take(BLOCKS_AT_ONCE) {
            self.signatures.next = Some(number.saturating_add(1));
            match self.look_into(oracle, now, number).await {
                Ok(reported) => worked |= reported,
                Err(RelayerError::Chain(error)) if !error.is_connection() => {
                    tracing::debug!(block = number, %error, "signatures not looked at");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(worked)
    }

    async fn look_into(
        &mut self,
        oracle: &Oracle,
        now: &Now,
        number: BlockNumber,
    ) -> Result<bool, RelayerError> {
        let Some(block) = oracle.chain.hash_at(number).await? else {
            return Ok(false);
        };
        let inputs = oracle.chain.contract_inputs(&oracle.address, block);
        let claims: Vec<Claim> = inputs.await?.iter().flat_map(|it| claims(it)).collect();
        let claims = self.without_own(claims)?;
        let ids: BTreeSet<RequestId> = claims.iter().map(|claim| claim.request_id).collect();
        let wanted = ids.into_iter().map(Wanted::view);
        let wanted: Vec<Wanted> = wanted.collect();
        self.read_ahead(oracle, now, &wanted).await?;
        let mut worked = false;
        for claim in claims {
            let Some(view) = self.view(oracle, now, claim.request_id).await? else {
                continue;
            };
            if let Some(report) = self.check(oracle, &view, &claim).await? {
                worked |= self.report(oracle, now, &report).await?;
            }
        }
        Ok(worked)
    }

    /// Leaves out the answers that we gave ourselves: what is on record contradicts nothing.
    fn without_own(&self, mut claims: Vec<Claim>) -> Result<Vec<Claim>, RelayerError> {
        let own = |claim: &Claim| {
            let mut operators = self.operators.iter();
            let operator = operators.find(|operator| operator.slot == claim.slot);
            operator.map(|operator| operator.entry(claim.request_id))
        };
        let ids: BTreeSet<RequestId> = claims
            .iter()
            .filter_map(|claim| own(claim).map(|entry| entry.request_id))
            .collect();
        let recall = self.store.recall(&ids.into_iter().collect::<Vec<_>>())?;
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
        oracle: &Oracle,
        view: &RequestView,
        claim: &Claim,
    ) -> Result<Option<Equivocation>, RelayerError> {
        let (id, slot) = (claim.request_id, claim.slot);
        let Some(operator) = self.account_of_slot(oracle, slot).await? else {
            return Ok(None);
        };
        let seat = view.seats.iter().find(|seat| seat.slot == slot);
        let of_seat = seat.map(|seat| (seat.model, seat.evidence));
        let Some((model, evidence)) = claim.stated.or(of_seat) else {
            return Ok(None);
        };
        let terms_digest = view.terms_digest;
        let context = digest::Context {
            domain: self.deployment.domain,
            contract: oracle.address,
            request_id: id,
            terms_digest,
            round: 0,
            phase: 0,
            operator,
            model,
        };
        let signs = |signed: &SignedAnswer| {
            let message = digest::answer_message_of(&context, &signed.answer, &signed.evidence);
            verifies(&signed.signature, &message, &operator)
        };
        let claimed = SignedAnswer {
            answer: claim.answer,
            evidence,
            signature: claim.signature,
        };
        let place = (id, slot, model);
        let stands = taken(view, slot).filter(|(of, _)| *of == model);
        let all = stands
            .into_iter()
            .map(|(_, signed)| signed)
            .chain([claimed]);
        let mut two = None;
        for signed in all {
            two = two.or(self.signatures.note(place, signed, signs));
        }
        Ok(two.map(|(first, second)| Equivocation {
            request_id: id,
            terms_digest,
            slot,
            model,
            first,
            second,
        }))
    }

    async fn account_of_slot(
        &mut self,
        oracle: &Oracle,
        slot: Slot,
    ) -> Result<Option<AccountId>, RelayerError> {
        if let Some(account) = self.signatures.accounts.get(&slot) {
            return Ok(Some(*account));
        }
        let page = oracle.operators(slot, 1, None).await?;
        let account = page.first().map(|view| view.operator);
        self.signatures
            .accounts
            .extend(account.map(|account| (slot, account)));
        Ok(account)
    }

    async fn report(
        &self,
        oracle: &Oracle,
        now: &Now,
        report: &Equivocation,
    ) -> Result<bool, RelayerError> {
        let (request, slot) = (report.request_id, report.slot);
        if self.operators.iter().any(|operator| operator.slot == slot) {
            tracing::error!(
                request,
                slot,
                "our own operator signed two answers: its key is used elsewhere"
            );
            return Ok(false);
        }
        let Some(carrier) = in_turn(&self.able(), request, 0) else {
            return Ok(false);
        };
        if self.store.lease(&[request])?.is_empty() {
            // The replica that works on the request has seen it too.
            return Ok(false);
        }
        let account = &self.operators[carrier].account;
        let call = messages::report_equivocation(report);
        let ran = oracle
            .chain
            .dry_run(account, &oracle.address, 0, &call, None)
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
        let plan = Plan {
            purpose: Purpose::Report,
            carrier,
            input: call.input(),
            gas: dry.gas_required.with_margin(GAS_MARGIN_PERCENT),
            deposit_limit: Some(dry.deposit.charge()),
            entries: vec![self.operators[carrier].entry(request)],
        };
        self.transact(oracle, now, &plan).await?;
        tracing::warn!(request, slot, by = ss58(account), "equivocation reported");
        Ok(true)
    }
}
