//! Taking seats and revealing answers, one by one and in batches.

use ink::prelude::{boxed::Box, vec, vec::Vec};
use llm_oracle_primitives::{
    digest,
    event::{AnswerPublished, Committed, Event, Revealed, SeatCommitted, SeatRevealed},
    limits::{BATCH_RESERVE_REF_TIME, MAX_BATCH_ENTRIES},
    AccountId, Answer, AnswerEntry, BlockNumber, CommitEntry, Error, Hash, Phase, RequestId,
    RevealEntry, SeatAnswer, Slot,
};

use super::Oracle;
use crate::{
    moves::check_confidence, refuse, seat::shown, text::filled_text, Host, Opened, Operator,
    Refusal, Request,
};

/// Result of each entry of a batch, in order.
pub type Batch = Vec<Result<(), Error>>;

/// A request that a batch is working on, with what moved in it so far.
struct Group {
    id: RequestId,
    /// The block, and the contract: asked for once, for each question to the host is paid for.
    now: BlockNumber,
    contract: AccountId,
    request: Box<Request>,
    /// Slots of the set that its terms name, once somebody asked for a seat.
    set: Option<Vec<Slot>>,
    committed: Vec<SeatCommitted>,
    revealed: Vec<SeatRevealed>,
}

/// An entry of a batch of any kind. One type, so that the batch code exists once.
enum Entry {
    Commit(CommitEntry),
    Reveal(RevealEntry),
    Answer(AnswerEntry),
}

impl Entry {
    fn request_id(&self) -> RequestId {
        match self {
            Self::Commit(entry) => entry.request_id,
            Self::Reveal(entry) => entry.request_id,
            Self::Answer(entry) => entry.request_id,
        }
    }
}

impl<H: Host> Oracle<H> {
    /// Takes one seat.
    ///
    /// # Errors
    /// The reason why not.
    pub fn commit(&mut self, entry: CommitEntry) -> Result<(), Refusal> {
        self.single(Entry::Commit(entry))
    }

    /// Reveals one answer; the last one settles the request.
    ///
    /// # Errors
    /// The reason why not.
    pub fn reveal(&mut self, entry: RevealEntry) -> Result<(), Refusal> {
        self.single(Entry::Reveal(entry))
    }

    /// Answers a one-step request, which settles it.
    ///
    /// # Errors
    /// The reason why not.
    pub fn answer(&mut self, entry: AnswerEntry) -> Result<(), Refusal> {
        self.single(Entry::Answer(entry))
    }

    /// Takes many seats. An entry that fails says why and undoes no other.
    ///
    /// # Errors
    /// `BatchSize`.
    pub fn commit_batch(&mut self, entries: Vec<CommitEntry>) -> Result<Batch, Refusal> {
        self.batch(entries.into_iter().map(Entry::Commit).collect())
    }

    /// Reveals many answers. An entry that fails says why and undoes no other.
    ///
    /// # Errors
    /// `BatchSize`.
    pub fn reveal_batch(&mut self, entries: Vec<RevealEntry>) -> Result<Batch, Refusal> {
        self.batch(entries.into_iter().map(Entry::Reveal).collect())
    }

    /// Answers many one-step requests. An entry that fails says why and undoes no other.
    ///
    /// # Errors
    /// `BatchSize`.
    pub fn answer_batch(&mut self, entries: Vec<AnswerEntry>) -> Result<Batch, Refusal> {
        self.batch(entries.into_iter().map(Entry::Answer).collect())
    }

    fn single(&mut self, entry: Entry) -> Result<(), Refusal> {
        let mut group = self.open_group(entry.request_id())?;
        self.carry_out(entry, &mut group)?;
        self.close_group(group)
    }

    fn batch(&mut self, entries: Vec<Entry>) -> Result<Batch, Refusal> {
        let most = MAX_BATCH_ENTRIES;
        if entries.is_empty() || entries.len() > most as usize {
            return refuse(Error::BatchSize {
                entries: entries.len() as u32,
                most,
            });
        }
        let mut results = vec![Err(Error::NotTried); entries.len()];
        // In a box, or each entry would move it about.
        let mut open: Option<Box<Group>> = None;
        for (entry, result) in entries.into_iter().zip(&mut results) {
            if self.host.gas_left() < BATCH_RESERVE_REF_TIME || !self.host.has_room() {
                break;
            }
            let id = entry.request_id();
            let mut group = match open.take() {
                Some(group) if group.id == id => group,
                other => {
                    other.map_or(Ok(()), |group| self.close_group(group))?;
                    match self.open_group(id) {
                        Ok(group) => group,
                        Err(error) => {
                            *result = Err(*error);
                            continue;
                        }
                    }
                }
            };
            *result = self
                .carry_out(entry, &mut group)
                .map_err(|refusal| *refusal);
            open = Some(group);
        }
        open.map_or(Ok(()), |group| self.close_group(group))?;
        Ok(results)
    }

