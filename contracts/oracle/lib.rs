//! The oracle contract: a thin shell over `llm-oracle-rules`.
//!
//! Each message hands its arguments to the rule of the same name; `host.rs` gives the rules the
//! chain, and `reply.rs` ends the call with what the rule says. The documentation of rules, money and
//! errors is with the rules and in `docs/protocol.md`.
#![cfg_attr(not(feature = "std"), no_std, no_main)]
// ink!'s macros generate the entry points without docs.
#![allow(missing_docs)]

mod host;
mod reply;

#[ink::contract]
pub mod llm_oracle {
    use super::{
        host::Cells,
        reply::{refused, reply, reply_result},
    };
    use ink::prelude::vec::Vec;
    use llm_oracle_primitives as words;
    use llm_oracle_primitives::{
        AnswerEntry, AnswerState, CommitEntry, Config, DeliveryStatus, Equivocation, Error,
        LedgerView, OperatorView, Params, Phase, Quote, RequestId, RequestView, RevealEntry,
        Signature, Slot, Summary, Terms, INTERFACE_VERSION,
    };
    use llm_oracle_rules::{codec::Small, Batch, Identity, Oracle, Refusal};
    use scale::Encode;

    /// Root of the storage: handles only, see [`Cells`].
    #[ink(storage)]
    pub struct LlmOracle {
        cells: Cells,
    }

    /// Runs one rule over the storage, writes what it changed and ends the call with its result.
    #[inline(never)]
    fn run<T: Encode>(rule: impl FnOnce(&mut Oracle<Cells>) -> Result<T, Refusal>) -> ! {
        // Handles are keys fixed by their types: a fresh set reaches the same cells.
        let mut oracle = Oracle::new(Cells::default());
        let result = rule(&mut oracle);
        oracle.finish();
        reply_result(result)
    }

    /// Ends the call with a view's result.
    #[inline(never)]
    fn read<T: Encode>(view: impl FnOnce(&mut Oracle<Cells>) -> T) -> ! {
        reply(&view(&mut Oracle::new(Cells::default())))
    }

    impl LlmOracle {
        /// Deploys the oracle on the chain with this genesis hash. The caller becomes the owner.
        /// `sink` is where forfeits go; without one it is an account without a key.
        ///
        /// # Errors
        /// `BadParameter`.
        #[ink(constructor)]
        pub fn new(
            genesis: words::Hash,
            params: Small<Params>,
            sink: Option<AccountId>,
        ) -> Result<Self, Error> {
            Ok(Self::open(genesis, &params.0, sink))
        }

        /// Deploys with the parameters of a development chain.
        ///
        /// # Errors
        /// None in practice: the defaults are inside their bounds.
        #[ink(constructor)]
        pub fn dev(genesis: words::Hash) -> Result<Self, Error> {
            Ok(Self::open(genesis, &Params::dev(), None))
        }

        /// Writes what the constructors fix. Bad parameters end the call here: a constructor that
        /// could still fail would bring a second encoding of every error into the code.
        fn open(genesis: words::Hash, params: &Params, sink: Option<AccountId>) -> Self {
            if let Err(error) = params.check() {
                refused(&error);
            }
            let deployer = Self::env().caller();
            let deployed_at = Self::env().block_number();
            let deployed_at_ms = Self::env().block_timestamp();
            let identity = Identity::new(genesis, deployer, (deployed_at, deployed_at_ms), sink);
            let mut cells = Cells::default();
            cells.open(&identity, params);
            if let Err(refusal) = Oracle::new(Cells::default()).open_house(&identity) {
                refused(&refusal);
            }
            Self { cells }
        }

        /// Registers an operator, whose id is its sr25519 key, with the value sent as its bond.
        /// Anyone may carry the operator's signature over the register message.
        ///
        /// # Errors
        /// `Paused`, `BondTooLow`, `BadSignature`, `AlreadyRegistered`, `Barred`, `Overflow`.
        ///
        /// # Events
        /// `Registered`.
        #[ink(message, payable)]
        pub fn register(
            &mut self,
            operator: AccountId,
            signature: Signature,
        ) -> Result<Slot, Error> {
            run(|oracle| oracle.register(operator, &signature))
        }

        /// Adds the value sent to an operator's bond, and makes all of it count in draws. Anyone may call.
        ///
        /// # Errors
        /// `NoSuchOperator`, `Barred`, `Overflow`.
        ///
        /// # Events
        /// `Bonded`.
        #[ink(message, payable)]
        pub fn bond(&mut self, slot: Slot) -> Result<(), Error> {
            run(|oracle| oracle.bond(slot))
        }

        /// Puts a part of the caller's free bond aside until the unbonding time has passed.
        ///
        /// # Errors
        /// `NoSuchOperator`, `NotTheOperator`, `BondNotFree`, `BondTooLow`, `Overflow`.
        ///
        /// # Events
        /// `Unbonding`.
        #[ink(message)]
        pub fn unbond(&mut self, slot: Slot, amount: words::Balance) -> Result<(), Error> {
            run(|oracle| oracle.unbond(slot, amount))
        }

