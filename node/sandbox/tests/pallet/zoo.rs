//! The asking contract that misbehaves, and how to ask through it.

use codec::{Decode, Encode};
use llm_oracle_primitives::{
    AccountId, AnswerKind, Balance, CallbackLimits, Error, Outcome, RequestId, Terms, limits,
};

use super::world::{ASKER, CARRIER, REWARD, UNIT, World, YES, input, on_chain, returned, terms};

/// Modes of the callback, as `contracts/test/zoo` numbers them.
pub mod mode {
    pub const FINE: u8 = 0;
    pub const TRAP: u8 = 1;
    pub const LOOP: u8 = 2;
    pub const REVERT: u8 = 3;
    pub const BIG_RETURN: u8 = 4;
    pub const BIG_REVERT: u8 = 5;
    pub const BLOAT: u8 = 6;
    pub const TERMINATE: u8 = 7;
    pub const NEST: u8 = 8;
    pub const REENTER: u8 = 9;
    pub const REENTER_AND_TRAP: u8 = 10;
    pub const GIFT: u8 = 11;
    pub const SHOUT: u8 = 12;
    pub const HOARD: u8 = 13;
    pub const READ: u8 = 14;
    pub const DELEGATE: u8 = 15;
    pub const BREED: u8 = 16;
    pub const CALL_A_TRAP: u8 = 17;
    pub const DRAIN: u8 = 18;
    pub const ASK: u8 = 19;
    pub const OVER_RETURN: u8 = 20;
    pub const CHANGE: u8 = 21;
}

pub const LIMITS: CallbackLimits = CallbackLimits {
    ref_time: 50_000_000_000,
    proof_size: 512 * 1024,
    storage_deposit: UNIT / 10,
};

/// What the zoo's callbacks did, as its message `seen` returns it.
#[derive(Clone, Debug, PartialEq, Eq, Decode)]
pub struct Seen {
    pub times: u32,
    pub outcome: Vec<u8>,
    pub returned: Option<(u32, Vec<u8>)>,
}

impl Seen {
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::decode(&mut &self.outcome[..]).ok()
    }

    /// What the oracle's message returned to the re-entry.
    pub fn reentry<T: Decode>(&self) -> Result<T, Error> {
        let (_, bytes) = self.returned.as_ref().expect("a re-entry happened");
        let value = bytes
            .split_first()
            .map(|(_, value)| value)
            .unwrap_or_default();
        Result::decode(&mut &value[..]).unwrap_or_else(|_| panic!("{:?}", self.returned))
    }
}

/// A world with a zoo in it.
pub struct Zoo {
    pub world: World,
    pub at: AccountId,
}

#[derive(Debug, Decode)]
enum OracleError {
    Refused(#[allow(dead_code)] Error),
    CallFailed,
}

impl Zoo {
    pub fn new(operators: u8) -> Self {
        let mut world = World::new(operators);
        let oracle = world.oracle;
        let at = world.deploy_other("zoo", &oracle, 100 * UNIT);
        Self { world, at }
    }

    pub fn terms() -> Terms {
        Terms {
            callback: Some(LIMITS),
            ..terms(AnswerKind::Bool, 1, 1)
        }
    }

    /// Price of [`Self::terms`], with some to spare.
    pub fn price(&self) -> Balance {
        let params = self.world.config.params;
        let attempt = Balance::from(LIMITS.ref_time + limits::DELIVERY_CALL_REF_TIME);
        let escrow = params.delivery_reward + attempt + LIMITS.storage_deposit;
        REWARD + self.world.seat_fee() + escrow
    }

    fn call<T: Decode>(&mut self, message: &str, arguments: &impl Encode, value: Balance) -> T {
        let (caller, zoo) = (on_chain(ASKER), on_chain(self.at));
        let outcome = self
            .world
            .sandbox
            .call(caller, zoo, input(message, arguments), value);
        returned(&outcome).unwrap_or_else(|| panic!("{message}: {outcome:?}"))
    }

    /// Asks through the zoo; the callback will behave as `mode` says.
    pub fn ask(&mut self, mode: u8) -> RequestId {
        let price = self.price();
        let asked: Result<RequestId, OracleError> =
            self.call("ask", &(mode, Self::terms(), REWARD), price);
        asked.unwrap_or_else(|error| panic!("the zoo may ask: {error:?}"))
    }

    /// A request that has ended with yes and waits for its delivery.
    pub fn answered(&mut self, mode: u8) -> RequestId {
        let id = self.ask(mode);
        self.world.finish(id, &[YES]);
        id
    }

    pub fn behave(&mut self, mode: u8) {
        self.behave_with(mode, &[], 0);
    }

    /// Makes the next callback call the oracle with these bytes.
    pub fn behave_with(&mut self, mode: u8, input: &[u8], value: Balance) {
        self.call::<()>("behave", &(mode, input, value), 0);
    }

    /// Calls the oracle through the zoo.
    pub fn forward<T: Decode>(
        &mut self,
        message: &str,
        arguments: &impl Encode,
    ) -> Result<T, Error> {
        let returned = self.call("forward", &input(message, arguments), 0);
        Seen {
            times: 0,
            outcome: vec![],
            returned: Some(returned),
        }
        .reentry()
    }

    pub fn seen(&mut self) -> Seen {
        self.world.view_of(self.at, "seen", ())
    }

    /// What the carrier has earned.
    pub fn earned(&mut self) -> Balance {
        self.world.credit_of(CARRIER)
    }
}
