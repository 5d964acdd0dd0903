//! Sees everything that leaves the relayer and everything that it writes, and knows what must not be.

use crate::network::{parse, Tx, Watch, World, ERA};
use llm_oracle_primitives::{
    AccountId, Answer, AnswerEntry, BlockNumber, CommitEntry, Hash, Phase, RequestId, RequestView,
    RevealEntry, SeatView, Slot,
};
use llm_oracle_store::{Answered, Skip};
use llm_oracle_support::address::hex0x;
use scale::{Decode, DecodeAll};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        atomic::{AtomicU32, Ordering},
        Mutex, MutexGuard, PoisonError,
    },
};

/// A request and an operator's account.
pub type Place = (RequestId, [u8; 32]);

/// What a transaction does: of each kind, request and operator one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Seat(Place),
    Reveal(Place),
    Advance(RequestId),
    Deliver(RequestId),
}

/// A transaction that left.
struct Sent {
    hash: Hash,
    signer: AccountId,
    nonce: u64,
    valid_until: Option<BlockNumber>,
    deeds: Vec<Deed>,
    /// The node said that it does not have it.
    refused: bool,
    /// Its nonce was behind a free one, and another one may bring what it carries.
    superseded: bool,
}

#[derive(Default)]
pub struct Seen {
    pub violations: Vec<String>,
    /// Hashes of stored transactions.
    pub stored: BTreeSet<Hash>,
    /// Recorded answers.
    pub answers: BTreeMap<Place, (Hash, Answer)>,
    /// Recorded skips.
    pub skips: BTreeSet<Place>,
    /// Charged failures of the model for each request.
    pub charged: BTreeMap<RequestId, u64>,
    /// Processes started.
    pub starts: u64,
    /// Writes that failed since the last start.
    pub disk_errors: u64,
    pub sends: u64,
    pub reveals: u64,
    sent: Vec<Sent>,
}

/// The witness of one run.
pub struct Witness {
    /// Our operators by slot.
    pub operators: BTreeMap<Slot, [u8; 32]>,
    pub max_attempts: u64,
    /// A height up to which eras may last whatever is usual: many blocks came at once.
    pub blocks_jump: AtomicU32,
    seen: Mutex<Seen>,
}

