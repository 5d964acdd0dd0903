//! Money: storage deposits stay still, and the books always balance.

use codec::Encode;
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Assignment, Balance, Error, RequestId, RequestView,
};
use llm_oracle_sandbox::{EXISTENTIAL_DEPOSIT, deposit};

use crate::world::{
    ASKER, Batch, CANNOT_TELL, CARRIER, NO, REWARD, STRANGER, UNIT, World, YES, terms,
};

/// Calls a message and fails if it moves a storage deposit.
fn for_no_deposit(world: &mut World, message: &str, arguments: &impl Encode) {
    let outcome = world.send(CARRIER, 0, message, arguments);
    assert!(outcome.succeeded(), "{message}: {outcome:?}");
    assert_eq!(outcome.deposit_signed(), 0, "{message}");
}

/// How a committee of so many seats may go on.
fn courses(seats: u8) -> Vec<(&'static str, Vec<Option<Answer>>)> {
    let all = |answer: Answer| vec![Some(answer); usize::from(seats)];
    let mut half = all(YES);
    half.iter_mut()
        .step_by(2)
        .for_each(|answer| *answer = Some(NO));
    let mut silent = all(YES);
    silent.iter_mut().skip(1).for_each(|answer| *answer = None);
    vec![
        ("answered", all(YES)),
        ("undetermined", all(CANNOT_TELL)),
        ("split", half),
        ("silent", silent),
    ]
}

#[test]
fn commit_reveal_settle_move_no_deposit() {
    let mut world = World::new(32);
    // Silent seats forfeit: without more than the least bond they could not take the next one.
    for slot in 0..32u32 {
        world.call::<()>(CARRIER, 50 * UNIT, "bond", slot).unwrap();
    }
    for seats in [1, 3, 7, 32] {
        for (course, answers) in courses(seats) {
            for named in [false, true] {
                let mut asked = terms(AnswerKind::Bool, seats, seats / 2 + 1);
                if named {
                    let operators = world.operators.iter().take(usize::from(seats));
                    asked.assignment = Assignment::Named {
                        operators: operators.map(|one| one.id).collect(),
                    };
                }
                let id = world.ask(&asked).unwrap();
                carry(&mut world, id, &answers);
                let view = world.request(id);
                assert!(view.summary.settled, "{course} with {seats}: {view:?}");
            }
        }
        expire(&mut world, seats);
    }
}

/// The first seat alone, the others in a batch, and `advance` when seats stay silent.
fn carry(world: &mut World, id: RequestId, answers: &[Option<Answer>]) {
    let commits: Vec<_> = answers
        .iter()
        .enumerate()
        .map(|(index, answer)| world.commit_entry(id, index, answer.as_ref().unwrap_or(&NO)))
        .collect();
    let reveals: Vec<_> = answers
        .iter()
        .enumerate()
        .filter_map(|(index, answer)| Some(world.reveal_entry(id, index, answer.as_ref()?)))
        .collect();
    for_no_deposit(world, "commit", &commits[0]);
    if commits.len() > 1 {
        for_no_deposit(world, "commit_batch", &commits[1..].to_vec());
    }
    for_no_deposit(world, "reveal", &reveals[0]);
    if reveals.len() > 1 {
        for_no_deposit(world, "reveal_batch", &reveals[1..].to_vec());
    }
    if reveals.len() < commits.len() {
        world.pass(11);
        for_no_deposit(world, "advance", &id);
    }
}

fn expire(world: &mut World, seats: u8) {
    let id = world
        .ask(&terms(AnswerKind::Bool, seats, seats / 2 + 1))
        .unwrap();
    if seats > 2 {
        let entry = world.commit_entry(id, 0, &YES);
        for_no_deposit(world, "commit", &entry);
    }
    world.pass(11);
    for_no_deposit(world, "advance", &id);
    assert!(world.request(id).summary.settled);
}

/// The pallet refunds a share of what the contract holds for storage and rounds down: so many planck
/// may stay behind.
const ROUNDING: i128 = 10;

fn assert_refund(refunded: i128, charged: i128) {
    let kept = charged - refunded;
    assert!(
        (0..ROUNDING).contains(&kept),
        "{refunded} refunded of {charged}"
    );
}

