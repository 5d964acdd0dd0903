//! Messages that a world on the chain and a world of plain rules both take.

use llm_oracle_primitives::{
    AccountId, Answer, AnswerEntry, Balance, CommitEntry, DeliveryStatus, Equivocation, Error,
    Hash, Params, Phase, RequestId, RevealEntry, Signature, SignedAnswer, Slot, Terms,
    digest::{self, Context},
};
use llm_oracle_rules::{MemoryHost, Profile};

use crate::{
    keys::{SURE, answer_entry, commit_entry, reveal_entry, secrets},
    moves::{Flaw, Move, Part, Player},
    world::World,
};

/// A call as it is sent.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // One lives at a time.
pub enum Message {
    Register(AccountId, Signature, Balance),
    Declare(Slot, Vec<u8>),
    Own(Slot, AccountId),
    Publish(Vec<AccountId>),
    Fund(RequestId, Balance),
    Bond(Slot, Balance),
    Unbond(Slot, Balance),
    Release(Slot),
    Ask(Terms, Balance, Balance, bool),
    Commit(CommitEntry),
    Commits(Vec<CommitEntry>),
    Reveal(RevealEntry),
    Reveals(Vec<RevealEntry>),
    Answer(AnswerEntry),
    Answers(Vec<AnswerEntry>),
    Advance(RequestId),
    Deliver(RequestId),
    Prune(RequestId),
    Withdraw(AccountId),
    Pause(bool),
    Offer(AccountId),
    Take,
    AnnounceParams(Params),
    AnnounceCode(Hash),
    Upgrade,
    Report(Equivocation),
    Pass(u32),
}

/// What a message came to, whoever took it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Done,
    Slot(Slot),
    Id(RequestId),
    Amount(Balance),
    Block(u32),
    Phase(Phase),
    Delivery(DeliveryStatus),
    Batch(Vec<Result<(), Error>>),
}

/// What entries are made of besides the move: where they are sent.
pub struct Place {
    pub domain: Hash,
    pub contract: AccountId,
    pub block: u32,
}

impl Player {
    /// A move as it is sent.
    pub fn message(&self, step: Move, place: &Place) -> Message {
        match step {
            Move::Register(operator, bond) => {
                let operator = &self.operators[operator];
                let (domain, id) = (place.domain, operator.id);
                let message = digest::register_message(&domain, &place.contract, &id, &id, b"");
                Message::Register(operator.id, operator.sign(&message), bond)
            }
            Move::Bond(slot, value) => Message::Bond(slot, value),
            Move::Unbond(operator, amount) => {
                Message::Unbond(self.operators[operator].slot, amount)
            }
            Move::Release(slot) => Message::Release(slot),
            Move::Ask(terms, reward, value, credit) => Message::Ask(terms, reward, value, credit),
            Move::Declare(operator, family) => {
                Message::Declare(self.operators[operator].slot, family)
            }
            Move::Own(operator, owner) => Message::Own(self.operators[operator].slot, owner),
            Move::Publish(operators) => Message::Publish(operators),
            Move::Fund(id, value) => Message::Fund(id, value),
            Move::Commit(parts) => {
                let entry = |part: &Part| self.commit(part, place);
                one_or_many(&parts, entry, Message::Commit, Message::Commits)
            }
            Move::Reveal(parts) => {
                let entry = |part: &Part| self.reveal(part, place);
                one_or_many(&parts, entry, Message::Reveal, Message::Reveals)
            }
            Move::Answer(parts) => {
                let entry = |part: &Part| self.answer_entry(part, place);
                one_or_many(&parts, entry, Message::Answer, Message::Answers)
            }
            Move::Advance(id) => Message::Advance(id),
            Move::Deliver(id) => Message::Deliver(id),
            Move::Prune(id) => Message::Prune(id),
            Move::Withdraw(account) => Message::Withdraw(account),
            Move::Pause(paused) => Message::Pause(paused),
            Move::Offer(to) => Message::Offer(to),
            Move::Take => Message::Take,
            Move::AnnounceParams(params) => Message::AnnounceParams(params),
            Move::AnnounceCode(hash) => Message::AnnounceCode(hash),
            Move::Upgrade => Message::Upgrade,
            Move::Report(part, other) => Message::Report(self.report(&part, &other, place)),
            Move::Pass(blocks) => Message::Pass(blocks),
        }
    }

    fn context(&self, part: &Part, place: &Place) -> Context {
        let asked = self.asked.get(part.id as usize);
        let terms_digest = asked.map_or([0; 32], |(requester, terms, reward)| {
            digest::terms_digest(requester, *reward, terms)
        });
        Context {
            domain: place.domain,
            contract: place.contract,
            request_id: part.id,
            terms_digest,
            round: u8::from(part.flaw == Flaw::Context),
            phase: 0,
            operator: self.operators[part.operator].id,
            model: 0,
        }
    }

