//! A market on a question that the LLM oracle answers.
//!
//! Somebody opens a market on a yes-or-no or multiple-choice question. Others stake on the answers
//! until it closes. Once the event is over, anyone pays the oracle's fee and asks its committee, which
//! the market place fixed when it was deployed. The oracle calls back; winners claim the whole pool in
//! proportion to their stakes. When the committee can't tell, everybody claims the own stakes back;
//! when too few came, disagreed or found it too soon, the question can be asked again. A market that
//! nobody could resolve in time is void: no failure of the oracle keeps anybody's stake.
#![cfg_attr(not(feature = "std"), no_std, no_main)]
// ink!'s macros generate the entry points without docs.
#![allow(missing_docs)]

#[ink::contract]
pub mod prediction_market {
    use ink::{
        prelude::{vec, vec::Vec},
        storage::{Lazy, Mapping},
    };
    use llm_oracle_consumer::{
        Answer, AnswerKind, AnswerState, CallbackLimits, Margin, Oracle, OracleConsumer,
        OracleError, Outcome, Question, Reason, RequestId,
    };

    /// What the callback may use: it reads and writes two cells of a few hundred bytes.
    const CALLBACK: CallbackLimits = CallbackLimits {
        ref_time: 5_000_000_000,
        proof_size: 262_144,
        storage_deposit: 50_000_000_000,
    };

    /// Blocks after the event from which on anyone may void a market that is not resolved: a week of 6 s.
    const PATIENCE: u32 = 100_800;

    /// A question up to this length leaves room for everything else in one storage value, bytes.
    const MAX_QUESTION_BYTES: u32 = 4_096;

    /// Number of a market.
    pub type MarketId = u32;