/// What `ask` charges for a request's two cells and its asker's account comes back when it is
/// pruned and paid out, to whoever does it, and not a planck more.
#[test]
fn prune_refund_is_documented() {
    let mut world = World::new(3);
    let price = (REWARD + world.seat_fee()) * 3;
    let asked = terms(AnswerKind::Bool, 3, 2);
    let arguments = (&asked, REWARD, false);
    let quote: Result<llm_oracle_primitives::Quote, Error> = world.view("quote", (&asked, REWARD));
    let quote = quote.unwrap();
    assert_eq!(quote.total, price);
    let charged = world.send(ASKER, price, "ask", &arguments).deposit_signed();
    // The quote names what the chain takes a deposit for.
    let deposits = deposit(quote.stored_items, quote.stored_bytes);
    assert_eq!(charged, deposits as i128);
    world.finish(0, &[YES, YES, YES]);
    world.pass(10);
    // Nothing is owed to the asker now: its account's cell goes with the request.
    assert_eq!(world.credit_of(ASKER), 0);
    let refunded = -world.send(ASKER, 0, "prune", &0u64).deposit_signed();
    assert_refund(refunded, charged);

    // With credit left the cell stays until it is paid out.
    let charged = world.send(ASKER, price, "ask", &arguments).deposit_signed();
    world.finish(1, &[YES, YES, NO]);
    assert_eq!(world.credit_of(ASKER), REWARD * 3 / 4);
    world.pass(20);
    let pruned = -world.send(STRANGER, 0, "prune", &1u64).deposit_signed();
    assert!(pruned < charged, "{pruned} of {charged}");
    let paid = -world.send(STRANGER, 0, "withdraw", &ASKER).deposit_signed();
    assert_refund(pruned + paid, charged);
    // One cell for the account: a hashed key that the pallet pays for, and 20 bytes.
    assert_refund(paid, deposit(1, 20) as i128);
}

#[test]
fn a_payee_below_the_existential_deposit_blocks_no_one() {
    let mut world = World::new(1);
    let poor = AccountId([0x77; 32]);
    let mut asked = terms(AnswerKind::Bool, 1, 1);
    asked.refund_to = Some(poor);
    let needed = REWARD + world.seat_fee();
    let id: RequestId = world
        .call(
            ASKER,
            needed + EXISTENTIAL_DEPOSIT - 1,
            "ask",
            (&asked, REWARD, false),
        )
        .unwrap();
    world.finish(id, &[YES]);
    let amount = EXISTENTIAL_DEPOSIT - 1;
    let refused = Err(Error::TransferFailed { amount });
    assert_eq!(
        world.call::<Balance>(STRANGER, 0, "withdraw", poor),
        refused
    );
    assert_eq!(world.credit_of(poor), amount);
    let operator = world.operators[0].id;
    assert!(
        world
            .call::<Balance>(STRANGER, 0, "withdraw", operator)
            .is_ok()
    );
    world.fund(poor, UNIT);
    assert_eq!(world.call(STRANGER, 0, "withdraw", poor), Ok(amount));
}

/// Batches pay as single calls do.
#[test]
fn a_batch_earns_what_its_entries_would() {
    let mut world = World::new(3);
    let ids = [(); 2].map(|()| world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap());
    world.finish(ids[0], &[YES, YES, NO]);
    for index in 0..3 {
        let answer = if index < 2 { YES } else { NO };
        world.commit(ids[1], index, &answer).unwrap();
    }
    let reveals: Vec<_> = [(0, YES), (1, YES), (2, NO)]
        .map(|(index, answer)| world.reveal_entry(ids[1], index, &answer))
        .to_vec();
    let batch: Batch = world.call(CARRIER, 0, "reveal_batch", reveals).unwrap();
    assert!(batch.iter().all(Result::is_ok));
    let [one, other] = ids.map(|id| world.request(id));
    let paid = |view: &RequestView| view.seats.iter().map(|seat| seat.paid).collect::<Vec<_>>();
    assert_eq!(
        (paid(&one), one.refund, one.fee),
        (paid(&other), other.refund, other.fee)
    );
}
