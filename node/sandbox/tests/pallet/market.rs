//! The example market on the chain: from a question to the winners' money.

use codec::{Decode, Encode};
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Balance, DeliveryStatus, Error, Phase, RequestId,
};
use llm_oracle_sandbox::CallOutcome;

use crate::world::{
    ASKER, CANNOT_TELL, CARRIER, REWARD, STRANGER, UNIT, World, YES, input, on_chain, returned,
};

pub const WINNER: AccountId = AccountId([0xb1; 32]);
pub const OTHER_WINNER: AccountId = AccountId([0xb2; 32]);
pub const LOSER: AccountId = AccountId([0xb3; 32]);
/// More than the fee of three seats and a callback; the rest comes back as credit.
pub const PRICE: Balance = UNIT;

/// Where a market stands, as the contract encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Decode)]
pub enum State {
    Open,
    Asked,
    Resolved(u8),
    Void,
}

#[derive(Clone, Debug, PartialEq, Decode)]
pub struct MarketView {
    question: Vec<u8>,
    kind: AnswerKind,
    closes_at: u32,
    decided_at: u32,
    pub void_at: u32,
    pub state: State,
    request_id: RequestId,
    pools: Vec<Balance>,
}

#[derive(Clone, Copy, Debug, PartialEq, Decode)]
pub enum OracleError {
    Refused(Error),
    CallFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Decode)]
pub enum MarketError {
    NotAMarketQuestion,
    QuestionLength,
    NoSuchMarket,
    NoSuchOption,
    Closed,
    TooSoon,
    RewardTooLow,
    AlreadyAsked,
    NotResolved,
    NothingToClaim,
    NoStake,
    Oracle(OracleError),
    NotTheOracle,
    Overflow,
    TransferFailed,
}

/// A market on a chain with an oracle.
pub struct Market {
    pub world: World,
    pub at: AccountId,
    pub id: u32,
}

impl Market {
    /// A market with stakes on both sides: 2 and 1 on yes, 3 on no.
    pub fn staked() -> Self {
        let mut world = World::new(4);
        // The fourth operator is none of its committee.
        let committee: Vec<_> = world.operators[..3].iter().map(|one| one.id).collect();
        let arguments = (world.oracle, committee, REWARD);
        let at = world.deploy_other("prediction_market", &arguments, 0);
        let mut market = Self { world, at, id: 0 };
        let question = b"Is the tone of this announcement positive? We doubled sales.".to_vec();
        market.id = market
            .call(
                STRANGER,
                0,
                "open",
                (question, AnswerKind::Bool, 5u32, 8u32),
            )
            .unwrap();
        for (who, option, amount) in [(WINNER, 1, 2), (OTHER_WINNER, 1, 1), (LOSER, 0, 3)] {
            market.world.fund(who, 100 * UNIT);
            let staked = market.call::<()>(who, amount * UNIT, "stake", (market.id, option as u8));
            assert_eq!(staked, Ok(()));
        }
        market
    }

    fn send(
        &mut self,
        caller: AccountId,
        value: Balance,
        message: &str,
        arguments: impl Encode,
    ) -> CallOutcome {
        let input = input(message, &arguments);
        self.world
            .sandbox
            .call(on_chain(caller), on_chain(self.at), input, value)
    }

    fn call<T: Decode>(
        &mut self,
        caller: AccountId,
        value: Balance,
        message: &str,
        arguments: impl Encode,
    ) -> Result<T, MarketError> {
        let outcome = self.send(caller, value, message, arguments);
        returned(&outcome).unwrap_or_else(|| panic!("{message}: {outcome:?}"))
    }

    pub fn view(&mut self) -> MarketView {
        self.world
            .view_of::<Option<MarketView>>(self.at, "market", self.id)
            .unwrap()
    }

    pub fn resolve(&mut self) -> RequestId {
        let id = self
            .call(ASKER, PRICE, "resolve", (self.id, REWARD))
            .unwrap();
        assert_eq!(self.view().state, State::Asked);
        id
    }

    pub fn claim(&mut self, who: AccountId) -> Result<Balance, MarketError> {
        let before = self.world.sandbox.free_balance(&on_chain(who));
        let claimed = self.call(STRANGER, 0, "claim", (self.id, who));
        let after = self.world.sandbox.free_balance(&on_chain(who));
        assert_eq!(after - before, claimed.unwrap_or(0));
        claimed
    }
}

/// A staker with operators of its own takes no seat, and asks neither before the event nor too cheaply.
#[test]
fn only_the_committee_answers_and_only_after_the_event() {
    let mut market = Market::staked();
    market.world.pass(5);
    let soon = market.call::<RequestId>(ASKER, PRICE, "resolve", (market.id, REWARD));
    assert_eq!(soon, Err(MarketError::TooSoon));
    market.world.pass(3);
    let cheap = market.call::<RequestId>(ASKER, PRICE, "resolve", (market.id, REWARD - 1));
    assert_eq!(cheap, Err(MarketError::RewardTooLow));
    let id = market.resolve();
    let slot = market.world.operators[3].slot;
    let refused = market.world.commit(id, 3, &YES);
    assert_eq!(refused, Err(Error::NotNamed { slot }));
}

