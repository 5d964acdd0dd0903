//! Each message in the blocks around each deadline.

use llm_oracle_primitives::{AnswerKind, BlockNumber, Error, Params, Phase, RequestId, Terms};

use crate::world::{ASKER, STRANGER, World, YES, params, terms};

/// Blocks between the ask and the first commit that counts.
const OPEN_DELAY: u32 = 3;

fn world() -> World {
    let params = Params {
        open_delay: OPEN_DELAY,
        ..params()
    };
    World::with_params(params, 3)
}

/// A request of three seats with so many commits, and the world in a block.
fn committed(commits: usize) -> (World, RequestId) {
    let mut world = world();
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    let opens_at = world.request(id).summary.opens_at;
    world.jump_to(opens_at);
    for index in 0..commits {
        world.commit(id, index, &YES).unwrap();
    }
    (world, id)
}

/// What a call in a block comes to, in a world of its own.
fn at<T>(
    commits: usize,
    block: BlockNumber,
    call: impl FnOnce(&mut World, RequestId) -> Result<T, Error>,
) -> Result<T, Error> {
    let (mut world, id) = committed(commits);
    world.jump_to(block);
    call(&mut world, id)
}

#[test]
fn phase_boundary_matrix() {
    let (mut world, id) = committed(0);
    let summary = world.request(id).summary;
    let (opens_at, deadline) = (summary.opens_at, summary.commit_deadline);
    let Terms { reveal_blocks, .. } = terms(AnswerKind::Bool, 3, 2);
    let commit = |block| {
        let commits = usize::from(block > opens_at);
        at(commits, block, |world, id| world.commit(id, 2, &YES))
    };
    assert_eq!(
        before_opening(),
        Err(Error::NotOpenYet {
            opens_at,
            now: opens_at - 1
        })
    );
    for block in [opens_at, opens_at + 1, deadline - 1, deadline] {
        assert_eq!(commit(block), Ok(()), "commit in block {block}");
    }
    assert_eq!(
        commit(deadline + 1),
        Err(Error::CommitClosed {
            deadline,
            now: deadline + 1
        })
    );

    // Two of three seats: reveals open in the block after the commit deadline.
    let opened = deadline + 1;
    let last = opened + reveal_blocks;
    let reveal = |block| at(2, block, |world, id| world.reveal(id, 0, &YES));
    assert_eq!(
        reveal(deadline),
        Err(Error::RevealNotOpen {
            opens_at: opened,
            now: deadline
        })
    );
    for block in [opened, opened + 1, last - 1, last] {
        assert_eq!(reveal(block), Ok(()), "reveal in block {block}");
    }
    assert_eq!(
        reveal(last + 1),
        Err(Error::RevealClosed {
            deadline: last,
            now: last + 1
        })
    );

    // `advance` says the phase, and ends nothing early.
    let phase = |commits, block| at(commits, block, advance);
    for (commits, block, expected) in [
        (0, deadline, Phase::Committing),
        (0, deadline + 1, Phase::Ended),
        (1, deadline, Phase::Committing),
        (1, deadline + 1, Phase::Ended),
        (2, deadline, Phase::Committing),
        (2, opened, Phase::Revealing),
        (2, last, Phase::Revealing),
        (2, last + 1, Phase::Ended),
        (3, opens_at, Phase::Revealing),
        (3, opens_at + reveal_blocks, Phase::Revealing),
        (3, opens_at + reveal_blocks + 1, Phase::Ended),
    ] {
        assert_eq!(
            phase(commits, block),
            Ok(expected),
            "{commits} commits, block {block}"
        );
    }

    // Pruning: by the asker once a delivery had its time, by others after the retention.
    let ended = last + 1;
    let prune = |caller, block| at(2, block, |world, id| world.call(caller, 0, "prune", id));
    let retention = ended + params().retention_blocks;
    assert_eq!(prune(ASKER, last), Err(Error::NotEnded));
    let delivery = ended + params().delivery_blocks;
    assert_eq!(
        prune(ASKER, delivery - 1),
        Err(Error::NotPrunableYet {
            from: delivery,
            now: delivery - 1
        })
    );
    assert_eq!(prune(ASKER, delivery), Ok(()));
    assert_eq!(
        prune(STRANGER, retention - 1),
        Err(Error::NotPrunableYet {
            from: retention,
            now: retention - 1
        })
    );
    assert_eq!(prune(STRANGER, retention), Ok(()));
}

fn before_opening() -> Result<(), Error> {
    let mut world = world();
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    let opens_at = world.request(id).summary.opens_at;
    world.jump_to(opens_at - 1);
    world.commit(id, 0, &YES)
}

fn advance(world: &mut World, id: RequestId) -> Result<Phase, Error> {
    world.call(STRANGER, 0, "advance", id)
}

/// In the last block for reveals and in the one after it, a reveal and `advance` come to the same
/// whichever is first.
#[test]
fn the_order_inside_a_block_decides_nothing_at_the_deadline() {
    for late in [0, 1] {
        let end = |advance_first: bool| {
            let (mut world, id) = committed(3);
            world.reveal(id, 0, &YES).unwrap();
            world.reveal(id, 1, &YES).unwrap();
            let last = world.request(id).summary.reveal_deadline;
            world.jump_to(last + late);
            if advance_first {
                advance(&mut world, id).unwrap();
            }
            let revealed = world.reveal(id, 2, &YES);
            advance(&mut world, id).unwrap();
            world.jump_to(last + 1);
            advance(&mut world, id).unwrap();
            let view = world.request(id);
            // Signatures differ from run to run.
            let seats = view.seats.iter().map(|seat| (seat.state, seat.paid));
            (
                revealed,
                view.outcome,
                view.refund,
                seats.collect::<Vec<_>>(),
            )
        };
        assert_eq!(end(true), end(false), "{late} blocks late");
        assert_eq!(end(true).0.is_ok(), late == 0);
    }
}

/// Both reveals that may believe to be the last are in one block; so are two requests with the same
/// terms.
#[test]
fn two_last_reveals_and_two_identical_requests_in_one_block() {
    let mut world = world();
    let asked = terms(AnswerKind::Bool, 3, 2);
    let ids = [(); 2].map(|()| world.ask(&asked).unwrap());
    assert_eq!(ids, [0, 1]);
    let [one, other] = ids.map(|id| world.request(id));
    assert_eq!(one.terms_digest, other.terms_digest);
    let opens_at = one.summary.opens_at;
    world.jump_to(opens_at);
    for id in ids {
        for index in 0..3 {
            world.commit(id, index, &YES).unwrap();
        }
        for index in 0..3 {
            assert_eq!(world.reveal(id, index, &YES), Ok(()));
        }
        let again = world.reveal(id, 2, &YES);
        let slot = world.operators[2].slot;
        assert_eq!(again, Err(Error::AlreadyRevealed { slot }));
        assert!(world.request(id).summary.settled);
    }
    // A signature for one of them is worth nothing for its twin.
    let [one, other] = ids.map(|id| world.request(id));
    assert_ne!(one.seats[0].commitment, other.seats[0].commitment);
    assert_ne!(one.seats[0].signature, other.seats[0].signature);
}