    /// Where a market stands.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
    #[cfg_attr(
        feature = "std",
        derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
    )]
    pub enum State {
        /// Takes stakes until it closes, then can be resolved.
        Open,
        /// The oracle has been asked.
        Asked,
        /// This option won.
        Resolved(u8),
        /// Nobody won; stakes are returned.
        Void,
    }

    /// One market.
    #[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
    #[cfg_attr(
        feature = "std",
        derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
    )]
    pub struct Market {
        /// The question, UTF-8.
        pub question: Vec<u8>,
        /// `Bool` (option 0 is no, 1 is yes) or `Choice`.
        pub kind: AnswerKind,
        /// First block without stakes.
        pub closes_at: BlockNumber,
        /// First block in which the oracle can be asked: the event is over.
        pub decided_at: BlockNumber,
        /// First block in which anyone may void it, if it is still not resolved.
        pub void_at: BlockNumber,
        /// Where it stands.
        pub state: State,
        /// The request to the oracle; only meaningful once asked.
        pub request_id: RequestId,
        /// Stakes on each option, planck.
        pub pools: Vec<Balance>,
    }

    /// Why a call was refused.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
    #[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
    pub enum Error {
        /// Only `Bool` and `Choice` questions have sides to stake on.
        NotAMarketQuestion,
        /// The question is empty or longer than 4096 bytes.
        QuestionLength,
        /// No such market.
        NoSuchMarket,
        /// No such option.
        NoSuchOption,
        /// Stakes are closed.
        Closed,
        /// The event is not over, or stakes are still open.
        TooSoon,
        /// The reward is below the one that the market place fixed.
        RewardTooLow,
        /// The market has been asked or resolved already.
        AlreadyAsked,
        /// The market is not resolved.
        NotResolved,
        /// Nothing to claim, or claimed already.
        NothingToClaim,
        /// Nothing was staked.
        NoStake,
        /// The oracle refused the question.
        Oracle(OracleError),
        /// The caller is not the oracle, or the request is not ours.
        NotTheOracle,
        /// A sum left its range.
        Overflow,
        /// The chain refused the payout.
        TransferFailed,
    }

    /// Handles only: see the oracle's note on ink!'s root struct.
    #[ink(storage)]
    pub struct PredictionMarket {
        oracle: Lazy<AccountId>,
        /// Operators that answer. Fixed here: open seats would go to whoever has most at stake.
        committee: Lazy<Vec<AccountId>>,
        /// Least reward of one operator, planck: fixed here so that no loser can ask too cheaply.
        least_reward: Lazy<Balance>,
        next_id: Lazy<MarketId>,
        markets: Mapping<MarketId, Market>,
        asked: Mapping<RequestId, MarketId>,
        stakes: Mapping<(MarketId, AccountId), Vec<Balance>>,
    }

    impl PredictionMarket {
        /// A market place that trusts most of these three or more operators of one oracle, and pays at
        /// least `least_reward` planck to each that answers.
        #[ink(constructor)]
        pub fn new(oracle: AccountId, committee: Vec<AccountId>, least_reward: Balance) -> Self {
            let mut this = Self {
                oracle: Lazy::new(),
                committee: Lazy::new(),
                least_reward: Lazy::new(),
                next_id: Lazy::new(),
                markets: Mapping::new(),
                asked: Mapping::new(),
                stakes: Mapping::new(),
            };
            this.oracle.set(&oracle);
            this.committee.set(&committee);
            this.least_reward.set(&least_reward);
            this.next_id.set(&0);
            this
        }

        /// Opens a market that takes stakes for `closes_in` blocks, on an event that is over
        /// `decided_in` blocks from now.
        #[ink(message)]
        pub fn open(
            &mut self,
            question: Vec<u8>,
            kind: AnswerKind,
            closes_in: u32,
            decided_in: u32,
        ) -> Result<MarketId, Error> {
            if question.is_empty() || question.len() > MAX_QUESTION_BYTES as usize {
                return Err(Error::QuestionLength);
            }
            kind.check().map_err(|_| Error::NotAMarketQuestion)?;
            let options = match &kind {
                AnswerKind::Bool => 2,
                AnswerKind::Choice { options } => options.len(),
                _ => return Err(Error::NotAMarketQuestion),
            };
            let id = self.next_id.get_or_default();
            let now = self.env().block_number();
            let after = |blocks: u32| now.checked_add(blocks).ok_or(Error::Overflow);
            let closes_at = after(closes_in)?;
            let decided_at = after(decided_in.max(closes_in))?;
            let void_at = decided_at.checked_add(PATIENCE).ok_or(Error::Overflow)?;
            let pools = vec![0; options];
            let state = State::Open;
            self.markets.insert(
                id,
                &Market {
                    question,
                    kind,
                    closes_at,
                    decided_at,
                    void_at,
                    state,
                    request_id: 0,
                    pools,
                },
            );
            self.next_id.set(&id.checked_add(1).ok_or(Error::Overflow)?);
            Ok(id)
        }

        /// Stakes the value sent on an option.
        #[ink(message, payable)]
        pub fn stake(&mut self, market: MarketId, option: u8) -> Result<(), Error> {
            let mut it = self.markets.get(market).ok_or(Error::NoSuchMarket)?;
            if self.env().block_number() >= it.closes_at || it.state != State::Open {
                return Err(Error::Closed);
            }
            let value = self.env().transferred_value();
            if value == 0 {
                return Err(Error::NoStake);
            }
            let key = (market, self.env().caller());
            let mut own = self
                .stakes
                .get(key)
                .unwrap_or_else(|| vec![0; it.pools.len()]);
            for sums in [&mut it.pools, &mut own] {
                let sum = sums
                    .get_mut(usize::from(option))
                    .ok_or(Error::NoSuchOption)?;
                *sum = sum.checked_add(value).ok_or(Error::Overflow)?;
            }
            self.markets.insert(market, &it);
            self.stakes.insert(key, &own);
            Ok(())
        }

        /// Asks the oracle, once the event is over. The caller pays the fee with the value sent and is
        /// owed what is left of it by the oracle. It may offer more than the least reward, which an
        /// oracle's owner could have outgrown.
        #[ink(message, payable)]
        pub fn resolve(&mut self, market: MarketId, reward: Balance) -> Result<RequestId, Error> {
            let mut it = self.markets.get(market).ok_or(Error::NoSuchMarket)?;
            if it.state != State::Open {
                return Err(Error::AlreadyAsked);
            }
            if self.env().block_number() < it.decided_at {
                return Err(Error::TooSoon);
            }
            if reward < self.least_reward.get_or_default() {
                return Err(Error::RewardTooLow);
            }
            let oracle = self
                .oracle
                .get()
                .map(Oracle::at)
                .ok_or(Error::NotTheOracle)?;
            let terms = Question::new(&it.question, it.kind.clone())
                .not_before(it.decided_at)
                .callback(CALLBACK)
                .refund_to(self.env().caller())
                .named(self.committee.get_or_default());
            let id = oracle
                .ask(&terms, reward, self.env().transferred_value())
                .map_err(Error::Oracle)?;
            it.state = State::Asked;
            it.request_id = id;
            self.markets.insert(market, &it);
            self.asked.insert(id, &market);
            Ok(id)
        }

        /// Takes the outcome without the callback: reads it from the oracle, or opens the market again
        /// when the request has been pruned. Anyone may call.
        #[ink(message)]
        pub fn refresh(&mut self, market: MarketId) -> Result<State, Error> {
            let mut it = self.markets.get(market).ok_or(Error::NoSuchMarket)?;
            if it.state != State::Asked {
                return Ok(it.state);
            }
            let oracle = self
                .oracle
                .get()
                .map(Oracle::at)
                .ok_or(Error::NotTheOracle)?;
            it.state = match oracle.answer_of(it.request_id) {
                Ok(AnswerState::Final(outcome)) => after(&outcome),
                Ok(AnswerState::Pending) => return Err(Error::NotResolved),
                Err(OracleError::Refused(llm_oracle_consumer::Error::NoSuchRequest { .. })) => {
                    State::Open
                }
                Err(error) => return Err(Error::Oracle(error)),
            };
            // A delivery may be on its way: `on_answer` removes the request's entry.
            self.markets.insert(market, &it);
            Ok(it.state)
        }

        /// Voids a market that nobody resolved in time, so that everybody can claim the own stakes back.
        /// Anyone may call.
        #[ink(message)]
        pub fn give_up(&mut self, market: MarketId) -> Result<State, Error> {
            let mut it = self.markets.get(market).ok_or(Error::NoSuchMarket)?;
            if it.state == State::Asked {
                // An answer that is there already counts.
                it.state = self.refresh(market).unwrap_or(State::Asked);
            }
            if matches!(it.state, State::Resolved(_) | State::Void) {
                return Ok(it.state);
            }
            if self.env().block_number() < it.void_at {
                return Err(Error::TooSoon);
            }
            it.state = State::Void;
            self.markets.insert(market, &it);
            Ok(it.state)
        }

        /// Pays an account what it won (nothing, if it lost), or its stakes when nobody won. Anyone
        /// may call, once.
        #[ink(message)]
        pub fn claim(&mut self, market: MarketId, account: AccountId) -> Result<Balance, Error> {
            let it = self.markets.get(market).ok_or(Error::NoSuchMarket)?;
            let key = (market, account);
            let own = self.stakes.get(key).ok_or(Error::NothingToClaim)?;
            let amount = payout(&it, &own)?;
            // A loser's entry goes too, and its storage deposit with it.
            self.stakes.remove(key);
            if amount > 0 {
                self.env()
                    .transfer(account, amount)
                    .map_err(|_| Error::TransferFailed)?;
            }
            Ok(amount)
        }

        /// A market.
        #[ink(message)]
        pub fn market(&self, market: MarketId) -> Option<Market> {
            self.markets.get(market)
        }

        /// What an account has staked on each option, planck.
        #[ink(message)]
        pub fn stakes_of(&self, market: MarketId, account: AccountId) -> Vec<Balance> {
            self.stakes.get((market, account)).unwrap_or_default()
        }
    }

    impl OracleConsumer for PredictionMarket {
        /// Takes the oracle's outcome.
        #[ink(message, selector = 0x4c4c4d61)]
        fn on_answer(&mut self, request_id: RequestId, outcome: Outcome) {
            let asked = self.asked.get(request_id);
            let market = asked.filter(|_| Some(self.env().caller()) == self.oracle.get());
            // A panic makes the delivery fail, which the oracle counts and anyone can repeat.
            assert!(market.is_some(), "not the oracle, or not our request");
            let Some(mut it) = market.and_then(|id| self.markets.get(id)) else {
                return;
            };
            self.asked.remove(request_id);
            // It may have been read before, or be the outcome of an earlier question.
            if it.state != State::Asked || it.request_id != request_id {
                return;
            }
            it.state = after(&outcome);
            if let Some(id) = market {
                self.markets.insert(id, &it);
            }
        }
    }

    /// State of a market after its request ended.
    fn after(outcome: &Outcome) -> State {
        match outcome {
            // Two of three are enough, three of five are not.
            Outcome::Answered { margin, .. } if !is_clear(margin) => State::Open,
            Outcome::Answered {
                answer: Answer::Bool(yes),
                ..
            } => State::Resolved(u8::from(*yes)),
            Outcome::Answered {
                answer: Answer::Choice(option),
                ..
            } => State::Resolved(*option),
            Outcome::Answered { .. } => State::Void,
            // Whoever asked too soon, or when a source was away, voids nothing.
            Outcome::Undetermined { margin } if is_passing(margin) => State::Open,
            Outcome::Undetermined { .. } => State::Void,
            Outcome::NoConsensus { .. } | Outcome::Expired => State::Open,
        }
    }

    /// Whether two thirds of all seats agree.
    fn is_clear(margin: &Margin) -> bool {
        u16::from(margin.agreeing).saturating_mul(3) >= u16::from(margin.seats).saturating_mul(2)
    }

    /// Whether most of those that abstained may know later.
    fn is_passing(margin: &Margin) -> bool {
        let seats = Reason::ALL.iter().zip(margin.abstained);
        let later = seats.filter(|(reason, _)| {
            matches!(
                reason,
                Reason::TooSoon | Reason::SourceMissing | Reason::Refused
            )
        });
        let later = later.fold(0u8, |sum, (_, count)| sum.saturating_add(count));
        u16::from(later).saturating_mul(2) > u16::from(margin.abstaining())
    }

    /// What somebody with these stakes gets, planck, rounded down.
    fn payout(market: &Market, own: &[Balance]) -> Result<Balance, Error> {
        let sum = |sums: &[Balance]| {
            sums.iter()
                .try_fold(0u128, |sum, one| sum.checked_add(*one))
                .ok_or(Error::Overflow)
        };
        let State::Resolved(option) = market.state else {
            return if market.state == State::Void {
                sum(own)
            } else {
                Err(Error::NotResolved)
            };
        };
        let winners = market
            .pools
            .get(usize::from(option))
            .copied()
            .unwrap_or_default();
        // Nobody staked on what came true: there is nobody to pay the losers' stakes to.
        if winners == 0 {
            return sum(own);
        }
        let stake = own.get(usize::from(option)).copied().unwrap_or_default();
        let pool = sum(&market.pools)?;
        // stake * pool / winners, without leaving u128 for any real balances.
        stake
            .checked_mul(pool)
            .and_then(|product| product.checked_div(winners))
            .ok_or(Error::Overflow)
    }
}