impl Witness {
    pub fn new(operators: BTreeMap<Slot, [u8; 32]>, max_attempts: u64) -> Self {
        Self {
            operators,
            max_attempts,
            blocks_jump: AtomicU32::new(0),
            seen: Mutex::default(),
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn violation(&self, text: String) {
        self.seen().violations.push(text);
    }

    pub fn is_ours(&self, account: &[u8; 32]) -> bool {
        self.operators.values().any(|id| id == account)
    }

    /// Whether one of our operators has a seat whose bond the end gives free, or is paid for the delivery.
    pub fn is_worth_ending(&self, view: &RequestView) -> bool {
        let mut holders = view.seats.iter().map(|seat| seat.operator);
        let seated = holders.any(|holder| self.is_ours(holder.as_ref()));
        seated && (view.delivery_price > 0 || !view.summary.settled)
    }

    /// A question is put to the model.
    pub fn asked(&self, world: &mut World, id: RequestId) {
        world.trace.note(format!("asks {id}"));
        let mut seen = self.seen();
        let count = |places: &mut dyn Iterator<Item = &Place>| {
            places.filter(|(request, _)| *request == id).count()
        };
        let answered = count(&mut seen.answers.keys());
        let skipped = count(&mut seen.skips.iter());
        if answered + skipped >= self.operators.len() {
            seen.violations.push(format!(
                "{id} is asked with {answered} answers and {skipped} skips"
            ));
        }
        let most = (self.max_attempts + 1 + seen.starts) * self.operators.len() as u64;
        let charged = seen.charged.get(&id).copied().unwrap_or_default();
        if charged > most {
            seen.violations
                .push(format!("{id} is asked after {charged} charged failures"));
        }
        let best = world.behind;
        let number = world.tree.number(&best);
        if let Some(view) = world.request(best, id) {
            let deadline = view.summary.commit_deadline;
            if number > deadline + 2 {
                seen.violations.push(format!(
                    "{id} is asked in {number}, its deadline is {deadline}"
                ));
            }
        }
    }

    pub fn charged(&self, id: RequestId) {
        *self.seen().charged.entry(id).or_default() += 1;
    }

    /// A request is left out.
    pub fn skipped(&self, skip: &Skip) {
        let mut seen = self.seen();
        if skip.reason.trim().is_empty() {
            let id = skip.request_id;
            seen.violations
                .push(format!("{id} is left out without a reason"));
        }
        seen.skips.insert((skip.request_id, skip.operator));
    }

    pub fn recorded(&self, answered: &Answered) {
        let place = (answered.request_id, answered.operator);
        let promise = (answered.commitment, answered.answer.clone());
        let mut seen = self.seen();
        let known = seen.answers.entry(place).or_insert(promise.clone()).clone();
        if known != promise {
            let id = answered.request_id;
            seen.violations.push(format!("{id} has a second answer"));
        }
    }

    /// What a call does for our operators, checked against what is recorded.
    fn deeds(&self, world: &mut World, seen: &mut Seen, input: &[u8]) -> Vec<Deed> {
        fn args<T: Decode>(bytes: &[u8]) -> Option<T> {
            T::decode_all(&mut &*bytes).ok()
        }
        let Some((name, bytes)) = parse(input) else {
            return Vec::new();
        };
        match name {
            "commit_batch" => {
                let entries: Vec<CommitEntry> = args(bytes).unwrap_or_default();
                let entries = entries.into_iter().filter_map(|entry| {
                    let place = (entry.request_id, *self.operators.get(&entry.slot)?);
                    match seen.answers.get(&place) {
                        Some((commitment, _)) if *commitment == entry.commitment => {}
                        _ => seen.violations.push(format!(
                            "{} is committed to with what is not recorded",
                            entry.request_id
                        )),
                    }
                    Some(Deed::Seat(place))
                });
                entries.collect()
            }
            "reveal_batch" => {
                let entries: Vec<RevealEntry> = args(bytes).unwrap_or_default();
                let mut deeds = Vec::new();
                for entry in entries {
                    let Some(operator) = self.operators.get(&entry.slot) else {
                        continue;
                    };
                    let place = (entry.request_id, *operator);
                    self.check_reveal(world, seen, &place, &entry.answer);
                    seen.reveals += 1;
                    deeds.push(Deed::Reveal(place));
                }
                deeds
            }
            "answer_batch" => {
                let entries: Vec<AnswerEntry> = args(bytes).unwrap_or_default();
                let entries = entries.into_iter().filter_map(|entry| {
                    let place = (entry.request_id, *self.operators.get(&entry.slot)?);
                    match seen.answers.get(&place) {
                        Some((_, answer)) if *answer == entry.answer => {}
                        _ => seen.violations.push(format!(
                            "{} is answered with what is not recorded",
                            entry.request_id
                        )),
                    }
                    Some(Deed::Seat(place))
                });
                entries.collect()
            }
            "advance" => args(bytes).map(Deed::Advance).into_iter().collect(),
            "deliver" => args(bytes).map(Deed::Deliver).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// A reveal leaves only when no block could take its commit round back.
    fn check_reveal(&self, world: &mut World, seen: &mut Seen, place: &Place, answer: &Answer) {
        let (id, operator) = place;
        if seen.answers.get(place).map(|(_, known)| known) != Some(answer) {
            seen.violations
                .push(format!("{id} is revealed with what is not recorded"));
        }
        let finalized = world.finalized;
        let open = world.request(finalized, *id).is_some_and(|view| {
            let seated = view.seats.iter().any(|seat| {
                let holder: &[u8; 32] = seat.operator.as_ref();
                holder == operator
            });
            seated && view.summary.phase != Phase::Committing
        });
        if !open {
            let number = world.final_height();
            seen.violations.push(format!(
                "{id} is revealed before its commits are final ({number})"
            ));
        }
    }

    /// Ends are seen to only where that pays, and no callback takes more than its terms say.
    fn check_pays(&self, world: &mut World, seen: &mut Seen, tx: &Tx, deeds: &[Deed]) {
        for deed in deeds {
            let (Deed::Advance(id) | Deed::Deliver(id)) = deed else {
                continue;
            };
            let finalized = world.finalized;
            let Some(view) = world.request(finalized, *id) else {
                continue;
            };
            let ours = |seat: &SeatView| self.is_ours(seat.operator.as_ref());
            if !view.seats.iter().any(ours) {
                seen.violations
                    .push(format!("{deed:?} leaves, and nobody of ours has a seat"));
            }
            if matches!(deed, Deed::Deliver(_)) {
                if view.delivery_price == 0 {
                    seen.violations
                        .push(format!("{id} is delivered although nobody pays for it"));
                }
                let most = view.callback.map_or(0, |limits| limits.storage_deposit);
                if tx.deposit_limit.is_none_or(|limit| limit > most) {
                    let limit = tx.deposit_limit;
                    seen.violations
                        .push(format!("{id} may take {limit:?}, its terms say {most}"));
                }
            }
        }
    }

    /// The deadline of what a transaction does, if it could be included much later.
    fn outlived(
        world: &mut World,
        deeds: &[Deed],
        valid_until: Option<BlockNumber>,
    ) -> Option<BlockNumber> {
        let finalized = world.finalized;
        let mut latest = None;
        for deed in deeds {
            let (Deed::Seat((id, _)) | Deed::Reveal((id, _))) = deed else {
                return None;
            };
            let summary = world.request(finalized, *id)?.summary;
            latest = latest.max(Some(match deed {
                Deed::Reveal(_) => summary.reveal_deadline,
                _ => summary.commit_deadline,
            }));
        }
        // A chain that is shorter than an era begins it at its first block; and one block more is left when
        // the deadline has just passed.
        let deadline = latest?.max(world.height() + 1);
        let begins = world.final_height();
        let is_usual = begins >= ERA && world.height() < begins + ERA / 2;
        (valid_until? > deadline && is_usual).then_some(deadline)
    }

    /// It waits behind a free nonce: another one may bring what it carries.
    pub fn supersede(&self, hash: &Hash) {
        let mut seen = self.seen();
        if let Some(sent) = seen.sent.iter_mut().find(|sent| sent.hash == *hash) {
            sent.superseded = true;
        }
    }

    /// Whether a transaction that left can't have an effect any more.
    fn is_dead(world: &World, sent: &Sent) -> bool {
        let state = world.tree.state(&world.finalized);
        let used = state.is_some_and(|state| state.nonce(&sent.signer) > sent.nonce);
        let over = sent
            .valid_until
            .is_some_and(|last| world.final_height() > last);
        used || over || sent.refused || sent.superseded
    }
}

impl Watch for Witness {
    fn leaves(&self, world: &mut World, node: usize, tx: &Tx, hash: &Hash) {
        if !self.is_ours(&tx.signer) {
            return;
        }
        let mut seen = self.seen();
        seen.sends += 1;
        let shown = format!("{} {}", &hex0x(&tx.signer)[..8], tx.nonce);
        if !seen.stored.contains(hash) {
            seen.violations
                .push(format!("{shown} leaves and is not stored"));
        }
        // Half an era is left above the best block however far finality is behind; eras are longer while
        // blocks come fast, and a chain that is shorter than an era begins it at its first block.
        let latest = world.height() + 2 * ERA;
        let latest = latest.max(self.blocks_jump.load(Ordering::Relaxed));
        // What was signed before a reorganisation may be sent again.
        let again = seen.sent.iter().any(|sent| sent.hash == *hash);
        if !again && tx.valid_until.is_none_or(|last| last > latest) {
            seen.violations
                .push(format!("{shown} has no near end: {:?}", tx.valid_until));
        }
        if world.nodes[node].syncing_for > 2 {
            seen.violations
                .push(format!("{shown} goes to a node that is syncing"));
        }
        let deeds = self.deeds(world, &mut seen, &tx.input);
        if !again {
            self.check_pays(world, &mut seen, tx, &deeds);
        }
        let outlived = Self::outlived(world, &deeds, tx.valid_until);
        if let Some(deadline) = outlived.filter(|_| !again) {
            let text = format!("{shown} is valid after {deadline}, when {deeds:?} is over");
            seen.violations.push(text);
        }
        let signer = AccountId::from(tx.signer);
        let rival = seen.sent.iter().find(|sent| {
            sent.hash != *hash
                && (sent.deeds.iter().any(|deed| deeds.contains(deed))
                    || (sent.signer, sent.nonce) == (signer, tx.nonce))
                && !Self::is_dead(world, sent)
        });
        if let Some(rival) = rival {
            let text = format!(
                "{shown} leaves for {deeds:?} while nonce {} may still count",
                rival.nonce
            );
            seen.violations.push(text);
        }
        match seen.sent.iter_mut().find(|sent| sent.hash == *hash) {
            Some(known) => known.refused = false,
            None => seen.sent.push(Sent {
                hash: *hash,
                signer,
                nonce: tx.nonce,
                valid_until: tx.valid_until,
                deeds,
                refused: false,
                superseded: false,
            }),
        }
    }

    fn refused(&self, hash: &Hash) {
        let mut seen = self.seen();
        if let Some(sent) = seen.sent.iter_mut().find(|sent| sent.hash == *hash) {
            sent.refused = true;
        }
    }
}