        /// Turns the matured part of an operator's bond into credit. Anyone may call.
        ///
        /// # Errors
        /// `NoSuchOperator`, `NothingUnbonding`, `StillUnbonding`.
        ///
        /// # Events
        /// `Released`.
        #[ink(message)]
        pub fn release(&mut self, slot: Slot) -> Result<words::Balance, Error> {
            run(|oracle| oracle.release(slot))
        }

        /// Opens a request for the caller, who sends at least what `quote` says; the rest is
        /// credited back.
        ///
        /// # Errors
        /// `Paused`; whatever is wrong with the terms, the reward or the value.
        ///
        /// # Events
        /// `Asked`.
        #[ink(message, payable)]
        pub fn ask(
            &mut self,
            terms: Small<Terms>,
            reward: words::Balance,
        ) -> Result<RequestId, Error> {
            run(|oracle| oracle.ask(terms.0, reward))
        }

        /// Takes a seat with a commitment, by the operator or by a carrier with its signature.
        ///
        /// # Errors
        /// The reason why not.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Committed`.
        #[ink(message)]
        pub fn commit(&mut self, entry: Small<CommitEntry>) -> Result<(), Error> {
            run(|oracle| oracle.commit(entry.0))
        }

        /// Takes many seats; each entry has its own result and undoes no other.
        ///
        /// # Errors
        /// `BatchSize`.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Committed` for each request.
        #[ink(message)]
        pub fn commit_batch(&mut self, entries: Small<Vec<CommitEntry>>) -> Result<Batch, Error> {
            run(|oracle| oracle.commit_batch(entries.0))
        }

        /// Reveals a committed answer; the last reveal settles the request. Anyone may carry it.
        ///
        /// # Errors
        /// The reason why not.
        ///
        /// # Events
        /// `Worded`, `Revealed`, `Ended`.
        #[ink(message)]
        pub fn reveal(&mut self, entry: Small<RevealEntry>) -> Result<(), Error> {
            run(|oracle| oracle.reveal(entry.0))
        }

        /// Reveals many answers; each entry has its own result and undoes no other.
        ///
        /// # Errors
        /// `BatchSize`.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Worded`, `Revealed` and `Ended` for each request.
        #[ink(message)]
        pub fn reveal_batch(&mut self, entries: Small<Vec<RevealEntry>>) -> Result<Batch, Error> {
            run(|oracle| oracle.reveal_batch(entries.0))
        }

        /// Answers a one-step request, which settles it. Anyone may carry the signed answer.
        ///
        /// # Errors
        /// The reason why not.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Committed`, `Worded`, `Revealed`, `Ended`.
        #[ink(message)]
        pub fn answer(&mut self, entry: Small<AnswerEntry>) -> Result<(), Error> {
            run(|oracle| oracle.answer(entry.0))
        }

        /// Answers many one-step requests; each entry has its own result and undoes no other.
        ///
        /// # Errors
        /// `BatchSize`.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Committed`, `Worded`, `Revealed`, `Ended` for each request.
        #[ink(message)]
        pub fn answer_batch(&mut self, entries: Small<Vec<AnswerEntry>>) -> Result<Batch, Error> {
            run(|oracle| oracle.answer_batch(entries.0))
        }

        /// Draws a committee whose seed is known, and settles a request whose end has come. Anyone may
        /// call.
        ///
        /// # Errors
        /// `NoSuchRequest`.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Ended`.
        #[ink(message)]
        pub fn advance(&mut self, request_id: RequestId) -> Result<Phase, Error> {
            run(|oracle| oracle.advance(request_id))
        }

        /// Hands the outcome of an ended request to the requester's `on_answer`. Must be sent as a
        /// transaction; the first successful one earns the sender the delivery escrow.
        ///
        /// # Errors
        /// `CallerNotOrigin`, `NoSuchRequest`, `NotEnded`, `NoCallback`, `AlreadyDelivered`,
        /// `Delivering`, `GasTooLow`.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Ended`, `Delivered` or `DeliveryFailed`.
        #[ink(message)]
        pub fn deliver(&mut self, request_id: RequestId) -> Result<DeliveryStatus, Error> {
            run(|oracle| oracle.deliver(request_id))
        }

        /// Removes everything stored about an ended request.
        ///
        /// # Errors
        /// `NoSuchRequest`, `NotEnded`, `Delivering`, `NotPrunableYet`.
        ///
        /// # Events
        /// `CommitteeDrawn`, `Ended`, `Pruned`.
        #[ink(message)]
        pub fn prune(&mut self, request_id: RequestId) -> Result<(), Error> {
            run(|oracle| oracle.prune(request_id))
        }

        /// Pays an account what it is owed. Anyone may call.
        ///
        /// # Errors
        /// `NoCredit`, `TransferFailed`.
        ///
        /// # Events
        /// `Withdrawn`.
        #[ink(message)]
        pub fn withdraw(&mut self, account: AccountId) -> Result<words::Balance, Error> {
            run(|oracle| oracle.withdraw(&account))
        }

