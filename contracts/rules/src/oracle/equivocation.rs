//! Punishing an operator that signed two answers to one question.

use llm_oracle_primitives::{
    digest::{self, Context},
    event::{Equivocated, Event},
    limits::share,
    Balance, Equivocation, Error,
};

use super::Oracle;
use crate::{refuse, sub, Host, Refusal};

impl<H: Host> Oracle<H> {
    /// Bars an operator that signed two different answers in one context. It loses what no seat has
    /// locked at once, of which the caller gets a part, and the bond of each open seat when that ends.
    /// Other bytes of a signature, or another evidence alone, prove nothing.
    ///
    /// # Errors
    /// `NoSuchOperator`, `Barred`, `NoEquivocation`, `BadSignature`.
    pub fn report_equivocation(&mut self, report: &Equivocation) -> Result<Balance, Refusal> {
        let slot = report.slot;
        let mut operator = self.operator(slot)?;
        if operator.is_barred() {
            return refuse(Error::Barred { slot });
        }
        if report.first.answer == report.second.answer {
            return refuse(Error::NoEquivocation { slot });
        }
        let context = Context {
            domain: self.host.identity().domain,
            contract: self.host.contract(),
            request_id: report.request_id,
            terms_digest: report.terms_digest,
            round: 0,
            phase: 0,
            operator: operator.id(),
            model: 0,
        };
        for signed in [&report.first, &report.second] {
            let message = digest::answer_message_of(
                &context,
                &signed.answer,
                signed.confidence,
                &signed.evidence,
            );
            if !self
                .host
                .verify(&signed.signature, &message, &operator.id())
            {
                return refuse(Error::BadSignature { slot });
            }
        }
        let forfeited = operator.bar();
        self.set_operator(slot, &operator);
        let reporter = self.host.caller();
        let reward = share(forfeited, self.params().report_ppm);
        self.credit_transmitter(&reporter, reward)?;
        let sink = self.host.identity().sink();
        self.credit(&sink, sub(forfeited, reward)?)?;
        self.host.emit(Event::Equivocated(Equivocated {
            slot,
            request_id: report.request_id,
            forfeited,
            reporter,
            reward,
        }));
        Ok(reward)
    }
}