/// No failure of the oracle keeps anybody's stake for ever.
#[test]
fn a_market_that_nobody_resolves_gives_the_stakes_back() {
    for asked in [false, true] {
        let mut market = Market::staked();
        market.world.pass(8);
        if asked {
            market.resolve();
        }
        let (id, void_at) = (market.id, market.view().void_at);
        market.world.jump_to(void_at - 1);
        let soon = market.call::<State>(STRANGER, 0, "give_up", id);
        if asked {
            // The request has expired long ago: it may be asked again.
            assert_eq!(soon, Err(MarketError::TooSoon));
            assert_eq!(market.call(STRANGER, 0, "refresh", id), Ok(State::Open));
        } else {
            assert_eq!(soon, Err(MarketError::TooSoon));
        }
        market.world.jump_to(void_at);
        assert_eq!(market.call(STRANGER, 0, "give_up", id), Ok(State::Void));
        assert_eq!(market.claim(LOSER), Ok(3 * UNIT));
        assert_eq!(market.claim(WINNER), Ok(2 * UNIT));
    }
}

/// Whoever asks too soon voids nothing: the question can be asked again.
#[test]
fn abstentions_that_may_pass_leave_the_market_open() {
    let mut market = Market::staked();
    market.world.pass(8);
    let too_soon = Answer::Abstain(llm_oracle_primitives::Reason::TooSoon);
    let id = market.resolve();
    market
        .world
        .finish(id, &[too_soon.clone(), too_soon, CANNOT_TELL]);
    assert_eq!(market.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Open);
}

#[test]
fn a_market_is_resolved_and_pays_its_winners() {
    let mut market = Market::staked();
    let early = market.call::<RequestId>(ASKER, PRICE, "resolve", (market.id, REWARD));
    assert_eq!(early, Err(MarketError::TooSoon));
    market.world.pass(5);
    let late = market.call::<()>(LOSER, UNIT, "stake", (market.id, 1u8));
    market.world.pass(3);
    assert_eq!(late, Err(MarketError::Closed));
    let poor = market.call::<RequestId>(ASKER, 1, "resolve", (market.id, REWARD));
    assert!(
        matches!(
            poor,
            Err(MarketError::Oracle(OracleError::Refused(
                Error::ValueTooLow { .. }
            )))
        ),
        "{poor:?}"
    );
    let id = market.resolve();
    let twice = market.call::<RequestId>(ASKER, PRICE, "resolve", (market.id, REWARD));
    assert_eq!(twice, Err(MarketError::AlreadyAsked));
    market.world.finish(id, &[YES, YES, Answer::Bool(false)]);
    assert_eq!(market.claim(WINNER), Err(MarketError::NotResolved));
    assert_eq!(market.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Resolved(1));
    // The whole pool of 6, in proportion to the stakes of 2 and 1.
    assert_eq!(market.claim(WINNER), Ok(4 * UNIT));
    assert_eq!(market.claim(OTHER_WINNER), Ok(2 * UNIT));
    assert_eq!(market.claim(LOSER), Ok(0));
    assert_eq!(market.claim(WINNER), Err(MarketError::NothingToClaim));
    // What was sent above the quote, and the dissenter's reward, belong to who asked.
    let left = market.world.credit_of(ASKER);
    assert_eq!(market.world.call(STRANGER, 0, "withdraw", ASKER), Ok(left));
    assert!(left >= REWARD * 3 / 4);
}

#[test]
fn an_undetermined_market_returns_the_stakes() {
    let mut market = Market::staked();
    market.world.pass(8);
    let id = market.resolve();
    market.world.finish(id, &[CANNOT_TELL, CANNOT_TELL, YES]);
    assert_eq!(market.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Void);
    for (who, stake) in [(WINNER, 2), (OTHER_WINNER, 1), (LOSER, 3)] {
        assert_eq!(market.claim(who), Ok(stake * UNIT));
    }
}

#[test]
fn a_market_without_consensus_can_be_asked_again() {
    let mut market = Market::staked();
    market.world.pass(8);
    let first = market.resolve();
    // Nobody comes.
    let far = market.world.block() + 257 + 257;
    market.world.jump_to(far);
    assert_eq!(
        market.world.call(STRANGER, 0, "advance", first),
        Ok(Phase::Ended)
    );
    assert_eq!(market.world.deliver(first), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Open);
    let second = market.resolve();
    assert_eq!(second, first + 1);
    market
        .world
        .finish(second, &[YES, Answer::Bool(false), CANNOT_TELL]);
    assert_eq!(market.world.deliver(second), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Open);
    let third = market.resolve();
    market.world.finish(third, &[YES; 3]);
    assert_eq!(market.world.deliver(third), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Resolved(1));
}

#[test]
fn a_market_can_do_without_the_callback() {
    let mut market = Market::staked();
    market.world.pass(8);
    let id = market.resolve();
    let pending = market.call::<State>(STRANGER, 0, "refresh", market.id);
    assert_eq!(pending, Err(MarketError::NotResolved));
    market.world.finish(id, &[YES; 3]);
    let refreshed = market.call::<State>(STRANGER, 0, "refresh", market.id);
    assert_eq!(refreshed, Ok(State::Resolved(1)));
    assert_eq!(market.claim(WINNER), Ok(4 * UNIT));
    // A callback that was on its way changes nothing, and costs nobody anything.
    assert_eq!(market.world.deliver(id), Ok(DeliveryStatus::Delivered));
    assert_eq!(market.view().state, State::Resolved(1));
}

#[test]
fn a_market_takes_answers_from_its_oracle_only() {
    let mut market = Market::staked();
    market.world.pass(8);
    let id = market.resolve();
    let outcome = llm_oracle_primitives::Outcome::Expired;
    let mut forged = llm_oracle_primitives::ON_ANSWER_SELECTOR.to_vec();
    (id, outcome).encode_to(&mut forged);
    let (caller, at) = (on_chain(CARRIER), on_chain(market.at));
    let refused = market.world.sandbox.call(caller, at, forged, 0);
    assert!(!refused.succeeded(), "{refused:?}");
    assert_eq!(market.view().state, State::Asked);
}
