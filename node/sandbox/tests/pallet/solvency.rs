//! Random calls of everybody, hostile consumers among them: after each one every invariant holds, and
//! in the end strangers get everything out.

use std::fmt::Debug;

use llm_oracle_primitives::{Balance, Error, OperatorView, Phase, RequestId};

use crate::{
    coverage::Coverage,
    invariants::{INVARIANTS, Shot, broken},
    messages::Reply,
    model::funded,
    moves::{Player, actors, seed_and_long_steps},
    world::{CARRIER, DEPLOYER, REWARD, SINK, STRANGER, UNIT, input, on_chain},
    zoo::{Zoo, mode},
};

/// Moves of one chain; then a new one begins, so that requests stay few.
const TRACE: u32 = 200;

/// Calls between two of the hostile consumer.
const MISBEHAVE_EVERY: u32 = 25;

/// One chain's worth of moves.
struct Run {
    zoo: Zoo,
    player: Player,
    shot: Shot,
    calls: u64,
    coverage: Coverage,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut zoo = funded_zoo();
        let player = Player::new(seed, zoo.world.code_hash());
        let shot = Shot::of(&mut zoo.world);
        Self {
            zoo,
            player,
            shot,
            calls: 0,
            coverage: Coverage::default(),
        }
    }

    /// Checks what the last call left behind.
    fn check(&mut self, what: &dyn Debug) {
        let after = Shot::of(&mut self.zoo.world);
        if let Some(name) = broken(&self.shot, &after) {
            panic!("broken after {what:?} (seed, move, caller, what, reply): {name}");
        }
        self.coverage.see(&after);
        self.shot = after;
        self.calls += 1;
    }

    fn turn(&mut self, seed: u64, number: u32) {
        let (caller, step) = self.player.next();
        let place = self.zoo.world.place();
        let message = self.player.message(step.clone(), &place);
        let reply = self.zoo.world.take(caller, &message);
        self.player.note(caller, &step, &reply);
        self.coverage.count(&reply);
        self.check(&(seed, number, caller, step, reply));
        if number % MISBEHAVE_EVERY == MISBEHAVE_EVERY - 1 {
            self.misbehave(number);
        }
    }

    /// The zoo asks, or gets an answer delivered while it behaves badly, calls back into the oracle
    /// among other things.
    fn misbehave(&mut self, number: u32) {
        let turn = (number / MISBEHAVE_EVERY) as usize;
        // Another owner may have paused, and other parameters may hold.
        self.zoo.world.config = self.shot.config.clone();
        let owner = self.shot.config.owner;
        let unpaused: Result<(), Error> = self.zoo.world.call(owner, 0, "set_paused", false);
        self.check(&("unpause", &unpaused));
        let mode = MODES[turn % MODES.len()];
        let id = self.zoo.ask(mode);
        self.player.asked.push((self.zoo.at, Zoo::terms(), REWARD));
        self.check(&("the zoo asks", mode, id));
        let earlier = id.saturating_sub(u64::from(number % 5));
        let calls = [
            input("withdraw", &self.zoo.at),
            input("prune", &earlier),
            input("advance", &earlier),
            input("bond", &0u32),
            input("deliver", &earlier),
        ];
        self.zoo.behave_with(mode, &calls[turn % calls.len()], 0);
        for id in earlier..=id {
            let advanced = self.zoo.world.call::<Phase>(CARRIER, 0, "advance", id);
            self.check(&("advance", id, &advanced));
            let delivered = self.zoo.world.deliver(id);
            self.coverage.count(&delivered.map(Reply::Delivery));
            self.check(&("deliver", id, mode, &delivered));
        }
    }
}

/// How the hostile consumer takes its callbacks, in turn.
const MODES: [u8; 9] = [
    mode::REENTER,
    mode::TRAP,
    mode::REVERT,
    mode::BIG_RETURN,
    mode::BIG_REVERT,
    mode::REENTER,
    mode::NEST,
    mode::REENTER_AND_TRAP,
    mode::FINE,
];

/// Calls in the small size, and in the long one.
const CALLS: u32 = 200_000;
const LONG: u32 = 10_000_000;

/// Chains until as many calls were made as are asked for; gives their number and what was seen.
pub fn run(mut seed: u64, least: u64) -> (u64, Coverage) {
    let (mut calls, mut coverage) = (0, Coverage::default());
    while calls < least {
        let mut run = Run::new(seed);
        for number in 0..TRACE.min(least as u32) {
            run.turn(seed, number);
        }
        everything_can_be_got_out(&mut run.zoo, &run.player);
        calls += run.calls;
        coverage.merge(run.coverage);
        seed = seed.wrapping_add(1);
    }
    (calls, coverage)
}

#[test]
fn solvency_invariant() {
    let (seed, steps) = seed_and_long_steps("solvency_invariant", CALLS, LONG);
    // Two halves at once: this takes longer than all other tests here together.
    let half = u64::from(steps).div_ceil(2);
    let other = std::thread::spawn(move || run(seed.wrapping_add(1 << 32), half));
    let (calls, mut coverage) = run(seed, half);
    let (more, seen) = other.join().unwrap();
    coverage.merge(seen);
    let calls = calls + more;
    assert!(calls >= u64::from(steps), "{calls} calls of {steps}");
    println!(
        "solvency_invariant: {calls} calls, {} invariants after each",
        INVARIANTS.len()
    );
    coverage.print();
}

fn funded_zoo() -> Zoo {
    let mut world = funded();
    let oracle = world.oracle;
    let at = world.deploy_other("zoo", &oracle, 10_000 * UNIT);
    Zoo { world, at }
}

/// Strangers alone free all escrow and credit.
fn everything_can_be_got_out(zoo: &mut Zoo, player: &Player) {
    let block = zoo.world.block() + 200;
    zoo.world.jump_to(block);
    for id in 0..zoo.world.view::<RequestId>("next_id", ()) {
        if let Err(error) = zoo.world.call::<()>(STRANGER, 0, "prune", id) {
            assert_eq!(error, Error::NoSuchRequest { request_id: id });
        }
    }
    for slot in 0..player.operators.len() as u32 {
        let _ = zoo.world.call::<Balance>(STRANGER, 0, "release", slot);
    }
    let everybody: Vec<_> = actors()
        .into_iter()
        .chain([DEPLOYER, SINK, zoo.at])
        .collect();
    for id in everybody {
        // What it earned as an operator goes to its owner.
        let operator: Option<OperatorView> = zoo.world.view("operator", id);
        let owner = operator.map_or(id, |operator| operator.owner);
        let mut purses = || {
            let own = zoo.world.sandbox.free_balance(&on_chain(id));
            own + zoo.world.sandbox.free_balance(&on_chain(owner))
        };
        let before = purses();
        if let Ok(amount) = zoo.world.call::<Balance>(STRANGER, 0, "withdraw", id) {
            let owner = on_chain(owner);
            let own = zoo.world.sandbox.free_balance(&on_chain(id));
            let after = own + zoo.world.sandbox.free_balance(&owner);
            assert!(after >= before + amount - UNIT);
        }
        assert_eq!(zoo.world.credit_of(id), 0);
    }
    let operators: Vec<OperatorView> = zoo.world.view("operators", (0u32, 50u32));
    assert!(
        operators.iter().all(|operator| operator.locked == 0),
        "{operators:?}"
    );
    let bonds: Balance = operators.iter().map(|operator| operator.bond).sum();
    assert_eq!(zoo.world.ledger().total, bonds);
}
