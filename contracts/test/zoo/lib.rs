//! An asking contract that takes its answers in every wrong way.
//!
//! `ask` says how the callback of that request will behave; `behave` changes it later, so that a
//! failed delivery can be repeated. The mode `REENTER` calls the oracle with whatever bytes it was
//! given, so one mode re-enters any message.
#![cfg_attr(not(feature = "std"), no_std, no_main)]
// ink!'s macros generate the entry points without docs.
#![allow(missing_docs)]
// The large variant of the generated message enum lives for one call.
#![allow(clippy::large_enum_variant)]

/// How a callback behaves.
pub mod mode {
    /// Takes the outcome and returns.
    pub const FINE: u8 = 0;
    /// Stops with a trap.
    pub const TRAP: u8 = 1;
    /// Never comes back.
    pub const LOOP: u8 = 2;
    /// Returns with the revert flag.
    pub const REVERT: u8 = 3;
    /// Returns 16 KiB.
    pub const BIG_RETURN: u8 = 4;
    /// Returns 16 KiB with the revert flag.
    pub const BIG_REVERT: u8 = 5;
    /// Stores 64 KiB at its carrier's cost.
    pub const BLOAT: u8 = 6;
    /// Removes its own contract.
    pub const TERMINATE: u8 = 7;
    /// Calls itself until the chain refuses.
    pub const NEST: u8 = 8;
    /// Calls the oracle with given bytes and keeps what it returned.
    pub const REENTER: u8 = 9;
    /// As `REENTER`, then stops with a trap.
    pub const REENTER_AND_TRAP: u8 = 10;
    /// Sends the oracle money that it did not ask for.
    pub const GIFT: u8 = 11;
    /// Emits the largest event it can.
    pub const SHOUT: u8 = 12;
    /// Takes every byte of memory it can.
    pub const HOARD: u8 = 13;
    /// Reads the chain until the storage proof has no room left.
    pub const READ: u8 = 14;
    /// Runs the code whose hash it was given, the oracle's say, on its own storage and money.
    pub const DELEGATE: u8 = 15;
    /// Instantiates its own code once more, at its carrier's cost.
    pub const BREED: u8 = 16;
    /// Calls a contract that traps, and goes on.
    pub const CALL_A_TRAP: u8 = 17;
    /// Gives away all the money it can.
    pub const DRAIN: u8 = 18;
    /// Asks again through the consumer crate, with the terms it was given.
    pub const ASK: u8 = 19;
    /// Returns one byte more than ink!'s buffer of 16 KiB holds.
    pub const OVER_RETURN: u8 = 20;
    /// Replaces its own code with that of the hash it was given.
    pub const CHANGE: u8 = 21;
}

#[ink::contract]
pub mod zoo {
    use super::mode;
    use ink::{
        prelude::{vec, vec::Vec},
        storage::{Lazy, Mapping},
    };
    use llm_oracle_consumer::{Oracle, OracleConsumer, OracleError, Outcome, RequestId, Terms};

