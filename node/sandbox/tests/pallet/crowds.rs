//! Many operators and many tickets: what a draw costs at worst, and that it never traps.

use codec::Decode;
use llm_oracle_primitives::{AnswerKind, Assignment, Phase, RequestId, event::CommitteeDrawn};
use llm_oracle_rules::{Counters, House, Operator, OperatorCell, TicketCell, Tickets};
use zerocopy::{FromBytes, IntoBytes};

use crate::{
    cells::Key,
    world::{CARRIER, STRANGER, UNIT, World, on_chain, params, terms},
};

/// Operators, and entries of the list of tickets. So many accounts fill 313 cells of 11 KiB, so many
/// tickets 2,344 of 6 KiB: thirteen times the memory of a contract.
const OPERATORS: u32 = 20_000;
const ENTRIES: u32 = 600_000;
/// Tickets of an entry.
const RUN: u64 = 3;

/// An oracle whose list of tickets is as long as that. All but a few of the tickets are void, so that
/// lots miss until there are none left. Written past the oracle: by its messages it would take an hour
/// and 3.75 million UNIT.
fn crowded() -> World {
    let mut world = World::new(3);
    let mut written = Vec::new();
    let each = u64::from(ENTRIES / OPERATORS) * RUN;
    for number in 0..OPERATORS.div_ceil(64) {
        let mut cell = OperatorCell::new(vec![]);
        for slot in (number * 64..OPERATORS).take(64) {
            let mut id = [0x33; 32];
            id[..4].copy_from_slice(&slot.to_le_bytes());
            let mut operator = Operator::new(id.into(), 100 * UNIT, 1);
            operator.tickets = each;
            operator.void_tickets = if slot % 1_000 == 7 { 0 } else { each };
            cell.set(slot, &operator);
        }
        written.push((Key::Operators(number), cell.bytes().to_vec()));
    }
    for number in 0..ENTRIES.div_ceil(256) {
        let mut cell = TicketCell::new(vec![]);
        for index in (number * 256..ENTRIES).take(256) {
            let end = (u64::from(index) + 1) * RUN;
            let before = u64::from(index / OPERATORS) * RUN;
            cell.set(index, &Tickets::new(end, before, index % OPERATORS));
        }
        written.push((Key::Tickets(number), cell.bytes().to_vec()));
    }
    let cells = world.cells();
    let mut house = House::read_from_bytes(&cells.cells[&Key::House]).unwrap();
    house.beacon.entries = ENTRIES;
    house.beacon.tickets = u64::from(ENTRIES) * RUN;
    written.push((Key::House, house.as_bytes().to_vec()));
    let mut counters = Counters::read_from_bytes(&cells.cells[&Key::Counters]).unwrap();
    counters.next_slot = OPERATORS;
    written.push((Key::Counters, counters.as_bytes().to_vec()));
    world.overwrite(&written);
    world
}

fn ask_drawn(world: &mut World) -> RequestId {
    let mut asked = terms(AnswerKind::Bool, 32, 17);
    asked.assignment = Assignment::Drawn;
    world.ask(&asked).unwrap()
}

#[test]
fn a_draw_from_the_longest_list_fits_a_transaction() {
    let mut world = crowded();
    let id = ask_drawn(&mut world);
    world.pass(params().draw_timeout + 1);
    let sent = world.send(CARRIER, 0, "advance", &id);
    assert!(sent.succeeded(), "{sent:?}");
    println!(
        "a draw of 32 seats from {ENTRIES} entries of {OPERATORS} operators, nearly all void: {} us, \
         {} KiB of proof",
        sent.gas_consumed.ref_time() / 1_000_000,
        sent.gas_consumed.proof_size() / 1_024,
    );
    // What may be drawn has been drawn: none of it is void.
    let drawn = world.request(id).draw.unwrap().drawn.unwrap();
    assert!(drawn.len() < 32, "lots have missed");
    for operator in drawn {
        let id: &[u8; 32] = operator.as_ref();
        let slot = u32::from_le_bytes(id[..4].try_into().unwrap());
        assert_eq!(slot % 1_000, 7);
    }
}

/// Nor does it stand between anybody and the money: `prune` draws too.
#[test]
fn a_request_of_the_longest_list_is_pruned_by_a_stranger() {
    let mut world = crowded();
    let id = ask_drawn(&mut world);
    let end = world.request(id).summary.commit_deadline + 1;
    world.jump_to(end + params().retention_blocks);
    let oracle = on_chain(world.oracle);
    assert_eq!(world.call::<()>(STRANGER, 0, "prune", id), Ok(()));
    // `CommitteeDrawn`, `Ended` and `Pruned`. Nearly all tickets are void, so nobody may have been drawn.
    let events = world.sandbox.contract_events();
    let own: Vec<_> = events.iter().filter(|one| one.contract == oracle).collect();
    assert_eq!(own.len(), 3, "{own:?}");
    let drawn = CommitteeDrawn::decode(&mut &own[0].data[..]).unwrap();
    assert_eq!((drawn.request_id, drawn.weak), (id, true));
    let other = ask_drawn(&mut world);
    world.pass(params().draw_timeout + 1);
    let advanced = world.call(STRANGER, 0, "advance", other);
    assert_eq!(advanced, Ok(Phase::Committing));
}
