//! What must hold after every call, whoever made it: the books, the locks, and what never changes.

use std::collections::{BTreeMap, BTreeSet};

use llm_oracle_primitives::{
    AccountId, Answer, Balance, Config, DeliveryStatus, OperatorView, Outcome, RequestId,
    RequestView, SeatAnswer, SeatState, SeatView, Slot,
    digest::{self, Context},
};
use llm_oracle_rules::{Account, Treasury};

use crate::{
    cells::{Cells, Key},
    world::World,
};

/// The oracle as it stands after a call.
pub struct Shot {
    pub cells: Cells,
    pub config: Config,
    pub requests: BTreeMap<RequestId, RequestView>,
    pub operators: Vec<OperatorView>,
    accounts: BTreeMap<AccountId, Account>,
    total: Balance,
    balance: Balance,
    issuance: Balance,
}

impl Shot {
    pub fn of(world: &mut World) -> Self {
        let cells = world.cells();
        let ledger = cells.view(|oracle| oracle.ledger());
        Self {
            config: cells.config(),
            requests: cells.requests(),
            operators: cells.operators(),
            accounts: cells.accounts(),
            total: ledger.total,
            balance: ledger.balance,
            issuance: world.sandbox.total_issuance(),
            cells,
        }
    }

    fn size_of(&self, key: Key) -> Option<usize> {
        self.cells.cells.get(&key).map(Vec::len)
    }

    fn treasury(&self) -> Treasury {
        self.cells.treasury().unwrap_or_default()
    }

    fn reach(&self) -> u32 {
        self.cells.reach()
    }

    fn operator(&self, slot: Slot) -> &OperatorView {
        &self.operators[slot as usize]
    }

    /// Seats whose bond is locked: of requests that are not settled in storage.
    fn locked_seats(&self) -> impl Iterator<Item = (&RequestView, &SeatView)> {
        let open = self.requests.values().filter(|one| !one.summary.settled);
        open.flat_map(|one| one.seats.iter().map(move |seat| (one, seat)))
    }

    fn seats(&self) -> impl Iterator<Item = (&RequestView, &SeatView)> {
        let all = self.requests.values();
        all.flat_map(|one| one.seats.iter().map(move |seat| (one, seat)))
    }
}

/// What one request holds, planck.
fn held(view: &RequestView) -> Balance {
    let summary = &view.summary;
    let vacant = Balance::from(summary.seats - summary.committed);
    let seats = Balance::from(summary.seats) * summary.reward + vacant * view.seat_fee;
    view.delivery_escrow + if summary.settled { 0 } else { seats }
}

type Rule = fn(&Shot, &Shot) -> bool;

/// Requests that both know.
fn both<'a>(
    before: &'a Shot,
    after: &'a Shot,
) -> impl Iterator<Item = (&'a RequestView, &'a RequestView)> {
    let pair = |(id, now)| Some((before.requests.get(id)?, now));
    after.requests.iter().filter_map(pair)
}

