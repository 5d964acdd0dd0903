//! The plain rules and the Wasm on the pallet agree on random traces.

use llm_oracle_primitives::{
    AccountId, Balance, Error, LedgerView, OperatorView, RequestId, RequestView,
};
use llm_oracle_rules::MemoryHost;

use crate::{
    keys::Operator,
    moves::{Move, Place, Player, Reply, actors, seed_and_steps},
    world::{DEPLOYER, SINK, UNIT, World, params},
};

/// Moves of one trace; then a new one begins, so that no trace lives on old requests only.
const TRACE: u32 = 250;

/// Makes moves on the chain.
pub fn on_pallet(
    world: &mut World,
    player: &Player,
    caller: AccountId,
    step: &Move,
) -> Result<Reply, Error> {
    let place = Place {
        domain: world.config.domain,
        contract: world.oracle,
        block: world.block(),
    };
    match step {
        Move::Register(operator, bond) => {
            let (id, signature) = registration(&player.operators[*operator], &place);
            world
                .call(caller, *bond, "register", (id, signature))
                .map(Reply::Slot)
        }
        Move::Bond(slot, value) => done(world.call(caller, *value, "bond", slot)),
        Move::Unbond(operator, amount) => {
            let slot = player.operators[*operator].slot;
            done(world.call(caller, 0, "unbond", (slot, amount)))
        }
        Move::Release(slot) => world.call(caller, 0, "release", slot).map(Reply::Amount),
        Move::Ask(terms, reward, value) => world
            .call(caller, *value, "ask", (terms, reward))
            .map(Reply::Id),
        Move::Commit(parts) => {
            let mut entries: Vec<_> = parts
                .iter()
                .map(|part| player.commit(part, &place))
                .collect();
            match entries.len() {
                1 => done(world.call(caller, 0, "commit", entries.remove(0))),
                _ => world
                    .call(caller, 0, "commit_batch", entries)
                    .map(Reply::Batch),
            }
        }
        Move::Reveal(parts) => {
            let mut entries: Vec<_> = parts
                .iter()
                .map(|part| player.reveal(part, &place))
                .collect();
            match entries.len() {
                1 => done(world.call(caller, 0, "reveal", entries.remove(0))),
                _ => world
                    .call(caller, 0, "reveal_batch", entries)
                    .map(Reply::Batch),
            }
        }
        Move::Answer(parts) => {
            let mut entries: Vec<_> = parts
                .iter()
                .map(|part| player.answer_entry(part, &place))
                .collect();
            match entries.len() {
                1 => done(world.call(caller, 0, "answer", entries.remove(0))),
                _ => world
                    .call(caller, 0, "answer_batch", entries)
                    .map(Reply::Batch),
            }
        }
        Move::Advance(id) => world.call(caller, 0, "advance", id).map(Reply::Phase),
        Move::Deliver(id) => world.call(caller, 0, "deliver", id).map(Reply::Delivery),
        Move::Prune(id) => done(world.call(caller, 0, "prune", id)),
        Move::Withdraw(account) => world
            .call(caller, 0, "withdraw", account)
            .map(Reply::Amount),
        Move::Pass(blocks) => {
            let block = world.block() + blocks;
            world.jump_to(block);
            Ok(Reply::Done)
        }
    }
}

/// Makes moves by the plain rules.
fn in_memory(
    chain: &mut MemoryHost,
    player: &Player,
    caller: AccountId,
    step: &Move,
) -> Result<Reply, Error> {
    let place = Place {
        domain: chain.domain(),
        contract: MemoryHost::address(),
        block: chain.block,
    };
    match step {
        Move::Register(operator, bond) => {
            let (id, signature) = registration(&player.operators[*operator], &place);
            chain
                .call(caller, *bond, |oracle| oracle.register(id, &signature))
                .map(Reply::Slot)
        }
        Move::Bond(slot, value) => done(chain.call(caller, *value, |oracle| oracle.bond(*slot))),
        Move::Unbond(operator, amount) => {
            let slot = player.operators[*operator].slot;
            done(chain.call(caller, 0, |oracle| oracle.unbond(slot, *amount)))
        }
        Move::Release(slot) => chain
            .call(caller, 0, |oracle| oracle.release(*slot))
            .map(Reply::Amount),
        Move::Ask(terms, reward, value) => chain
            .call(caller, *value, |oracle| oracle.ask(terms.clone(), *reward))
            .map(Reply::Id),
        Move::Commit(parts) => {
            let mut entries: Vec<_> = parts
                .iter()
                .map(|part| player.commit(part, &place))
                .collect();
            match entries.len() {
                1 => done(chain.call(caller, 0, |oracle| oracle.commit(entries.remove(0)))),
                _ => chain
                    .call(caller, 0, |oracle| oracle.commit_batch(entries))
                    .map(Reply::Batch),
            }
        }
        Move::Reveal(parts) => {
            let mut entries: Vec<_> = parts
                .iter()
                .map(|part| player.reveal(part, &place))
                .collect();
            match entries.len() {
                1 => done(chain.call(caller, 0, |oracle| oracle.reveal(entries.remove(0)))),
                _ => chain
                    .call(caller, 0, |oracle| oracle.reveal_batch(entries))
                    .map(Reply::Batch),
            }
        }
        Move::Answer(parts) => {
            let mut entries: Vec<_> = parts
                .iter()
                .map(|part| player.answer_entry(part, &place))
                .collect();
            match entries.len() {
                1 => done(chain.call(caller, 0, |oracle| oracle.answer(entries.remove(0)))),
                _ => chain
                    .call(caller, 0, |oracle| oracle.answer_batch(entries))
                    .map(Reply::Batch),
            }
        }
        Move::Advance(id) => chain
            .call(caller, 0, |oracle| oracle.advance(*id))
            .map(Reply::Phase),
        Move::Deliver(id) => chain
            .call(caller, 0, |oracle| oracle.deliver(*id))
            .map(Reply::Delivery),
        Move::Prune(id) => done(chain.call(caller, 0, |oracle| oracle.prune(*id))),
        Move::Withdraw(account) => chain
            .call(caller, 0, |oracle| oracle.withdraw(account))
            .map(Reply::Amount),
        Move::Pass(blocks) => {
            chain.block += blocks;
            Ok(Reply::Done)
        }
    }
}