    /// Each kind is a function of its own, see [`Self::settle`].
    fn carry_out(&mut self, entry: Entry, group: &mut Group) -> Result<(), Refusal> {
        match entry {
            Entry::Commit(entry) => self.carry_commit(entry, group),
            Entry::Reveal(entry) => self.carry_reveal(entry, group),
            Entry::Answer(entry) => self.carry_answer(entry, group),
        }
    }

    fn open_group(&mut self, id: RequestId) -> Result<Box<Group>, Refusal> {
        let request = self.stored(id)?;
        Ok(Box::new(Group {
            id,
            now: self.host.block(),
            contract: self.host.contract(),
            request,
            set: None,
            committed: Vec::new(),
            revealed: Vec::new(),
        }))
    }

    /// Writes a request in which something moved, emits one event for all of it, and settles when
    /// this was the last reveal.
    #[allow(clippy::boxed_local)] // Out of its box it would be moved.
    fn close_group(&mut self, mut group: Box<Group>) -> Result<(), Refusal> {
        let id = group.id;
        if group.committed.is_empty() && group.revealed.is_empty() {
            return Ok(());
        }
        if !group.committed.is_empty() {
            self.host.emit(Event::Committed(Committed {
                request_id: id,
                seats: group.committed,
            }));
        }
        if !group.revealed.is_empty() {
            self.host.emit(Event::Revealed(Revealed {
                request_id: id,
                seats: group.revealed,
            }));
        }
        self.settle_if_ended(id, &mut group.request)?;
        self.host.set_request(id, &group.request);
        Ok(())
    }

    /// Locks the bond of a seat and pays its seat fee.
    fn seat(&mut self, group: &Group, slot: u32, mut operator: Operator) -> Result<(), Refusal> {
        operator.lock(group.request.seat_bond, group.request.seat_fee)?;
        self.set_operator(slot, &operator);
        Ok(())
    }

    #[inline(never)]
    fn carry_commit(&mut self, entry: CommitEntry, group: &mut Group) -> Result<(), Refusal> {
        let CommitEntry {
            slot,
            commitment,
            evidence,
            signature,
            ..
        } = entry;
        let now = group.now;
        let operator = self.admit(group, slot, false)?;
        match signature {
            None if operator.id() == self.host.caller() => {}
            None => return refuse(Error::NotTheOperator { slot }),
            Some((valid_until, _)) if now > valid_until => {
                return refuse(Error::SignatureExpired { valid_until, now });
            }
            Some((valid_until, signature)) => {
                let context = group
                    .request
                    .context(group.contract, group.id, operator.id(), 0);
                let message = digest::seat_message(&context, &commitment, &evidence, valid_until);
                if !self.host.verify(&signature, &message, &operator.id()) {
                    return refuse(Error::BadSignature { slot });
                }
            }
        }
        let (id, family) = (operator.id(), operator.family);
        self.seat(group, slot, operator)?;
        group
            .request
            .commit(slot, family, commitment, evidence, now)?;
        group.committed.push(SeatCommitted {
            operator: id,
            slot,
            commitment,
            evidence,
        });
        Ok(())
    }

    #[inline(never)]
    fn carry_reveal(&mut self, entry: RevealEntry, group: &mut Group) -> Result<(), Refusal> {
        let slot = entry.slot;
        let opened = Opened {
            answer: entry.answer,
            confidence: entry.confidence,
            salt: entry.salt,
            signature: entry.signature,
        };
        let (answer, confidence) = (&opened.answer, opened.confidence);
        let request = &group.request;
        let seat = request.can_reveal(slot, (answer, confidence), group.now)?;
        let (model, evidence, commitment) = (seat.model, seat.evidence, seat.commitment);
        let operator = self.operator(slot)?.id();
        let context = request.context(group.contract, group.id, operator, model);
        let signed = request.signed_confidence(confidence);
        if digest::commitment(&context, answer, signed, &evidence, &opened.salt) != commitment {
            return refuse(Error::CommitmentMismatch { slot });
        }
        let message = digest::answer_message(&context, answer, signed, &evidence);
        if !self.host.verify(&opened.signature, &message, &operator) {
            return refuse(Error::BadSignature { slot });
        }
        self.open_seat(group, (slot, operator), opened)
    }

