//! Whether an account can pay for a transaction: found out before it is sent, because one that fails in its
//! block costs its fee all the same.

use crate::{
    exit::{self, CliError},
    money::Planck,
};
use llm_oracle_chain::Deposit;
use llm_oracle_primitives::{AccountId, Balance};
use llm_oracle_support::address::ss58;

/// What a transaction takes from the account that signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charges {
    /// Money sent along, planck.
    pub value: Balance,
    /// Transaction fee, planck.
    pub fee: Balance,
    /// Effect on storage deposits.
    pub deposit: Deposit,
}

impl Charges {
    /// Refuses what the account cannot pay.
    ///
    /// # Errors
    /// Who has how much, and needs how much for what.
    pub fn check(&self, account: &AccountId, free: Balance) -> Result<(), CliError> {
        let deposit = self.deposit.charge();
        let needed = self.value.saturating_add(self.fee).saturating_add(deposit);
        if free >= needed {
            return Ok(());
        }
        Err(CliError::new(
            exit::TRANSACTION,
            format!(
                "{} has {} and needs {}: {} to send along, {} for the fee, {} as a storage deposit",
                ss58(account),
                Planck(free),
                Planck(needed),
                Planck(self.value),
                Planck(self.fee),
                Planck(deposit)
            ),
        )
        .help("nothing was sent; fund the account, or sign with another key"))
    }
}

/// Refuses a storage deposit above the limit that the caller has set.
///
/// # Errors
/// The deposit and the limit.
pub fn check_deposit(deposit: Deposit, limit: Option<u128>) -> Result<(), CliError> {
    let needed = Planck(deposit.charge());
    match limit.map(Planck) {
        Some(limit) if needed > limit => Err(CliError::new(
            exit::TRANSACTION,
            format!("the storage deposit is {needed}, and --storage-deposit-limit allows {limit}"),
        )
        .help("nothing was sent; raise the limit or leave it out")),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CHARGES: Charges = Charges {
        value: 5_000_000_000_000,
        fee: 10_000_000_000,
        deposit: Deposit::Charge(200_000_000_000),
    };

    #[test]
    fn an_account_that_cannot_pay_is_told_what_it_has_and_what_it_needs() {
        let account = AccountId::from([1; 32]);
        assert_eq!(CHARGES.check(&account, 5_210_000_000_000), Ok(()));
        for free in [0, 5_000_000_000_000, 5_209_999_999_999] {
            let refused = CHARGES.check(&account, free).unwrap_err();
            assert_eq!(refused.code, exit::TRANSACTION);
            for part in [
                ss58(&account),
                Planck(free).to_string(),
                "needs 5.21 UNIT".to_owned(),
                "5 UNIT to send along".to_owned(),
                "0.01 UNIT for the fee".to_owned(),
                "0.2 UNIT as a storage deposit".to_owned(),
            ] {
                assert!(refused.message.contains(&part), "{part}: {refused}");
            }
        }
        let refund = Charges {
            deposit: Deposit::Refund(7),
            ..CHARGES
        };
        assert_eq!(refund.check(&account, 5_010_000_000_000), Ok(()));
    }

    #[test]
    fn a_storage_deposit_above_its_limit_is_found_before_anything_is_sent() {
        let deposit = Deposit::Charge(200_000_000_000);
        assert_eq!(check_deposit(deposit, None), Ok(()));
        assert_eq!(check_deposit(deposit, Some(200_000_000_000)), Ok(()));
        let refused = check_deposit(deposit, Some(199_999_999_999)).unwrap_err();
        assert!(refused.message.contains("0.2 UNIT"), "{refused}");
        assert!(refused.message.contains("0.199999999999 UNIT"), "{refused}");
        assert_eq!(check_deposit(Deposit::Refund(9), Some(0)), Ok(()));
    }
}