/// Every invariant by name: the state before a call and the state after it.
pub const INVARIANTS: [(&str, Rule); 36] = [
    ("the balance covers the total", |_, now| {
        now.balance >= now.total
    }),
    ("the total is bonds, escrows and credits", |_, now| {
        let operators = now.operators.iter().map(|one| one.bond + one.credit);
        let credits = now.accounts.values().map(|one| one.credit);
        let held = now.requests.values().map(held);
        let treasury = now.treasury();
        let credits = credits.chain([treasury.owner_credit, treasury.sink_credit]);
        operators.chain(credits).chain(held).sum::<Balance>() == now.total
    }),
    ("money sent unasked stays apart", |was, now| {
        now.balance - now.total == was.balance - was.total
    }),
    ("no money is made or lost", |was, now| {
        was.issuance == now.issuance
    }),
    ("request numbers only rise", |was, now| {
        was.config.next_id <= now.config.next_id
    }),
    ("every stored request was asked", |_, now| {
        now.requests.keys().all(|id| *id < now.config.next_id)
    }),
    ("a pruned request never comes back", |was, now| {
        let old = now.requests.keys().filter(|id| **id < was.config.next_id);
        old.into_iter().all(|id| was.requests.contains_key(id))
    }),
    ("what is locked is the seats' bonds", |_, now| {
        let mut locked = vec![0; now.operators.len()];
        for (request, seat) in now.locked_seats() {
            locked[seat.slot as usize] += request.seat_bond;
        }
        now.operators.iter().map(|one| one.locked).eq(locked)
    }),
    ("a bond covers what is locked and what waits", |_, now| {
        let free = |one: &OperatorView| one.bond.checked_sub(one.locked + one.unbonding);
        now.operators.iter().all(|one| free(one).is_some())
    }),
    ("slots are never given twice", |was, now| {
        let kept = was.operators.iter().zip(&now.operators);
        let ids: BTreeSet<_> = now.operators.iter().map(|one| one.operator).collect();
        was.operators.len() <= now.operators.len()
            && kept
                .into_iter()
                .all(|(was, now)| was.operator == now.operator)
            && ids.len() == now.operators.len()
    }),
    ("every operator finds its slot", |_, now| {
        let cells = &now.cells;
        let slot_of = |id| {
            cells
                .view(|oracle| oracle.operator_view(id))
                .map(|one| one.slot)
        };
        now.operators
            .iter()
            .all(|one| slot_of(&one.operator) == Some(one.slot))
    }),
    ("a record only grows", |was, now| {
        let record = |one: &OperatorView| [one.agreed, one.dissented, one.abstained, one.silent];
        let grows =
            |was: [u32; 4], now: [u32; 4]| was.iter().zip(now).all(|(was, now)| *was <= now);
        let mut pairs = was.operators.iter().zip(&now.operators);
        pairs.all(|(was, now)| grows(record(was), record(now)))
    }),
    ("earnings and forfeits only grow", |was, now| {
        let mut pairs = was.operators.iter().zip(&now.operators);
        pairs.all(|(was, now)| was.earned <= now.earned && was.forfeited <= now.forfeited)
    }),
    ("shares are at most the whole", |_, now| {
        now.operators
            .iter()
            .all(|one| one.agreement_ppm <= 1_000_000)
    }),
    ("who is barred stays barred", |was, now| {
        let mut pairs = was.operators.iter().zip(&now.operators);
        pairs.all(|(was, now)| !was.barred || now.barred)
    }),
    (
        "every request below the lowest open one has ended",
        |_, now| {
            let lowest = now.config.lowest_open_id;
            let mut below = now.requests.range(..lowest);
            below.all(|(_, one)| one.summary.settled) && lowest <= now.config.next_id
        },
    ),
    ("the notice reaches as far as every lock", |_, now| {
        let open = now.requests.values().filter(|one| !one.summary.settled);
        let blocks = open.map(|one| one.summary.reveal_deadline);
        let bonds = now.operators.iter().filter(|one| one.unbonding > 0);
        let bonds = bonds.map(|one| one.unbonding_until);
        blocks.chain(bonds).all(|block| block <= now.reach())
    }),
    ("a family takes no more seats than it may", |_, now| {
        now.requests.values().all(|one| {
            let same = |seat: &SeatView| {
                let family = |other: &&SeatView| other.family == seat.family;
                one.seats.iter().filter(family).count()
            };
            let most = usize::from(one.max_seats_per_family);
            most == 0 || one.seats.iter().all(|seat| same(seat) <= most)
        })
    }),
    ("an attempt to deliver is paid from the escrow", |_, now| {
        let mut all = now.requests.values();
        all.all(|one| one.delivery_price <= one.delivery_escrow)
    }),
    ("a phase never goes back", |was, now| {
        both(was, now).all(|(was, now)| was.summary.phase as u8 <= now.summary.phase as u8)
    }),
    ("what was asked never changes", |was, now| {
        let fixed = |one: &RequestView| {
            let (summary, named) = (&one.summary, one.least_record);
            let money = (summary.reward, one.seat_fee, one.seat_bond, one.effort_ppm);
            let blocks = (summary.opens_at, summary.commit_deadline, one.asked_at);
            let form = (
                one.terms_digest,
                one.min_confidence,
                one.threshold,
                summary.seats,
            );
            (
                one.requester,
                one.beneficiary,
                money,
                blocks,
                form,
                named,
                one.callback,
            )
        };
        both(was, now).all(|(was, now)| fixed(was) == fixed(now))
    }),
    ("the terms kept are the terms asked", |was, now| {
        let new = now
            .requests
            .iter()
            .filter(|(id, _)| !was.requests.contains_key(id));
        new.into_iter().all(|(id, view)| {
            let terms = now.cells.view(|oracle| oracle.terms(*id));
            let digest = |terms| digest::terms_digest(&view.requester, view.summary.reward, &terms);
            terms.map(digest) == Some(view.terms_digest)
        })
    }),
    ("a seat never changes hands or commitment", |was, now| {
        let seat = |one: &SeatView| (one.slot, one.commitment, one.evidence, one.family);
        let kept = |was: &RequestView, now: &RequestView| {
            was.seats.len() <= now.seats.len()
                && was
                    .seats
                    .iter()
                    .zip(&now.seats)
                    .all(|(was, now)| seat(was) == seat(now))
        };
        both(was, now).all(|(was, now)| kept(was, now))
    }),
    ("an operator has one seat in a request", |_, now| {
        now.requests.values().all(|one| {
            let holders: BTreeSet<_> = one.seats.iter().map(|seat| seat.slot).collect();
            holders.len() == one.seats.len()
        })
    }),
    ("seats are counted", |_, now| {
        now.requests.values().all(|one| {
            let opened = one
                .seats
                .iter()
                .filter(|seat| seat.answer.is_some())
                .count();
            one.seats.len() == usize::from(one.summary.committed)
                && opened == usize::from(one.summary.revealed)
                && one.summary.committed <= one.summary.seats
        })
    }),
    (
        "a revealed answer opens its commitment and is signed for",
        |was, now| {
            let known = |id: RequestId, slot| {
                let seats = was.requests.get(&id).map(|one| &one.seats);
                let seat = seats.and_then(|seats| seats.iter().find(|seat| seat.slot == slot));
                seat.is_some_and(|seat| seat.answer.is_some())
            };
            now.seats()
                .filter(|(one, seat)| {
                    seat.answer.is_some() && !known(one.summary.request_id, seat.slot)
                })
                .all(|(one, seat)| opens(now, one, seat))
        },
    ),
    ("an answer given never changes", |was, now| {
        let given =
            |was: &SeatView, now: &SeatView| was.answer.is_none() || was.answer == now.answer;
        both(was, now).all(|(was, now)| {
            was.seats
                .iter()
                .zip(&now.seats)
                .all(|(was, now)| given(was, now))
        })
    }),
    ("an outcome is final", |was, now| {
        both(was, now).all(|(was, now)| was.outcome.is_none() || was.outcome == now.outcome)
    }),
    ("what a settlement paid is final", |was, now| {
        let paid = |one: &RequestView| -> Vec<_> {
            one.seats
                .iter()
                .map(|seat| (seat.paid, seat.forfeited, seat.state))
                .collect()
        };
        both(was, now)
            .filter(|(was, _)| was.summary.settled)
            .all(|(was, now)| (paid(was), was.refund, was.fee) == (paid(now), now.refund, now.fee))
    }),
    (
        "a settlement shares out what was held, and no more",
        |_, now| {
            now.requests
                .values()
                .filter(|one| one.summary.settled)
                .all(|one| {
                    let (seats, reward) = (Balance::from(one.summary.seats), one.summary.reward);
                    let vacant = Balance::from(one.summary.seats - one.summary.committed);
                    let paid: Balance = one.seats.iter().map(|seat| seat.paid).sum();
                    let lost: Balance = one.seats.iter().map(|seat| seat.forfeited).sum();
                    let spoke = one.summary.revealed > 0 || lost == 0;
                    let back = if spoke { reward.min(one.seat_fee) } else { 0 };
                    let to_sink = one
                        .seats
                        .iter()
                        .map(|seat| seat.forfeited.saturating_sub(back));
                    let expired = one.outcome == Some(Outcome::Expired);
                    paid + one.refund + one.fee + to_sink.sum::<Balance>()
                        == seats * reward + vacant * one.seat_fee + lost
                        || expired && lost > 0
                })
        },
    ),
    ("an outcome has the seats that it needs", |_, now| {
        now.requests.values().all(has_its_seats)
    }),
    ("only silence and equivocation cost a bond", |_, now| {
        let guilty =
            |seat: &SeatView| seat.state == SeatState::Silent || now.operator(seat.slot).barred;
        now.seats()
            .all(|(_, seat)| seat.forfeited == 0 || guilty(seat))
    }),
    (
        "a delivery is taken once and none is left running",
        |was, now| {
            let done = |one: &RequestView| one.summary.delivery == DeliveryStatus::Delivered;
            both(was, now).all(|(was, now)| !done(was) || done(now))
                && now.requests.values().all(|one| {
                    one.summary.delivery != DeliveryStatus::Delivering
                        && (!done(one) || one.delivery_escrow == one.delivery_price)
                })
        },
    ),
    ("the cells of a request keep their sizes", |was, now| {
        both(was, now).all(|(_, view)| {
            let id = view.summary.request_id;
            [Key::Request(id), Key::Terms(id), Key::Text(id)]
                .into_iter()
                .all(|key| was.size_of(key) == now.size_of(key))
        })
    }),
    (
        "an account is kept open for its requests and the treasury",
        |_, now| {
            let treasury = [now.config.owner, now.config.sink];
            now.accounts.iter().all(|(id, account)| {
                let asked = now.requests.values().filter(|one| one.beneficiary == *id);
                let keeps = treasury.iter().filter(|one| *one == id);
                account.open as usize == asked.count() + keeps.count()
            })
        },
    ),
    ("nothing is stored without a use", |_, now| {
        now.cells.cells.keys().all(|key| used(now, *key))
    }),
];