    /// Opens a seat with an answer that has been checked.
    fn open_seat(
        &mut self,
        group: &mut Group,
        (slot, operator): (Slot, AccountId),
        opened: Opened,
    ) -> Result<(), Refusal> {
        let (id, now, request) = (group.id, group.now, &mut group.request);
        request.reveal(slot, &opened, now)?;
        let shown = shown(opened.answer.clone());
        if let SeatAnswer::Digest(digest) = &shown {
            self.publish_answer((id, slot), request, digest, opened.answer);
        }
        group.revealed.push(SeatRevealed {
            operator,
            slot,
            answer: shown,
            confidence: opened.confidence,
            salt: opened.salt,
            signature: opened.signature,
        });
        Ok(())
    }

    /// Publishes the text of an open answer in the first event that has it, and keeps it in the request's
    /// cell once it is agreed on. A function of its own, see [`Self::settle`].
    #[inline(never)]
    fn publish_answer(
        &mut self,
        (id, slot): (RequestId, Slot),
        request: &Request,
        digest: &Hash,
        answer: Answer,
    ) {
        let seats = request.seats_with(digest);
        if seats == request.threshold {
            if let Some(cell) = filled_text(&request.form, &answer) {
                self.host.set_text(id, &cell);
            }
        }
        if seats == 1 {
            self.host.emit(Event::AnswerPublished(AnswerPublished {
                request_id: id,
                slot,
                answer,
            }));
        }
    }

    #[inline(never)]
    fn carry_answer(&mut self, entry: AnswerEntry, group: &mut Group) -> Result<(), Refusal> {
        let (slot, evidence, now) = (entry.slot, entry.evidence, group.now);
        let opened = Opened {
            answer: entry.answer,
            confidence: entry.confidence,
            salt: entry.salt,
            signature: entry.signature,
        };
        let operator = self.admit(group, slot, true)?;
        group.request.form.check(&opened.answer, slot)?;
        check_confidence(opened.confidence)?;
        if opened.salt != digest::ONE_STEP_SALT {
            return refuse(Error::SaltNotZero { slot });
        }
        let (id, family) = (operator.id(), operator.family);
        let context = group.request.context(group.contract, group.id, id, 0);
        let signed = Some(opened.confidence);
        // The signed answer is the operator's permission for any transmitter.
        let message = digest::answer_message(&context, &opened.answer, signed, &evidence);
        if !self.host.verify(&opened.signature, &message, &id) {
            return refuse(Error::BadSignature { slot });
        }
        let commitment =
            digest::commitment(&context, &opened.answer, signed, &evidence, &opened.salt);
        self.seat(group, slot, operator)?;
        group
            .request
            .commit(slot, family, commitment, evidence, now)?;
        group.committed.push(SeatCommitted {
            operator: id,
            slot,
            commitment,
            evidence,
        });
        self.open_seat(group, (slot, id), opened)
    }

    /// The operator that may take the next seat of a request.
    fn admit(
        &mut self,
        group: &mut Group,
        slot: Slot,
        one_step: bool,
    ) -> Result<Operator, Refusal> {
        group.request.can_commit(slot, one_step, group.now)?;
        if let Some(set) = group.request.set() {
            let host = &self.host;
            let known = || host.operator_set(set).map(|known| known.slots);
            let slots = group.set.get_or_insert_with(|| known().unwrap_or_default());
            if slots.binary_search(&slot).is_err() {
                return refuse(Error::NotInSet { slot, set });
            }
        }
        let operator = self.operator(slot)?;
        group.request.admit(slot, &operator)?;
        Ok(operator)
    }

    /// Does what the block number has decided: settles an ended request. Anyone may call.
    ///
    /// # Errors
    /// `NoSuchRequest`.
    pub fn advance(&mut self, id: RequestId) -> Result<Phase, Refusal> {
        let mut request = self.stored(id)?;
        if self.settle_if_ended(id, &mut request)? {
            self.host.set_request(id, &request);
        }
        Ok(request.phase(self.host.block()))
    }
}
