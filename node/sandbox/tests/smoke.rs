//! The sandbox on a contract small enough to read: its first input byte says what it does.

use llm_oracle_sandbox::{
    AccountId, DispatchError, InstantiateError, Keyring, Limits, RuntimeCall, RuntimeOrigin,
    Sandbox, Weight, account, runtime,
};
use runtime::{Balances, EXISTENTIAL_DEPOSIT, Runtime, contracts::deposit};

const STORE: u8 = 0;
const STORE_AND_REVERT: u8 = 1;
const TRAP: u8 = 2;
const LOAD: u8 = 3;
const NEST: u8 = 4;

const CONTRACT: &str = r#"
(module
  (import "env" "memory" (memory 1 1))
  (import "seal0" "seal_input" (func $input (param i32 i32)))
  (import "seal0" "seal_return" (func $return (param i32 i32 i32)))
  (import "seal0" "seal_address" (func $address (param i32 i32)))
  (import "seal0" "seal_deposit_event" (func $event (param i32 i32 i32 i32)))
  (import "seal1" "seal_call" (func $call (param i32 i32 i64 i32 i32 i32 i32 i32) (result i32)))
  (import "seal1" "get_storage" (func $load (param i32 i32 i32 i32) (result i32)))
  (import "seal2" "set_storage" (func $store (param i32 i32 i32 i32) (result i32)))

  ;; 0: length of 4, at most 16; 4: the input, a value; 64: key; 128: one topic; 200: a value of nothing;
  ;; 240: length of the address; 256: the address
  (data (i32.const 0) "\10\00\00\00")
  (data (i32.const 128) "\04TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT")
  (data (i32.const 240) "\20\00\00\00")

  (func (export "deploy"))

  (func (export "call")
    (local $what i32)
    (call $input (i32.const 4) (i32.const 0))
    (local.set $what (i32.load8_u (i32.const 4)))
    (if (i32.lt_u (local.get $what) (i32.const 2))
      (then
        (drop (call $store (i32.const 64) (i32.const 32) (i32.const 4) (i32.load (i32.const 0))))
        (call $event (i32.const 128) (i32.const 33) (i32.const 4) (i32.load (i32.const 0)))
        (call $return (local.get $what) (i32.const 4) (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $what) (i32.const 3))
      (then
        (i32.store (i32.const 0) (i32.const 16))
        (if (call $load (i32.const 64) (i32.const 32) (i32.const 4) (i32.const 0))
          (then (i32.store (i32.const 0) (i32.const 0))))
        (call $return (i32.const 0) (i32.const 4) (i32.load (i32.const 0)))))
    ;; calls itself as often as the second byte says
    (if (i32.load8_u (i32.const 5))
      (then
        (i32.store8 (i32.const 5) (i32.sub (i32.load8_u (i32.const 5)) (i32.const 1)))
        (call $address (i32.const 256) (i32.const 240))
        (if (call $call (i32.const 8) (i32.const 256) (i64.const 0) (i32.const 200)
              (i32.const 4) (i32.const 2) (i32.const 0xffffffff) (i32.const 0))
          (then unreachable))))))
"#;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the module is well-formed")
}

fn deployed() -> (Sandbox, AccountId, AccountId) {
    let mut sandbox = Sandbox::new();
    let alice = account(Keyring::Alice);
    let contract = sandbox
        .upload_and_instantiate(&wasm(CONTRACT), vec![], 0, vec![], alice.clone())
        .expect("the constructor does nothing");
    (sandbox, alice, contract)
}

fn stored(sandbox: &mut Sandbox, contract: &AccountId) -> Vec<u8> {
    let load = sandbox.call(account(Keyring::Bob), contract.clone(), vec![LOAD], 0);
    assert!(load.succeeded(), "{load:?}");
    load.data().to_vec()
}

fn pallet_error(error: pallet_contracts::Error<Runtime>) -> DispatchError {
    error.into()
}

#[test]
fn a_call_changes_state_tells_its_events_and_is_paid_for() {
    let (mut sandbox, alice, contract) = deployed();
    let before = sandbox.free_balance(&alice);

    let outcome = sandbox.call(alice.clone(), contract.clone(), vec![STORE, 7], 0);

    assert!(outcome.succeeded(), "{outcome:?}");
    let [event] = outcome.events.as_slice() else {
        panic!("one event: {outcome:?}")
    };
    assert_eq!(event.contract, contract);
    assert_eq!(event.data, [STORE, 7]);
    assert_eq!(event.topics.len(), 1);
    assert_eq!(event.topics[0].as_bytes(), [b'T'; 32]);
    assert_eq!(
        outcome.deposit_signed(),
        deposit(1, 2) as i128,
        "{outcome:?}"
    );
    assert_eq!(before - sandbox.free_balance(&alice), deposit(1, 2));
    assert!(outcome.gas_required.all_gte(outcome.gas_consumed));
    assert_eq!(stored(&mut sandbox, &contract), [STORE, 7]);
}

#[test]
fn a_revert_leaves_nothing_behind() {
    let (mut sandbox, alice, contract) = deployed();
    let before = sandbox.free_balance(&alice);

    let outcome = sandbox.call(
        alice.clone(),
        contract.clone(),
        vec![STORE_AND_REVERT, 7],
        5,
    );

    assert!(outcome.reverted() && !outcome.succeeded(), "{outcome:?}");
    assert_eq!(outcome.data(), [STORE_AND_REVERT, 7]);
    assert!(outcome.events.is_empty());
    assert_eq!(sandbox.free_balance(&alice), before);
    assert!(stored(&mut sandbox, &contract).is_empty());
}

