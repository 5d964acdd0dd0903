//! Passing of blocks and time.

use crate::{BlockNumber, Hash, RuntimeOrigin, Sandbox};
use frame_support::traits::{OnFinalize, OnIdle, OnInitialize};
use llm_oracle_runtime::{AllPalletsWithSystem, System, Timestamp, config::RuntimeBlockWeights};
use sp_io::hashing::blake2_256;

/// Time of block 1, in milliseconds since 1970: some day, the same in every run.
const FIRST_BLOCK_TIME_MS: u64 = 1_767_225_600_000;
/// Time between two blocks.
const BLOCK_TIME_MS: u64 = 6_000;

impl Sandbox {
    /// Number of the block that calls run in now.
    pub fn block_number(&mut self) -> BlockNumber {
        self.execute(System::block_number)
    }

    /// Time of the block that calls run in now, in milliseconds since 1970.
    pub fn now_ms(&mut self) -> u64 {
        self.execute(Timestamp::get)
    }

    /// Ends this block and starts the next one, six seconds later.
    pub fn next_block(&mut self) {
        self.execute(|| {
            let number = System::block_number();
            end(number);
            start(number + 1);
        });
    }

    /// Passes blocks until the current one is `number`; does nothing if it is there or past it.
    pub fn advance_to(&mut self, number: BlockNumber) {
        while self.block_number() < number {
            self.next_block();
        }
    }
}

pub(crate) fn start_first() {
    start(1);
}

fn start(number: BlockNumber) {
    // Real parent hashes would need the state's root in every block, which is the slow part.
    let parent = Hash::from(blake2_256(&number.to_le_bytes()));
    System::initialize(&number, &parent, &Default::default());
    AllPalletsWithSystem::on_initialize(number);
    let now = FIRST_BLOCK_TIME_MS + u64::from(number - 1) * BLOCK_TIME_MS;
    if let Err(error) = Timestamp::set(RuntimeOrigin::none(), now) {
        unreachable!("the time {now} of block {number} is set once and grows: {error:?}");
    }
}

fn end(number: BlockNumber) {
    let weights = RuntimeBlockWeights::get();
    AllPalletsWithSystem::on_idle(number, weights.max_block);
    AllPalletsWithSystem::on_finalize(number);
}