/// Whether a cell belongs to something that lives.
fn used(now: &Shot, key: Key) -> bool {
    match key {
        Key::Terms(id) | Key::Text(id) => now.requests.contains_key(&id),
        Key::Slot(id) => now.operators.iter().any(|one| one.operator == id),
        Key::Account(id) => now.accounts[&id] != Account::default(),
        _ => true,
    }
}

/// Whether a revealed seat's salt and answer give its commitment, and its operator signed for it.
fn opens(now: &Shot, request: &RequestView, seat: &SeatView) -> bool {
    let id = request.summary.request_id;
    let context = Context {
        domain: now.config.domain,
        contract: now.cells.contract,
        request_id: id,
        terms_digest: request.terms_digest,
        round: 0,
        phase: 0,
        operator: seat.operator,
        model: 0,
    };
    let (Some(answer), Some(salt), Some(signature)) = (&seat.answer, seat.salt, seat.signature)
    else {
        return false;
    };
    let digest = match answer {
        SeatAnswer::Whole(answer) => digest::answer_digest(answer),
        SeatAnswer::Digest(digest) => *digest,
    };
    let message = digest::answer_message_of(&context, &digest, seat.confidence, &seat.evidence);
    let signed = crate::keys::verifies(&seat.operator, &message, &signature);
    let commitment = |answer: &Answer| {
        digest::commitment(&context, answer, seat.confidence, &seat.evidence, &salt)
    };
    match answer {
        SeatAnswer::Whole(answer) => signed && commitment(answer) == seat.commitment,
        // The text itself is in the events.
        SeatAnswer::Digest(_) => signed,
    }
}