#[test]
fn a_trap_is_an_error_and_leaves_nothing_behind() {
    let (mut sandbox, alice, contract) = deployed();
    let before = sandbox.free_balance(&alice);
    let outcome = sandbox.call(alice.clone(), contract, vec![TRAP], 5);
    assert_eq!(
        outcome.result,
        Err(pallet_error(pallet_contracts::Error::ContractTrapped))
    );
    assert_eq!(sandbox.free_balance(&alice), before);
}

#[test]
fn limits_are_kept() {
    let (mut sandbox, alice, contract) = deployed();
    let mut call = |limits| {
        let outcome =
            sandbox.call_with_limits(alice.clone(), contract.clone(), vec![STORE, 1], 0, limits);
        outcome.result
    };
    let no_gas = Limits {
        gas: Weight::from_parts(1_000_000, 1_000),
        ..Default::default()
    };
    assert_eq!(
        call(no_gas),
        Err(pallet_error(pallet_contracts::Error::OutOfGas))
    );
    let no_deposit = Limits {
        storage_deposit: Some(1),
        ..Default::default()
    };
    assert_eq!(
        call(no_deposit),
        Err(pallet_error(
            pallet_contracts::Error::StorageDepositLimitExhausted
        ))
    );
}

#[test]
fn a_dry_run_tells_all_and_changes_nothing() {
    let (mut sandbox, alice, contract) = deployed();
    let dry = sandbox.dry_run(alice.clone(), contract.clone(), vec![STORE, 7], 0);
    assert!(stored(&mut sandbox, &contract).is_empty());
    let limits = Limits {
        gas: dry.gas_required,
        ..Default::default()
    };
    let real = sandbox.call_with_limits(alice, contract, vec![STORE, 7], 0, limits);
    assert!(real.succeeded(), "{real:?}");
    assert_eq!(dry.events, real.events);
    assert_eq!(dry.storage_deposit, real.storage_deposit);
}

#[test]
fn contracts_nest_as_deep_as_the_chain_says() {
    let (mut sandbox, alice, contract) = deployed();
    let mut nest = |depth| sandbox.call(alice.clone(), contract.clone(), vec![NEST, depth], 0);
    assert!(nest(5).succeeded(), "{:?}", nest(5));
    assert!(!nest(6).succeeded());
}

#[test]
fn unstable_host_functions_and_large_code_are_refused() {
    let mut sandbox = Sandbox::new();
    let alice = account(Keyring::Alice);
    let unstable = wasm(
        r#"(module
            (import "env" "memory" (memory 1 1))
            (import "seal0" "reentrance_count" (func (result i32)))
            (func (export "deploy"))
            (func (export "call")))"#,
    );
    assert_eq!(
        sandbox.upload(&unstable, alice.clone()),
        Err(pallet_error(pallet_contracts::Error::CodeRejected))
    );
    let large = vec![0; 128 * 1024 + 1];
    assert_eq!(
        sandbox.upload_and_instantiate(&large, vec![], 0, vec![], alice),
        Err(InstantiateError::Dispatch(pallet_error(
            pallet_contracts::Error::CodeTooLarge
        )))
    );
}

#[test]
fn several_contracts_live_side_by_side() {
    let (mut sandbox, alice, first) = deployed();
    let second = sandbox
        .upload_and_instantiate(&wasm(CONTRACT), vec![], 0, vec![1], alice.clone())
        .expect("another salt makes another contract");
    assert_ne!(first, second);
    sandbox.call(alice, second.clone(), vec![STORE, 9], 0);
    assert!(stored(&mut sandbox, &first).is_empty());
    assert_eq!(stored(&mut sandbox, &second), [STORE, 9]);
}

#[test]
fn blocks_and_time_pass_together() {
    let mut sandbox = Sandbox::new();
    assert_eq!(sandbox.block_number(), 1);
    let start = sandbox.now_ms();
    sandbox.next_block();
    sandbox.advance_to(10);
    sandbox.advance_to(3);
    assert_eq!(sandbox.block_number(), 10);
    assert_eq!(sandbox.now_ms() - start, 9 * 6_000);
}

#[test]
fn a_snapshot_can_be_restored_again_and_again() {
    let (mut sandbox, alice, contract) = deployed();
    let snapshot = sandbox.snapshot();
    for value in 1..=2 {
        sandbox.next_block();
        sandbox.call(alice.clone(), contract.clone(), vec![STORE, value], 0);
        assert_eq!(stored(&mut sandbox, &contract), [STORE, value]);
        sandbox.restore(&snapshot);
        assert_eq!(sandbox.block_number(), 1);
        assert!(stored(&mut sandbox, &contract).is_empty());
    }
}

#[test]
fn money_can_be_made_and_sent() {
    let mut sandbox = Sandbox::new();
    let new = AccountId::new([7; 32]);
    assert!(sandbox.mint(&new, EXISTENTIAL_DEPOSIT - 1).is_err());
    sandbox
        .mint(&new, 3 * EXISTENTIAL_DEPOSIT)
        .expect("more than the existential deposit");

    let transfer = pallet_balances::Call::transfer_allow_death {
        dest: account(Keyring::Bob).into(),
        value: EXISTENTIAL_DEPOSIT,
    };
    let call = RuntimeCall::Balances(transfer);
    let result = sandbox.dispatch(RuntimeOrigin::signed(new.clone()), call);
    assert!(result.is_ok(), "{result:?}");
    assert!(!sandbox.events().is_empty());
    assert_eq!(sandbox.free_balance(&new), 2 * EXISTENTIAL_DEPOSIT);
    sandbox.execute(|| assert_eq!(Balances::free_balance(&new), 2 * EXISTENTIAL_DEPOSIT));
}