fn done(result: Result<(), Error>) -> Result<Reply, Error> {
    result.map(|()| Reply::Done)
}

fn registration(operator: &Operator, place: &Place) -> (AccountId, [u8; 64]) {
    let message = llm_oracle_primitives::digest::register_message(
        &place.domain,
        &place.contract,
        &operator.id,
    );
    (operator.id, operator.sign(&message))
}

/// A chain whose actors all have money: the rules in memory know no purses.
pub fn funded() -> World {
    let mut world = World::new(0);
    for id in actors() {
        world.fund(id, 10_000_000 * UNIT);
    }
    world
}

/// A request without what differs between two deployments: digests and signatures.
fn comparable(view: Option<RequestView>) -> Option<RequestView> {
    let mut view = view?;
    for seat in &mut view.seats {
        (seat.commitment, seat.evidence) = ([0; 32], [0; 32]);
        seat.salt = seat.salt.map(|_| [0; 32]);
        seat.signature = seat.signature.map(|_| [0; 64]);
    }
    Some(view)
}

fn compare(world: &mut World, chain: &mut MemoryHost, ids: impl Iterator<Item = RequestId>) {
    let wasm: LedgerView = world.ledger();
    let plain = chain.view(|oracle| oracle.ledger());
    assert_eq!(wasm.total, plain.total, "ledger");
    assert_eq!(plain.total, chain.liabilities(), "ledger and what is owed");
    assert_eq!(wasm.balance, plain.balance, "balance");
    for id in ids {
        let wasm: Option<RequestView> = world.view("request", id);
        let plain = chain.view(|oracle| oracle.request_view(id));
        assert_eq!(comparable(wasm), comparable(plain), "request {id}");
    }
}

/// All that both know, compared.
fn compare_all(world: &mut World, chain: &mut MemoryHost) {
    let next = world.view::<RequestId>("next_id", ());
    compare(world, chain, 0..next);
    let wasm: Vec<OperatorView> = world.view("operators", (0u32, 50u32));
    assert_eq!(
        wasm,
        chain.view(|oracle| oracle.operators_view(0, 50)),
        "operators"
    );
    for id in actors().into_iter().chain([DEPLOYER, SINK]) {
        let wasm: Balance = world.credit_of(id);
        assert_eq!(wasm, chain.view(|oracle| oracle.credit_of(&id)), "credit");
    }
}

fn trace(seed: u64, steps: u32) -> u32 {
    let (mut world, mut chain) = (funded(), MemoryHost::new(params()));
    let mut player = Player::new(seed);
    chain.callbacks_succeed = false; // A plain account takes no callback.
    chain.block = world.block();
    let mut taken = 0;
    for number in 0..steps {
        let (caller, step) = player.next();
        let wasm = on_pallet(&mut world, &player, caller, &step);
        let plain = in_memory(&mut chain, &player, caller, &step);
        assert_eq!(
            wasm, plain,
            "seed {seed}, move {number}: {step:?} by {caller:?}"
        );
        player.note(caller, &step, &plain);
        taken += u32::from(plain.is_ok());
        let touched = match &step {
            Move::Advance(id) | Move::Deliver(id) | Move::Prune(id) => Some(*id),
            Move::Commit(parts) | Move::Reveal(parts) | Move::Answer(parts) => Some(parts[0].id),
            _ => None,
        };
        if touched.is_some() && plain.is_ok() {
            compare(&mut world, &mut chain, touched.into_iter());
        }
    }
    compare_all(&mut world, &mut chain);
    taken
}

#[test]
fn rules_and_wasm_agree() {
    let (seed, steps) = seed_and_steps("rules_and_wasm_agree", 2_000);
    let mut taken = 0;
    for number in 0..steps.div_ceil(TRACE) {
        taken += trace(seed.wrapping_add(u64::from(number)), steps.min(TRACE));
    }
    println!("rules_and_wasm_agree: {taken} of {steps} moves were accepted by both");
    assert!(
        taken * 4 > steps,
        "too few moves did anything: {taken} of {steps}"
    );
}
