//! `operator register`: the account of a key becomes an operator.

use crate::{
    account::AccountInput,
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, ContractCall},
    exit::{self, CommandResult},
    flags::SigningFlags,
    money::{AmountInput, Planck},
    operators::{registration, registration_to_sign},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{messages, ChainError};
use llm_oracle_primitives::{Balance, Params};
use llm_oracle_signing::{RemoteSigner, Signer as _};
use llm_oracle_support::address::ss58;
use serde_json::json;
use std::path::PathBuf;

/// Missed reveals that the default bond survives.
const ROOM_SEATS: Balance = 10;

/// Arguments of `operator register`.
#[derive(Args, Debug)]
pub struct OperatorRegisterArgs {
    /// Bond, planck or with the coin, such as 2UNIT [default: the minimum and room for ten missed reveals]
    #[arg(long, visible_alias = "value", value_name = "AMOUNT")]
    pub bond: Option<AmountInput>,
    /// The account that gets the operator's money: SS58, 0x-hex or a development key [default: the operator]
    #[arg(long, value_name = "ADDRESS")]
    pub owner: Option<AccountInput>,
    /// What the operator declares its model to be, such as llama-3.3-70b, at most 32 bytes
    #[arg(long, value_name = "NAME", default_value = "")]
    pub family: String,
    /// The operator's key, if a signer holds it.
    #[command(flatten)]
    pub remote: RemoteSignerFlags,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// The bond without `--bond`: exactly the minimum would end the operator at its first missed reveal, while
/// its model goes on being paid.
fn default_bond(params: &Params) -> Balance {
    let room = params.seat_bond.saturating_mul(ROOM_SEATS);
    params.min_bond.saturating_add(room)
}

/// How many missed reveals a bond survives.
fn room(params: &Params, bond: Balance) -> String {
    let above = bond.saturating_sub(params.min_bond);
    let min_bond = Planck(params.min_bond);
    match above.checked_div(params.seat_bond) {
        Some(0) => format!(
            "bond       {}: one missed reveal takes it below the minimum of {min_bond}, and no seat can be taken then",
            Planck(bond)
        ),
        Some(missed) => format!(
            "bond       {}: {missed} missed reveals keep it at the minimum of {min_bond}",
            Planck(bond)
        ),
        None => format!("bond       {}: the minimum is {min_bond}", Planck(bond)),
    }
}

/// An operator's key that a signer holds; another key then pays.
#[derive(Args, Debug, Clone, Default)]
pub struct RemoteSignerFlags {
    /// Socket of the signer that holds the operator's key; the key that is set pays
    #[arg(long, value_name = "SOCKET", requires = "operator")]
    pub signer: Option<PathBuf>,
    /// The account whose key the signer holds
    #[arg(long, value_name = "ACCOUNT", requires = "signer")]
    pub operator: Option<AccountInput>,
}

impl RunSubcommand for OperatorRegisterArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the contract, the chain or the signer refuses.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let signer = context.signer()?;
        let checked = context.oracle().await?;
        let params = &checked.config.params;
        let bond = match &self.bond {
            Some(bond) => bond.read()?,
            None => default_bond(params),
        };
        context.out.stage(room(params, bond));
        let (account, call) = match (&self.remote.signer, &self.remote.operator) {
            (Some(socket), Some(operator)) => {
                let remote = RemoteSigner::new(socket.clone(), operator.0);
                let owner = self.owner.as_ref().map_or(operator.0, |owner| owner.0);
                let wanted = registration_to_sign(&checked, operator.0, (owner, &self.family));
                let signed = remote.sign_registration(&wanted);
                let signed = signed.map_err(ChainError::from)?;
                let family = self.family.as_bytes();
                let call = messages::register(operator.0, owner, family, signed);
                (operator.0, call)
            }
            _ => {
                let owner = self.owner.as_ref().map_or(signer.account, |owner| owner.0);
                let call = registration(&checked, &signer, (owner, &self.family));
                (signer.account, call)
            }
        };
        let register = ContractCall {
            chain: &checked.oracle.chain,
            signer: &signer,
            contract: checked.oracle.address,
            value: bond,
            call,
        };
        let Some(receipt) = register.run(context, &self.sign).await? else {
            return Ok(exit::OK);
        };
        let mut json = receipt_json(&receipt);
        json["operator"] = json!(ss58(&account));
        json["slot"] = json!(receipt.value);
        json["bond"] = json!(bond.to_string());
        let text = format!(
            "registered {} in slot {} with a bond of {}",
            ss58(&account),
            receipt.value,
            Planck(bond)
        );
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_bond_survives_missed_reveals() {
        let params = Params::for_unit(1_000_000_000_000);
        let bond = default_bond(&params);
        assert!(bond > params.min_bond);
        assert!(room(&params, bond).contains("10 missed reveals keep it"));
        for bond in [params.min_bond, params.min_bond.saturating_add(1)] {
            assert!(room(&params, bond).contains("one missed reveal takes it below"));
        }
        assert!(
            room(&params, params.min_bond.saturating_add(params.seat_bond)).contains("1 missed")
        );
    }
}