        /// Bars an operator that signed two different answers to one question. The caller gets a part
        /// of what it forfeits at once.
        ///
        /// # Errors
        /// `NoSuchOperator`, `Barred`, `NoEquivocation`, `BadSignature`.
        ///
        /// # Events
        /// `Equivocated`.
        #[ink(message)]
        pub fn report_equivocation(
            &mut self,
            report: Small<Equivocation>,
        ) -> Result<words::Balance, Error> {
            run(|oracle| oracle.report_equivocation(&report.0))
        }

        /// Stops new requests and registrations, or lets them go on. Only for the owner.
        ///
        /// # Errors
        /// `NotTheOwner`.
        ///
        /// # Events
        /// `PauseSet`.
        #[ink(message)]
        pub fn set_paused(&mut self, paused: bool) -> Result<(), Error> {
            run(|oracle| oracle.set_paused(paused))
        }

        /// Offers the ownership to an account. Only for the owner.
        ///
        /// # Errors
        /// `NotTheOwner`.
        ///
        /// # Events
        /// `OwnershipOffered`.
        #[ink(message)]
        pub fn offer_ownership(&mut self, to: AccountId) -> Result<(), Error> {
            run(|oracle| oracle.offer_ownership(to))
        }

        /// Takes the ownership that was offered to the caller.
        ///
        /// # Errors
        /// `NotTheOwner`.
        ///
        /// # Events
        /// `OwnershipTaken`.
        #[ink(message)]
        pub fn take_ownership(&mut self) -> Result<(), Error> {
            run(|oracle| oracle.take_ownership())
        }

        /// Announces parameters for requests asked after the upgrade delay; returns the first block.
        /// Only for the owner.
        ///
        /// # Errors
        /// `NotTheOwner`, `BadParameter`, `Overflow`.
        ///
        /// # Events
        /// `ParamsAnnounced`.
        #[ink(message)]
        pub fn announce_params(
            &mut self,
            params: Small<Params>,
        ) -> Result<words::BlockNumber, Error> {
            run(|oracle| oracle.announce_params(params.0))
        }

        /// Announces code by its hash; returns the first block in which it can be installed. Only for
        /// the owner.
        ///
        /// # Errors
        /// `NotTheOwner`, `Overflow`.
        ///
        /// # Events
        /// `UpgradeAnnounced`.
        #[ink(message)]
        pub fn announce_upgrade(
            &mut self,
            code_hash: words::Hash,
        ) -> Result<words::BlockNumber, Error> {
            run(|oracle| oracle.announce_upgrade(code_hash))
        }

        /// Installs the announced code. Only for the owner.
        ///
        /// # Errors
        /// `NotTheOwner`, `NothingAnnounced`, `NotDueYet`, `NoSuchCode`.
        ///
        /// # Events
        /// `Upgraded`.
        #[ink(message)]
        pub fn upgrade(&mut self) -> Result<(), Error> {
            run(|oracle| oracle.upgrade())
        }

        /// Version of messages, events and digests.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn interface_version(&self) -> u32 {
            read(|_| INTERFACE_VERSION)
        }

        /// Identity and parameters of this deployment.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn config(&self) -> Config {
            read(|oracle| oracle.config())
        }

        /// What `ask` would cost now, and its deadlines.
        ///
        /// # Errors
        /// Whatever is wrong with the terms or the reward.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn quote(&self, terms: Small<Terms>, reward: words::Balance) -> Result<Quote, Error> {
            run(|oracle| oracle.quote(&terms.0, reward))
        }

        /// Number of the next request.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn next_id(&self) -> RequestId {
            read(|oracle| oracle.next_id())
        }

        /// A request without its terms; none when it was never asked or has been pruned.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn request(&self, request_id: RequestId) -> Option<RequestView> {
            read(|oracle| oracle.request_view(request_id))
        }

        /// Terms of a request.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn terms(&self, request_id: RequestId) -> Option<Terms> {
            read(|oracle| oracle.terms(request_id))
        }

        /// Requests from an id on, in short; at most 50 ids are looked at.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn summaries(&self, from: RequestId, limit: u32) -> Vec<Summary> {
            read(|oracle| oracle.summaries(from, limit))
        }

        /// The outcome, for contracts that want no callback.
        ///
        /// # Errors
        /// `NoSuchRequest`.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn answer_of(&self, request_id: RequestId) -> Result<AnswerState, Error> {
            run(|oracle| oracle.answer_of(request_id))
        }

        /// An operator by its account.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn operator(&self, account: AccountId) -> Option<OperatorView> {
            read(|oracle| oracle.operator_view(&account))
        }

        /// Operators from a slot on, at most 50.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn operators(&self, from: Slot, limit: u32) -> Vec<OperatorView> {
            read(|oracle| oracle.operators_view(from, limit))
        }

        /// What an account is owed, planck.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn credit_of(&self, account: AccountId) -> words::Balance {
            read(|oracle| oracle.credit_of(&account))
        }

        /// The books: the free balance covers the total.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn ledger(&self) -> LedgerView {
            read(|oracle| oracle.ledger())
        }
    }
}