fn has_its_seats(one: &RequestView) -> bool {
    let state = |state| one.seats.iter().filter(|seat| seat.state == state).count() as u8;
    let (agreed, dissented, abstained) = (
        state(SeatState::Agreed),
        state(SeatState::Dissented),
        state(SeatState::Abstained),
    );
    let inconclusive = state(SeatState::Inconclusive);
    match &one.outcome {
        None => agreed + dissented + abstained + inconclusive + state(SeatState::Silent) == 0,
        Some(Outcome::Answered { margin, .. }) => {
            agreed >= one.threshold
                && (margin.agreeing, margin.abstaining()) == (agreed, abstained)
                && margin.confidence >= one.min_confidence
                && margin.revealed == agreed + dissented + abstained
        }
        Some(Outcome::Undetermined { margin }) => {
            let unsure = margin.agreeing >= one.threshold;
            let unsure = unsure && margin.confidence < one.min_confidence;
            (abstained >= one.threshold || unsure)
                && (agreed, dissented, margin.abstaining()) == (0, 0, abstained)
        }
        Some(Outcome::NoConsensus { margin }) => {
            (agreed, dissented, margin.abstaining()) == (0, 0, abstained)
                && abstained < one.threshold
                && inconclusive + abstained == margin.revealed
        }
        Some(Outcome::Expired) => {
            one.summary.committed < one.threshold
                && one
                    .seats
                    .iter()
                    .all(|seat| seat.state == SeatState::Released)
        }
    }
}

/// Checks every invariant; the first that does not hold, by name.
pub fn broken(before: &Shot, after: &Shot) -> Option<&'static str> {
    let found = INVARIANTS.iter().find(|(_, holds)| !holds(before, after));
    found.map(|(name, _)| *name)
}
