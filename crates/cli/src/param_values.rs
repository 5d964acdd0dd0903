//! The contract's parameters by name: shown, and set one by one.

use crate::{
    exit::CliError,
    money::{self, Planck},
};
use llm_oracle_primitives::{Balance, Error, Params};
use serde_json::{json, Value};

/// A parameter in [`Params`], by its unit.
enum ParamField<'a> {
    Amount(&'a mut Balance),
    Number(&'a mut u32),
}

/// Every parameter in the order of [`Params`]: the contract names an invalid one by its position.
fn fields(params: &mut Params) -> [(&'static str, ParamField<'_>); 17] {
    use ParamField::{Amount, Number};
    [
        ("min_bond", Amount(&mut params.min_bond)),
        ("seat_bond", Amount(&mut params.seat_bond)),
        ("min_reward", Amount(&mut params.min_reward)),
        ("commit_fee", Amount(&mut params.commit_fee)),
        ("lock_fee", Amount(&mut params.lock_fee)),
        ("delivery_reward", Amount(&mut params.delivery_reward)),
        ("fee_ppm", Number(&mut params.fee_ppm)),
        ("effort_ppm", Number(&mut params.effort_ppm)),
        ("report_ppm", Number(&mut params.report_ppm)),
        ("open_delay", Number(&mut params.open_delay)),
        ("max_wait", Number(&mut params.max_wait)),
        ("min_window", Number(&mut params.min_window)),
        ("max_window", Number(&mut params.max_window)),
        ("delivery_blocks", Number(&mut params.delivery_blocks)),
        ("retention_blocks", Number(&mut params.retention_blocks)),
        ("unbonding_blocks", Number(&mut params.unbonding_blocks)),
        (
            "upgrade_delay_blocks",
            Number(&mut params.upgrade_delay_blocks),
        ),
    ]
}

/// Sets parameters from `key=value` and checks the result by the contract's own bounds, for a coin of `unit`
/// planck.
///
/// # Errors
/// An unknown key, a malformed value, or one out of its bounds. The error names the parameter.
pub fn set(mut params: Params, unit: Balance, changes: &[String]) -> Result<Params, CliError> {
    for change in changes {
        let Some((key, value)) = change.split_once('=') else {
            let refused = CliError::usage(format!("--set '{change}' has no '='"));
            return Err(refused.help("give --set key=value"));
        };
        set_one(&mut params, key.trim(), value.trim())?;
    }
    match out_of_bounds(params, unit) {
        None => Ok(params),
        Some((_, error)) => Err(error),
    }
}

/// The first parameter that is out of the contract's bounds, with the error.
pub fn out_of_bounds(params: Params, unit: Balance) -> Option<(&'static str, CliError)> {
    match params.check(unit) {
        Ok(()) => None,
        Err(Error::BadParameter { field }) => {
            let rows = rows(params);
            let (name, value) = rows.into_iter().nth(field.into()).unwrap_or_default();
            let refused =
                CliError::usage(format!("parameter {name} = {value} is out of its bounds"));
            let help = "docs/protocol.md has the bounds; some depend on other parameters";
            Some((name, refused.help(help)))
        }
        Err(error) => Some(("", CliError::usage(error))),
    }
}

/// Sets one parameter.
///
/// # Errors
/// An unknown key or a malformed value, which the error names.
pub fn set_one(params: &mut Params, key: &str, value: &str) -> Result<(), CliError> {
    let mut fields = fields(params);
    let names = fields.each_ref().map(|(name, _)| *name);
    let Some((_, field)) = fields.iter_mut().find(|(name, _)| *name == key) else {
        return Err(CliError::usage(format!("there is no parameter '{key}'"))
            .help(format!("there are {}", names.join(", "))));
    };
    match field {
        ParamField::Amount(amount) => {
            let read = value
                .parse()
                .and_then(|read: money::AmountInput| read.planck());
            **amount = read.map_err(|why| CliError::usage(format!("parameter {key}: {why}")))?;
        }
        ParamField::Number(number) => {
            **number = value.parse().map_err(|error| {
                CliError::usage(format!(
                    "parameter {key}: '{value}' is not a number: {error}"
                ))
            })?;
        }
    }
    Ok(())
}

/// Each parameter with its value, for people.
fn rows(mut params: Params) -> Vec<(&'static str, String)> {
    let fields = fields(&mut params).into_iter();
    let row = |(name, field): (&'static str, ParamField<'_>)| match field {
        ParamField::Amount(amount) => (name, Planck(*amount).to_string()),
        ParamField::Number(number) => (name, number.to_string()),
    };
    fields.map(row).collect()
}

/// The parameters in JSON: amounts in planck as text, everything else as numbers.
pub fn params_json(mut params: Params) -> Value {
    let fields = fields(&mut params).into_iter();
    let pair = |(name, field): (&'static str, ParamField<'_>)| {
        let value = match field {
            ParamField::Amount(amount) => json!(amount.to_string()),
            ParamField::Number(number) => json!(number),
        };
        (name.to_owned(), value)
    };
    fields.map(pair).collect()
}

/// A table of parameters, with a second column for those announced if there are any.
pub fn params_rows(params: Params, announced: Option<Params>) -> Vec<Vec<String>> {
    let announced = announced.map(rows).unwrap_or_default();
    let mut lines = Vec::new();
    for (index, (name, value)) in rows(params).into_iter().enumerate() {
        let mut line = vec![name.to_owned(), value.clone()];
        let next = announced.get(index).map(|(_, next)| next);
        line.extend(next.map(|next| {
            if *next == value {
                String::new()
            } else {
                next.clone()
            }
        }));
        lines.push(line);
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const UNIT: Balance = 1_000_000_000_000;

    fn defaults() -> Params {
        Params::for_unit(UNIT)
    }

    fn changed(changes: &[&str]) -> Result<Params, CliError> {
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        set(defaults(), UNIT, &changes)
    }

    #[test]
    fn parameters_are_set_by_name_in_their_units() {
        let params = changed(&["min_reward=0.02UNIT", "max_wait = 20", "fee_ppm=0"]).unwrap();
        assert_eq!(
            params,
            Params {
                min_reward: 20_000_000_000,
                max_wait: 20,
                fee_ppm: 0,
                ..defaults()
            }
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (change, named) in [
            ("min_reward", "has no '='"),
            ("colour=1", "no parameter 'colour'"),
            ("min_reward=much", "parameter min_reward"),
            ("fee_ppm=1UNIT", "parameter fee_ppm"),
            ("fee_ppm=200001", "parameter fee_ppm = 200001"),
            ("open_delay=1001", "parameter open_delay = 1001"),
            ("seat_bond=101UNIT", "parameter seat_bond = 101 UNIT"),
        ] {
            let refused = changed(&[change]).unwrap_err();
            assert!(refused.message.contains(named), "{change}: {refused}");
        }
    }

    #[test]
    fn names_stand_in_the_order_by_which_the_contract_counts() {
        // The last field but one and the first, each made wrong alone.
        let mut wrong = defaults();
        wrong.unbonding_blocks = 0;
        assert_eq!(wrong.check(UNIT), Err(Error::BadParameter { field: 15 }));
        assert_eq!(
            rows(wrong).get(15).map(|(name, _)| *name),
            Some("unbonding_blocks")
        );
        let json = params_json(defaults());
        assert_eq!(json["min_bond"], "100000000000000");
        assert_eq!(json["upgrade_delay_blocks"], 115_200);
        assert_eq!(json.as_object().unwrap().len(), 17);
    }

    #[test]
    fn announced_values_are_shown_where_they_differ() {
        let next = changed(&["fee_ppm=1"]).unwrap();
        let rows = params_rows(defaults(), Some(next));
        assert_eq!(rows[6], ["fee_ppm", "20000", "1"]);
        assert_eq!(rows[7], ["effort_ppm", "250000", ""]);
        assert_eq!(params_rows(defaults(), None)[6], ["fee_ppm", "20000"]);
    }
}
