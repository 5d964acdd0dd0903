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
    StillOpen,
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
        Self::among(3)
    }

    /// The same, with so many registered operators.
    fn among(operators: u8) -> Self {
        let mut world = World::new(operators);
        let oracle = world.oracle;
        let at = world.deploy_other("prediction_market", &(oracle, REWARD), 0);
        let mut market = Self { world, at, id: 0 };
        let question = b"Is the tone of this announcement positive? We doubled sales.".to_vec();
        market.id = market
            .call(STRANGER, 0, "open", (question, AnswerKind::Bool, 5u32))
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
        let id = self.call(ASKER, PRICE, "resolve", self.id).unwrap();
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

/// A contract that says nothing about its committee gets a drawn one where there are enough operators.
#[test]
fn the_committee_is_drawn_where_twice_as_many_operators_are_registered() {
    for (operators, drawn) in [(5, false), (6, true)] {
        let mut market = Market::among(operators);
        market.world.pass(5);
        let id = market.resolve();
        assert_eq!(
            market.world.request(id).draw.is_some(),
            drawn,
            "{operators}"
        );
    }
}

#[test]
fn a_market_is_resolved_and_pays_its_winners() {
    let mut market = Market::staked();
    let early = market.call::<RequestId>(ASKER, PRICE, "resolve", market.id);
    assert_eq!(early, Err(MarketError::StillOpen));
    market.world.pass(5);
    let late = market.call::<()>(LOSER, UNIT, "stake", (market.id, 1u8));
    assert_eq!(late, Err(MarketError::Closed));
    let poor = market.call::<RequestId>(ASKER, 1, "resolve", market.id);
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
    let twice = market.call::<RequestId>(ASKER, PRICE, "resolve", market.id);
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
    assert!(left >= REWARD);
}

#[test]
fn an_undetermined_market_returns_the_stakes() {
    let mut market = Market::staked();
    market.world.pass(5);
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
    market.world.pass(5);
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
    market.world.pass(5);
    let id = market.resolve();
    let pending = market.call::<State>(STRANGER, 0, "refresh", market.id);
    assert_eq!(pending, Err(MarketError::NotResolved));
    market.world.finish(id, &[YES; 3]);
    let refreshed = market.call::<State>(STRANGER, 0, "refresh", market.id);
    assert_eq!(refreshed, Ok(State::Resolved(1)));
    assert_eq!(market.claim(WINNER), Ok(4 * UNIT));
    // The request is none of the market's any more: a late callback is refused.
    assert_eq!(market.world.deliver(id), Ok(DeliveryStatus::Failed(1)));
    assert_eq!(market.view().state, State::Resolved(1));
}

#[test]
fn a_market_takes_answers_from_its_oracle_only() {
    let mut market = Market::staked();
    market.world.pass(5);
    let id = market.resolve();
    let outcome = llm_oracle_primitives::Outcome::Expired;
    let mut forged = llm_oracle_primitives::ON_ANSWER_SELECTOR.to_vec();
    (id, outcome).encode_to(&mut forged);
    let (caller, at) = (on_chain(CARRIER), on_chain(market.at));
    let refused = market.world.sandbox.call(caller, at, forged, 0);
    assert!(!refused.succeeded(), "{refused:?}");
    assert_eq!(market.view().state, State::Asked);
}
