//! Whole requests, carried in several ways, and how many of them fit a block.

use codec::Encode;
use llm_oracle_primitives::{AnswerKind, RequestId, limits::MAX_BATCH_ENTRIES};

use crate::{
    SEATS,
    keys::Operator,
    table::{Cost, MICROSECOND, Table},
    world::{ASKER, CARRIER, REWARD, UNIT, World, YES, terms},
};

/// Execution time of a block that transactions may take, picoseconds.
const BLOCK: u64 = 1_500_000 * MICROSECOND;
/// Requests of one batch of one carrier.
const TOGETHER: usize = 16;

/// Who carries the entries of requests.
#[derive(Clone, Copy, PartialEq)]
pub enum Carried {
    /// Every seat its own.
    Alone,
    /// One carrier, in as few batches as there may be.
    Together,
}

/// Sends entries, and gives what that cost.
fn send<T: Encode>(world: &mut World, message: &str, entries: &[T], carried: Carried) -> Cost {
    let most = MAX_BATCH_ENTRIES as usize;
    match carried {
        Carried::Alone => entries.iter().fold(Cost::default(), |sum, entry| {
            sum.and(Cost::of(&world.send(CARRIER, 0, message, entry)))
        }),
        Carried::Together => entries.chunks(most).fold(Cost::default(), |sum, entries| {
            let message = format!("{message}_batch");
            sum.and(Cost::of(&world.send(CARRIER, 0, &message, &entries)))
        }),
    }
}

/// Whole requests with these members of the crowd as their seats: the asks, all commits, and all
/// reveals with the settlements.
pub fn whole(world: &mut World, members: &[usize], requests: usize, carried: Carried) -> [Cost; 3] {
    let seats = members.len() as u8; // At most 32.
    let asked = terms(AnswerKind::Bool, seats, seats / 2 + 1);
    let value = u128::from(seats) * (REWARD + world.seat_fee());
    let mut asks = Cost::default();
    let ids: Vec<RequestId> = (0..requests)
        .map(|_| {
            asks = asks.and(Cost::of(&world.send(
                ASKER,
                value,
                "ask",
                &(&asked, REWARD, false),
            )));
            world.view::<RequestId>("next_id", ()) - 1
        })
        .collect();
    let all = || {
        ids.iter()
            .flat_map(|id| members.iter().map(|seat| (*id, *seat)))
    };
    let commits: Vec<_> = all()
        .map(|(id, seat)| world.commit_entry(id, seat, &YES))
        .collect();
    let commits = send(world, "commit", &commits, carried);
    let reveals: Vec<_> = all()
        .map(|(id, seat)| world.reveal_entry(id, seat, &YES))
        .collect();
    let reveals = send(world, "reveal", &reveals, carried);
    let prunable = world.block() + world.config.params.delivery_blocks;
    world.jump_to(prunable);
    for id in &ids {
        assert!(world.request(*id).summary.settled);
        world.call::<()>(ASKER, 0, "prune", *id).unwrap();
    }
    [asks, commits, reveals]
}

/// What a transaction takes besides its contract call, picoseconds.
pub struct PerTransaction {
    /// Its base and the pallet's call.
    pub plain: u64,
    /// And its extensions by this node's weights. The original node's extensions weigh nothing.
    pub extended: u64,
}

/// Requests of three seats that fit a block at worst: with a carrier each, and with one for 16.
pub struct Fit {
    pub plain: [u64; 2],
    pub extended: [u64; 2],
}

/// Whole requests among 10 and among 1,000 registered operators, carried in three ways.
pub fn crowds(table: &mut Table, per_transaction: &PerTransaction) -> Fit {
    let mut world = World::new(0);
    let mut least = Fit {
        plain: [u64::MAX; 2],
        extended: [u64::MAX; 2],
    };
    for registered in [10, 1_000] {
        while world.operators.len() < registered {
            let operator = Operator::numbered(world.operators.len() as u16);
            // Enough for sixteen seats at a time.
            world.register(operator, 100 * UNIT).unwrap();
        }
        for seats in SEATS
            .into_iter()
            .filter(|seats| *seats as usize <= registered)
        {
            let members: Vec<usize> = (0..usize::from(seats)).collect();
            let mut carry = |how: &str, requests, carried| {
                let [_, commits, reveals] = whole(&mut world, &members, requests, carried);
                let cost = commits.and(reveals);
                let name = format!("{registered} operators, {seats} seats: {how}");
                table.row(&name, cost);
                let PerTransaction { plain, extended } = per_transaction;
                [plain, extended].map(|one| {
                    BLOCK * requests as u64 / (cost.ref_time + one * u64::from(cost.calls))
                })
            };
            carry("each its own", 1, Carried::Alone);
            let alone = carry("one carrier", 1, Carried::Together);
            let many = carry("one for 16 requests", TOGETHER, Carried::Together);
            println!(
                "    in a block of 1.5 s fit {} requests, each with its carrier, or {} by carriers of \
                 {TOGETHER}; with this node's extensions {} or {}",
                alone[0], many[0], alone[1], many[1]
            );
            if seats == 3 {
                least.plain = [least.plain[0].min(alone[0]), least.plain[1].min(many[0])];
                least.extended = [
                    least.extended[0].min(alone[1]),
                    least.extended[1].min(many[1]),
                ];
            }
        }
    }
    // Accounts lie 64 in a cell: a committee drawn from many operators seldom shares one.
    let [_, commits, reveals] = whole(&mut world, &[0, 500, 999], 1, Carried::Together);
    table.row(
        "1000 operators, 3 seats in 3 cells: one carrier",
        commits.and(reveals),
    );
    least
}