    pub fn commit(&self, part: &Part, place: &Place) -> CommitEntry {
        let until = if part.flaw == Flaw::Expired {
            place.block - 1
        } else {
            place.block + 50
        };
        let operator = &self.operators[part.operator];
        let mut entry = commit_entry(operator, &self.context(part, place), &part.answer, until);
        match (part.flaw, &mut entry.signature) {
            (Flaw::Signature, Some((_, signature))) => signature[40] ^= 1,
            (Flaw::Answer, _) => entry.commitment = [5; 32],
            (Flaw::Unsigned, _) => entry.signature = None,
            _ => {}
        }
        entry
    }

    pub fn reveal(&self, part: &Part, place: &Place) -> RevealEntry {
        let operator = &self.operators[part.operator];
        let mut entry = reveal_entry(operator, &self.context(part, place), &part.answer);
        match part.flaw {
            Flaw::Signature => entry.signature[40] ^= 1,
            Flaw::Answer => entry.answer = Answer::Choice(31),
            Flaw::Salt => entry.salt[0] ^= 1,
            _ => {}
        }
        entry
    }

    pub fn answer_entry(&self, part: &Part, place: &Place) -> AnswerEntry {
        let operator = &self.operators[part.operator];
        let mut entry = answer_entry(operator, &self.context(part, place), &part.answer);
        match part.flaw {
            Flaw::Signature => entry.signature[40] ^= 1,
            Flaw::Answer => entry.answer = Answer::Choice(31),
            Flaw::Salt => entry.salt[0] ^= 1,
            _ => {}
        }
        entry
    }

    /// Proof that an operator gave two answers; of one that is the same twice, none.
    fn report(&self, part: &Part, other: &Answer, place: &Place) -> Equivocation {
        let (context, operator) = (self.context(part, place), &self.operators[part.operator]);
        let signed = |answer: &Answer| {
            let (_, evidence) = secrets(&context);
            let message = digest::answer_message(&context, answer, SURE, &evidence);
            SignedAnswer {
                answer: digest::answer_digest(answer),
                confidence: SURE,
                evidence,
                signature: operator.sign(&message),
            }
        };
        Equivocation {
            request_id: part.id,
            terms_digest: context.terms_digest,
            slot: operator.slot,
            first: signed(&part.answer),
            second: signed(other),
        }
    }
}

fn one_or_many<T>(
    parts: &[Part],
    entry: impl Fn(&Part) -> T,
    one: impl Fn(T) -> Message,
    many: impl Fn(Vec<T>) -> Message,
) -> Message {
    match parts {
        [part] => one(entry(part)),
        parts => many(parts.iter().map(entry).collect()),
    }
}

fn done(result: Result<(), Error>) -> Result<Reply, Error> {
    result.map(|()| Reply::Done)
}

impl World {
    pub fn place(&mut self) -> Place {
        Place {
            domain: self.config.domain,
            contract: self.oracle,
            block: self.block(),
        }
    }

    /// Takes a message as the chain does.
    pub fn take(&mut self, caller: AccountId, message: &Message) -> Result<Reply, Error> {
        match message {
            Message::Register(id, signature, bond) => self
                .call(
                    caller,
                    *bond,
                    "register",
                    (id, id, Vec::<u8>::new(), signature),
                )
                .map(Reply::Slot),
            Message::Declare(slot, family) => {
                done(self.call(caller, 0, "declare_family", (slot, family)))
            }
            Message::Own(slot, owner) => done(self.call(caller, 0, "name_owner", (slot, owner))),
            Message::Publish(operators) => self
                .call(caller, 0, "publish_set", operators)
                .map(Reply::Slot),
            Message::Fund(id, value) => done(self.call(caller, *value, "fund_delivery", id)),
            Message::Bond(slot, value) => done(self.call(caller, *value, "bond", slot)),
            Message::Unbond(slot, amount) => done(self.call(caller, 0, "unbond", (slot, amount))),
            Message::Release(slot) => self.call(caller, 0, "release", slot).map(Reply::Amount),
            Message::Ask(terms, reward, value, credit) => self
                .call(caller, *value, "ask", (terms, reward, credit))
                .map(Reply::Id),
            Message::Commit(entry) => done(self.call(caller, 0, "commit", entry)),
            Message::Commits(entries) => self.batch(caller, "commit_batch", entries),
            Message::Reveal(entry) => done(self.call(caller, 0, "reveal", entry)),
            Message::Reveals(entries) => self.batch(caller, "reveal_batch", entries),
            Message::Answer(entry) => done(self.call(caller, 0, "answer", entry)),
            Message::Answers(entries) => self.batch(caller, "answer_batch", entries),
            Message::Advance(id) => self.call(caller, 0, "advance", id).map(Reply::Phase),
            Message::Deliver(id) => self.call(caller, 0, "deliver", id).map(Reply::Delivery),
            Message::Prune(id) => done(self.call(caller, 0, "prune", id)),
            Message::Withdraw(account) => {
                self.call(caller, 0, "withdraw", account).map(Reply::Amount)
            }
            Message::Pause(paused) => done(self.call(caller, 0, "set_paused", paused)),
            Message::Offer(to) => done(self.call(caller, 0, "offer_ownership", to)),
            Message::Take => done(self.call(caller, 0, "take_ownership", ())),
            Message::AnnounceParams(params) => self
                .call(caller, 0, "announce_params", params)
                .map(Reply::Block),
            Message::AnnounceCode(hash) => self
                .call(caller, 0, "announce_upgrade", hash)
                .map(Reply::Block),
            Message::Upgrade => done(self.call(caller, 0, "upgrade", ())),
            Message::Report(report) => self
                .call(caller, 0, "report_equivocation", report)
                .map(Reply::Amount),
            Message::Pass(blocks) => {
                let block = self.block() + blocks;
                self.jump_to(block);
                Ok(Reply::Done)
            }
        }
    }