    /// What a callback did.
    #[derive(Clone, Debug, Default, PartialEq, Eq, scale::Encode, scale::Decode)]
    #[cfg_attr(
        feature = "std",
        derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
    )]
    pub struct Seen {
        /// Callbacks that were kept.
        pub times: u32,
        /// The last outcome, encoded.
        pub outcome: Vec<u8>,
        /// What the oracle returned to the last re-entry: the host's code, then the bytes.
        pub returned: Option<(u32, Vec<u8>)>,
    }

    /// Handles only: a callback may re-enter.
    #[ink(storage)]
    pub struct Zoo {
        oracle: Lazy<AccountId>,
        behaviour: Lazy<(u8, Vec<u8>, Balance)>,
        seen: Lazy<Seen>,
        bloat: Mapping<u32, Vec<u8>>,
    }

    impl Zoo {
        /// An asker of this oracle that has the value sent to spend.
        #[ink(constructor, payable)]
        pub fn new(oracle: AccountId) -> Self {
            let mut zoo = Self {
                oracle: Lazy::new(),
                behaviour: Lazy::new(),
                seen: Lazy::new(),
                bloat: Mapping::new(),
            };
            zoo.oracle.set(&oracle);
            zoo.behaviour.set(&(mode::FINE, Vec::new(), 0));
            zoo.seen.set(&Seen::default());
            zoo
        }

        /// Asks with the value sent; the callback will behave as `mode` says.
        #[ink(message, payable)]
        pub fn ask(
            &mut self,
            mode: u8,
            terms: Terms,
            reward: Balance,
        ) -> Result<RequestId, OracleError> {
            self.behaviour.set(&(mode, Vec::new(), 0));
            let value = self.env().transferred_value();
            Oracle::at(self.its_oracle()).ask(&terms, reward, value)
        }

        /// Changes how callbacks behave: `input` and `value` are for the modes that call the oracle.
        #[ink(message)]
        pub fn behave(&mut self, mode: u8, input: Vec<u8>, value: Balance) {
            self.behaviour.set(&(mode, input, value));
        }

        /// Calls the oracle with raw bytes, for messages that a contract must not reach it with.
        #[ink(message, payable)]
        pub fn forward(&mut self, input: Vec<u8>) -> (u32, Vec<u8>) {
            call(&self.its_oracle(), &input, self.env().transferred_value())
        }

        /// What the callbacks did.
        #[ink(message)]
        pub fn seen(&self) -> Seen {
            self.seen.get_or_default()
        }

        /// Calls itself once more; true when the chain refused at last.
        #[ink(message)]
        pub fn nest(&mut self) -> bool {
            self.go_deeper()
        }

        /// Stops with a trap, for the mode that calls a contract that does.
        #[ink(message)]
        pub fn trap(&mut self) {
            panic!("a trap");
        }

        fn its_oracle(&self) -> AccountId {
            self.oracle.get().unwrap_or([0; 32].into())
        }

        fn go_deeper(&self) -> bool {
            call(&self.env().account_id(), &ink::selector_bytes!("nest"), 0).0 != 0
        }

        fn reenter(&mut self) {
            let (_, input, value) = self.behaviour.get_or_default();
            let returned = call(&self.its_oracle(), &input, value);
            let mut seen = self.seen.get_or_default();
            seen.returned = Some(returned);
            self.seen.set(&seen);
        }

        /// Asks with the terms and reward that it was given, and keeps what came of it.
        fn ask_again(&mut self) {
            let (_, input, value) = self.behaviour.get_or_default();
            let given: Result<(Terms, Balance), _> = scale::Decode::decode(&mut &input[..]);
            let Ok((terms, reward)) = given else { return };
            let asked = Oracle::at(self.its_oracle()).ask(&terms, reward, value);
            let mut seen = self.seen.get_or_default();
            // Like the messages that are called with bytes: ink!'s layer comes first.
            let returned: Result<Result<RequestId, OracleError>, ()> = Ok(asked);
            seen.returned = Some((0, scale::Encode::encode(&returned)));
            self.seen.set(&seen);
        }

        fn code_given(&self) -> [u8; 32] {
            let (_, hash, _) = self.behaviour.get_or_default();
            hash.try_into().unwrap_or_default()
        }

        /// The habits that reach for other code and contracts.
        fn misbehave_with_code(&mut self, mode: u8) {
            match mode {
                mode::READ => read_everything(),
                mode::DELEGATE => delegate(&self.code_given()),
                mode::BREED => breed(&self.its_oracle()),
                mode::CALL_A_TRAP => {
                    let trap = ink::selector_bytes!("trap");
                    let (code, _) = call(&self.env().account_id(), &trap, 0);
                    assert!(code != 0, "the call has failed");
                }
                mode::CHANGE => change(&self.code_given()),
                _ => {}
            }
        }

        fn misbehave(&mut self, mode: u8) {
            match mode {
                mode::TRAP => panic!("a trap"),
                mode::LOOP => loop {
                    // A read of the chain, so that no compiler takes the loop away.
                    let _ = self.env().block_number();
                },
                mode::REVERT => give_back(true, &[]),
                mode::BIG_RETURN => give_back(false, &[7; 16 * 1024]),
                mode::BIG_REVERT => give_back(true, &[7; 16 * 1024]),
                mode::BLOAT => {
                    for cell in 0..8 {
                        self.bloat.insert(cell, &vec![7; 8 * 1024]);
                    }
                }
                mode::TERMINATE => self.env().terminate_contract([0xdd; 32].into()),
                mode::NEST => {
                    self.go_deeper();
                }
                mode::REENTER => self.reenter(),
                mode::REENTER_AND_TRAP => {
                    self.reenter();
                    panic!("a trap after it");
                }
                mode::GIFT => {
                    let gift = self.env().transfer(self.its_oracle(), 1_000_000_000_000);
                    assert!(gift.is_ok(), "the oracle takes gifts");
                }
                mode::SHOUT => shout(),
                mode::HOARD => {
                    let mut hoard: Vec<Vec<u8>> = Vec::new();
                    loop {
                        hoard.push(vec![7; 64 * 1024]);
                    }
                }
                mode::DRAIN => {
                    let most = self.env().balance();
                    let given = self.env().transfer([0xdd; 32].into(), most);
                    assert!(given.is_ok(), "the money is its own");
                }
                mode::ASK => self.ask_again(),
                mode::OVER_RETURN => give_back(false, &[7; 16 * 1024 + 1]),
                other => self.misbehave_with_code(other),
            }
        }
    }

    impl OracleConsumer for Zoo {
        #[ink(message, selector = 0x4c4c4d61)]
        fn on_answer(&mut self, request_id: RequestId, outcome: Outcome) {
            let _ = request_id;
            let mut seen = self.seen.get_or_default();
            seen.times = seen.times.saturating_add(1);
            seen.outcome = scale::Encode::encode(&outcome);
            self.seen.set(&seen);
            let (mode, _, _) = self.behaviour.get_or_default();
            self.misbehave(mode);
        }
    }

    /// Calls a contract and lets it call back; gives the host's code and what was returned.
    #[cfg(target_arch = "wasm32")]
    fn call(to: &AccountId, input: &[u8], value: Balance) -> (u32, Vec<u8>) {
        use pallet_contracts_uapi::{CallFlags, HostFn, HostFnImpl};
        let mut buffer = vec![0; 12 * 1024];
        let mut output = &mut buffer[..];
        let result = HostFnImpl::call_v2(
            CallFlags::ALLOW_REENTRY,
            to.as_ref(),
            0,
            0,
            None,
            &value.to_le_bytes(),
            input,
            Some(&mut output),
        );
        let returned = output.to_vec();
        (result.map_or_else(|code| code as u32, |()| 0), returned)
    }

    #[cfg(target_arch = "wasm32")]
    fn give_back(revert: bool, bytes: &[u8]) {
        use pallet_contracts_uapi::{HostFn, HostFnImpl, ReturnFlags};
        let flags = if revert {
            ReturnFlags::REVERT
        } else {
            ReturnFlags::empty()
        };
        HostFnImpl::return_value(flags, bytes)
    }

    #[cfg(target_arch = "wasm32")]
    fn shout() {
        use pallet_contracts_uapi::{HostFn, HostFnImpl};
        HostFnImpl::deposit_event(&[0], &[7; 16 * 1024 - 64]);
    }

    /// Asks for the code of one account after the other: little time and much proof.
    #[cfg(target_arch = "wasm32")]
    fn read_everything() {
        use pallet_contracts_uapi::{HostFn, HostFnImpl};
        let mut account = [0; 32];
        for number in 0u32.. {
            account[..4].copy_from_slice(&number.to_le_bytes());
            let _ = HostFnImpl::code_hash(&account, &mut [0; 32]);
        }
    }

    /// Runs other code as its own: `prune` of the first request there finds none.
    #[cfg(target_arch = "wasm32")]
    fn delegate(code_hash: &[u8; 32]) {
        use pallet_contracts_uapi::{CallFlags, HostFn, HostFnImpl};
        let mut input = ink::selector_bytes!("prune").to_vec();
        input.extend_from_slice(&[0; 8]);
        let result = HostFnImpl::delegate_call(CallFlags::empty(), code_hash, &input, None);
        assert!(result.is_err(), "there is nothing to prune");
    }

    #[cfg(target_arch = "wasm32")]
    fn breed(oracle: &AccountId) {
        use pallet_contracts_uapi::{HostFn, HostFnImpl};
        let mut own = [0; 32];
        HostFnImpl::own_code_hash(&mut own);
        let mut input = ink::selector_bytes!("new").to_vec();
        input.extend_from_slice(oracle.as_ref());
        let value = 1_000_000_000u128.to_le_bytes();
        let born =
            HostFnImpl::instantiate_v2(&own, 0, 0, None, &value, &input, None, None, b"child");
        assert!(born.is_ok(), "the carrier pays");
    }

    #[cfg(target_arch = "wasm32")]
    fn change(code_hash: &[u8; 32]) {
        use pallet_contracts_uapi::{HostFn, HostFnImpl};
        assert!(
            HostFnImpl::set_code_hash(code_hash).is_ok(),
            "there is such code"
        );
    }

    // Outside a chain the crate only serves its metadata.
    #[cfg(not(target_arch = "wasm32"))]
    fn call(_: &AccountId, _: &[u8], _: Balance) -> (u32, Vec<u8>) {
        (0, Vec::new())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn give_back(_: bool, _: &[u8]) {}

    #[cfg(not(target_arch = "wasm32"))]
    fn shout() {}

    #[cfg(not(target_arch = "wasm32"))]
    fn read_everything() {}

    #[cfg(not(target_arch = "wasm32"))]
    fn delegate(_: &[u8; 32]) {}

    #[cfg(not(target_arch = "wasm32"))]
    fn breed(_: &AccountId) {}

    #[cfg(not(target_arch = "wasm32"))]
    fn change(_: &[u8; 32]) {}
}
