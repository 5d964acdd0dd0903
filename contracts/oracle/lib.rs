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
        SetView, Signature, Slot, Summary, Terms, INTERFACE_VERSION,
    };
    use llm_oracle_rules::{codec::Small, Batch, Identity, Oracle, Profile, Refusal};
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
        /// Deploys the oracle on the chain with this genesis hash, whose coin has `unit` planck. The caller
        /// becomes the owner. `sink` is where forfeits go; without one it is an account without a key.
        /// No announcement will ever take effect sooner than after the upgrade delay given here.
        ///
        /// # Errors
        /// `UnitOutOfRange`, `BadParameter`.
        #[ink(constructor)]
        pub fn new(
            genesis: words::Hash,
            unit: words::Balance,
            params: Small<Params>,
            sink: Option<AccountId>,
        ) -> Result<Self, Error> {
            Ok(Self::open(genesis, unit, &params.0, sink))
        }

        /// Deploys with the default parameters for a coin of `unit` planck.
        ///
        /// # Errors
        /// `UnitOutOfRange`, `BadParameter`.
        #[ink(constructor)]
        pub fn with_defaults(genesis: words::Hash, unit: words::Balance) -> Result<Self, Error> {
            Ok(Self::open(genesis, unit, &Params::for_unit(unit), None))
        }

        /// Writes what the constructors fix. Bad parameters end the call here: a constructor that
        /// could still fail would bring a second encoding of every error into the code.
        fn open(
            genesis: words::Hash,
            unit: words::Balance,
            params: &Params,
            sink: Option<AccountId>,
        ) -> Self {
            if !words::limits::UNITS.contains(&unit) {
                refused(&Error::UnitOutOfRange { unit });
            }
            if let Err(error) = params.check(unit) {
                refused(&error);
            }
            let deployer = Self::env().caller();
            let deployed_at = Self::env().block_number();
            let deployed_at_ms = Self::env().block_timestamp();
            let identity = Identity::new(
                genesis,
                deployer,
                (deployed_at, deployed_at_ms),
                sink,
                (unit, params.upgrade_delay_blocks),
            );
            let mut cells = Cells::default();
            cells.open(&identity, params);
            if let Err(refusal) = Oracle::new(Cells::default()).open_treasury(&identity) {
                refused(&refusal);
            }
            Self { cells }
        }

        /// Registers an operator, whose id is its sr25519 key, with the value sent as its bond. `owner`
        /// gets its money, and stays its owner when it registers again; `family` is what it declares its
        /// model to be. Anyone may bring the operator's signature over the register message.
        ///
        /// # Errors
        /// `Paused`, `BondTooLow`, `FamilyLength`, `BadSignature`, `AlreadyRegistered`, `Barred`,
        /// `NotOperatorsOwner`, `Overflow`.
        ///
        /// # Events
        /// `Registered`.
        #[ink(message, payable)]
        pub fn register(
            &mut self,
            operator: AccountId,
            owner: AccountId,
            family: Small<Vec<u8>>,
            signature: Signature,
        ) -> Result<Slot, Error> {
            let profile = Profile {
                owner,
                family: family.0,
            };
            run(|oracle| oracle.register(operator, profile, &signature))
        }

        /// Declares another model family. Only for the operator and its owner.
        ///
        /// # Errors
        /// `NoSuchOperator`, `NotTheOperator`, `FamilyLength`.
        ///
        /// # Events
        /// `FamilyDeclared`.
        #[ink(message)]
        pub fn declare_family(&mut self, slot: Slot, family: Small<Vec<u8>>) -> Result<(), Error> {
            run(|oracle| oracle.declare_family(slot, family.0))
        }

        /// Names another account that gets an operator's money. Only for the one that gets it now.
        ///
        /// # Errors
        /// `NoSuchOperator`, `NotOperatorsOwner`.
        ///
        /// # Events
        /// `OwnerNamed`.
        #[ink(message)]
        pub fn name_owner(&mut self, slot: Slot, owner: AccountId) -> Result<(), Error> {
            run(|oracle| oracle.name_owner(slot, owner))
        }

        /// Publishes a list of registered operators, for ever, and returns its number. Anyone may call.
        ///
        /// # Errors
        /// `SetSize`, `NamedNotRegistered`, `NamedTwice`, `Overflow`.
        ///
        /// # Events
        /// `SetPublished`.
        #[ink(message)]
        pub fn publish_set(&mut self, operators: Small<Vec<AccountId>>) -> Result<u32, Error> {
            run(|oracle| oracle.publish_set(&operators.0))
        }

        /// Adds the value sent to an operator's bond. Anyone may call; a stranger adds at least a
        /// sixteenth of the least bond.
        ///
        /// # Errors
        /// `NoSuchOperator`, `Barred`, `BondTooLow`, `Overflow`.
        ///
        /// # Events
        /// `Bonded`.
        #[ink(message, payable)]
        pub fn bond(&mut self, slot: Slot) -> Result<(), Error> {
            run(|oracle| oracle.bond(slot))
        }

        /// Puts a part of an operator's free bond aside until the unbonding time has passed, all that is
        /// free when `amount` is more. Only for the operator and its owner.
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

        /// Opens a request for the caller, who sends at least what `quote` says, or with `use_credit` has
        /// the rest as credit here; what is above is credited back.
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
            use_credit: bool,
        ) -> Result<RequestId, Error> {
            run(|oracle| oracle.ask(terms.0, reward, use_credit))
        }

        /// Takes a seat with a commitment, by the operator or by a transmitter with its signature.
        ///
        /// # Errors
        /// The reason why not.
        ///
        /// # Events
        /// `Committed`.
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
        /// `Committed` for each request.
        #[ink(message)]
        pub fn commit_batch(&mut self, entries: Small<Vec<CommitEntry>>) -> Result<Batch, Error> {
            run(|oracle| oracle.commit_batch(entries.0))
        }

        /// Reveals a committed answer; the last reveal settles the request. Anyone may send it.
        ///
        /// # Errors
        /// The reason why not.
        ///
        /// # Events
        /// `AnswerPublished`, `Revealed`, `Ended`.
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
        /// `AnswerPublished`, `Revealed` and `Ended` for each request.
        #[ink(message)]
        pub fn reveal_batch(&mut self, entries: Small<Vec<RevealEntry>>) -> Result<Batch, Error> {
            run(|oracle| oracle.reveal_batch(entries.0))
        }

        /// Answers a one-step request, which settles it. Anyone may send the signed answer.
        ///
        /// # Errors
        /// The reason why not.
        ///
        /// # Events
        /// `Committed`, `AnswerPublished`, `Revealed`, `Ended`.
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
        /// `Committed`, `AnswerPublished`, `Revealed`, `Ended` for each request.
        #[ink(message)]
        pub fn answer_batch(&mut self, entries: Small<Vec<AnswerEntry>>) -> Result<Batch, Error> {
            run(|oracle| oracle.answer_batch(entries.0))
        }

        /// Settles a request whose end has come. Anyone may call.
        ///
        /// # Errors
        /// `NoSuchRequest`.
        ///
        /// # Events
        /// `Ended`.
        #[ink(message)]
        pub fn advance(&mut self, request_id: RequestId) -> Result<Phase, Error> {
            run(|oracle| oracle.advance(request_id))
        }

        /// Hands the outcome of an ended request to the requester's `on_answer`. Must be sent as a
        /// transaction. The first attempt of an operator with a seat earns its price, whether the callback
        /// takes the outcome or not; success earns the rest of the escrow.
        ///
        /// # Errors
        /// `CallerNotOrigin`, `NoSuchRequest`, `NotEnded`, `NoCallback`, `AlreadyDelivered`,
        /// `Delivering`, `GasTooLow`.
        ///
        /// # Events
        /// `Ended`, `Delivered` or `DeliveryFailed`.
        #[ink(message)]
        pub fn deliver(&mut self, request_id: RequestId) -> Result<DeliveryStatus, Error> {
            run(|oracle| oracle.deliver(request_id))
        }

        /// Adds the value sent to the escrow of a delivery, for another attempt. Anyone may call.
        ///
        /// # Errors
        /// `NoSuchRequest`, `NoCallback`, `AlreadyDelivered`, `Delivering`, `ValueTooLow`, `Overflow`.
        ///
        /// # Events
        /// `DeliveryFunded`.
        #[ink(message, payable)]
        pub fn fund_delivery(&mut self, request_id: RequestId) -> Result<(), Error> {
            run(|oracle| oracle.fund_delivery(request_id))
        }

        /// Removes everything stored about an ended request.
        ///
        /// # Errors
        /// `NoSuchRequest`, `NotEnded`, `Delivering`, `NotPrunableYet`.
        ///
        /// # Events
        /// `Ended`, `Pruned`.
        #[ink(message)]
        pub fn prune(&mut self, request_id: RequestId) -> Result<(), Error> {
            run(|oracle| oracle.prune(request_id))
        }

        /// Pays an account what it is owed, and what it earned as an operator to its owner. Anyone may
        /// call.
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

        /// Announces code that is on the chain, by its hash; returns the first block in which it can be
        /// installed. Only for the owner.
        ///
        /// # Errors
        /// `NotTheOwner`, `NoSuchCode`, `Overflow`.
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

        /// The lowest id that may be open: every request with a lower one has been settled.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn lowest_open_id(&self) -> RequestId {
            read(|oracle| oracle.lowest_open_id())
        }

        /// How many operators have ever registered. Contracts may rely on it: it never changes its shape.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn operators_count(&self) -> u32 {
            read(|oracle| oracle.operators_count())
        }

        /// A published set; none when there is no such number.
        ///
        /// # Errors
        /// None.
        ///
        /// # Events
        /// None.
        #[ink(message)]
        pub fn set(&self, number: u32) -> Option<SetView> {
            read(|oracle| oracle.set_view(number))
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

        /// The outcome, for contracts that want no callback. They may rely on it: it never changes its
        /// shape.
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