    fn batch<T: codec::Encode>(
        &mut self,
        caller: AccountId,
        message: &str,
        entries: &[T],
    ) -> Result<Reply, Error> {
        self.call(caller, 0, message, entries).map(Reply::Batch)
    }
}

/// Takes a message as the plain rules do.
pub fn in_memory(
    chain: &mut MemoryHost,
    caller: AccountId,
    message: Message,
) -> Result<Reply, Error> {
    macro_rules! call {
        ($value:expr, $rule:expr) => {
            chain.call(caller, $value, $rule)
        };
    }
    match message {
        Message::Register(id, signature, bond) => {
            let profile = Profile {
                owner: id,
                family: vec![],
            };
            call!(bond, |oracle| oracle.register(id, profile, &signature)).map(Reply::Slot)
        }
        Message::Declare(slot, family) => {
            done(call!(0, |oracle| oracle.declare_family(slot, family)))
        }
        Message::Own(slot, owner) => done(call!(0, |oracle| oracle.name_owner(slot, owner))),
        Message::Publish(operators) => {
            call!(0, |oracle| oracle.publish_set(&operators)).map(Reply::Slot)
        }
        Message::Fund(id, value) => done(call!(value, |oracle| oracle.fund_delivery(id))),
        Message::Bond(slot, value) => done(call!(value, |oracle| oracle.bond(slot))),
        Message::Unbond(slot, amount) => done(call!(0, |oracle| oracle.unbond(slot, amount))),
        Message::Release(slot) => call!(0, |oracle| oracle.release(slot)).map(Reply::Amount),
        Message::Ask(terms, reward, value, credit) => {
            call!(value, |oracle| oracle.ask(terms, reward, credit)).map(Reply::Id)
        }
        Message::Commit(entry) => done(call!(0, |oracle| oracle.commit(entry))),
        Message::Commits(entries) => {
            call!(0, |oracle| oracle.commit_batch(entries)).map(Reply::Batch)
        }
        Message::Reveal(entry) => done(call!(0, |oracle| oracle.reveal(entry))),
        Message::Reveals(entries) => {
            call!(0, |oracle| oracle.reveal_batch(entries)).map(Reply::Batch)
        }
        Message::Answer(entry) => done(call!(0, |oracle| oracle.answer(entry))),
        Message::Answers(entries) => {
            call!(0, |oracle| oracle.answer_batch(entries)).map(Reply::Batch)
        }
        Message::Advance(id) => call!(0, |oracle| oracle.advance(id)).map(Reply::Phase),
        Message::Deliver(id) => call!(0, |oracle| oracle.deliver(id)).map(Reply::Delivery),
        Message::Prune(id) => done(call!(0, |oracle| oracle.prune(id))),
        Message::Withdraw(account) => {
            call!(0, |oracle| oracle.withdraw(&account)).map(Reply::Amount)
        }
        Message::Pause(paused) => done(call!(0, |oracle| oracle.set_paused(paused))),
        Message::Offer(to) => done(call!(0, |oracle| oracle.offer_ownership(to))),
        Message::Take => done(call!(0, |oracle| oracle.take_ownership())),
        Message::AnnounceParams(params) => {
            call!(0, |oracle| oracle.announce_params(params)).map(Reply::Block)
        }
        Message::AnnounceCode(hash) => {
            call!(0, |oracle| oracle.announce_upgrade(hash)).map(Reply::Block)
        }
        Message::Upgrade => done(call!(0, |oracle| oracle.upgrade())),
        Message::Report(report) => {
            call!(0, |oracle| oracle.report_equivocation(&report)).map(Reply::Amount)
        }
        Message::Pass(blocks) => {
            chain.block += blocks;
            Ok(Reply::Done)
        }
    }
}
