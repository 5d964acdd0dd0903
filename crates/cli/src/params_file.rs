//! A file with the parameters of a new contract, TOML or JSON.

use crate::{
    account::AccountInput,
    exit::CliError,
    param_values::{out_of_bounds, set_one},
};
use llm_oracle_primitives::{AccountId, Balance, Params};
use llm_oracle_support::toml_errors::line_of;
use serde_json::{Map, Value};
use std::path::Path;

/// Key of the account that gets the owner's part.
const SINK: &str = "sink";

/// What a file says about a new contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployParams {
    /// The parameters; those that the file leaves out have their defaults.
    pub params: Params,
    /// Who gets the owner's part; the owner without it.
    pub sink: Option<AccountId>,
}

impl DeployParams {
    /// The defaults for a coin of `unit` planck.
    pub fn for_unit(unit: Balance) -> Self {
        Self {
            params: Params::for_unit(unit),
            sink: None,
        }
    }

    /// Reads a file, for a coin of `unit` planck.
    ///
    /// # Errors
    /// When it can't be read, or a value is unknown, malformed or out of its bounds. The error names file, line
    /// and value.
    pub fn read(path: &Path, unit: Balance) -> Result<Self, CliError> {
        let file = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::usage(format!("cannot read {file}: {error}"))
                .help("give --params a TOML or JSON file with parameters")
        })?;
        Self::parse(&text, unit).map_err(|(line, error)| {
            let message = match line {
                Some(line) => format!("{file} line {line}: {}", error.message),
                None => format!("{file}: {}", error.message),
            };
            CliError { message, ..error }
        })
    }

    fn parse(text: &str, unit: Balance) -> Result<Self, (Option<usize>, CliError)> {
        let mut read = Self::for_unit(unit);
        for (key, value) in entries(text)? {
            let line = line_of_key(text, &key);
            let at = |error: CliError| (line, error);
            if count_of_key(text, &key) > 1 {
                let twice = CliError::usage(format!("'{key}' stands there twice: keep one"));
                return Err(at(twice));
            }
            let value = match value {
                Value::String(value) => value,
                Value::Number(value) if !value.is_f64() => value.to_string(),
                other => {
                    let told = format!("parameter {key}: {other} is no amount and no number");
                    return Err(at(CliError::usage(told).help(
                        "give planck or counts as whole numbers, or amounts as \"0.01UNIT\"",
                    )));
                }
            };
            if key == SINK {
                let sink: AccountInput = value
                    .parse()
                    .map_err(|error| at(CliError::usage(format!("parameter {key}: {error}"))))?;
                read.sink = Some(sink.0);
            } else {
                set_one(&mut read.params, &key, &value).map_err(at)?;
            }
        }
        match out_of_bounds(read.params, unit) {
            None => Ok(read),
            Some((name, error)) => Err((line_of_key(text, name), error)),
        }
    }
}

/// Keys and values, of JSON if the text begins like an object, else of TOML.
fn entries(text: &str) -> Result<Map<String, Value>, (Option<usize>, CliError)> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            let told = CliError::usage(format!("it is no JSON object: {error}"));
            (Some(error.line()), told)
        });
    }
    toml::from_str(text).map_err(|error| {
        let told = CliError::usage(format!("it is no TOML: {}", error.message()));
        (Some(line_of(text, error.span())), told)
    })
}

/// Whether a line begins with this key, or has it in quotes before a colon.
fn has_key(line: &str, key: &str) -> bool {
    let bare = line.trim_start();
    let begins = bare.strip_prefix(key).map(str::trim_start);
    let quoted = line.split_once(&format!("\"{key}\""));
    let after = quoted.map(|(_, rest)| rest.trim_start());
    begins.is_some_and(|rest| rest.starts_with('='))
        || after.is_some_and(|rest| rest.starts_with([':', '=']))
}

fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let at = text.lines().position(|line| has_key(line, key))?;
    at.checked_add(1)
}

fn count_of_key(text: &str, key: &str) -> usize {
    text.lines().filter(|line| has_key(line, key)).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const UNIT: Balance = 1_000_000_000_000;
    const EXAMPLE: &str = include_str!("../../../deploy/params.toml");

    #[test]
    fn the_example_names_every_parameter_with_its_default() {
        let read = DeployParams::parse(EXAMPLE, UNIT).unwrap();
        assert_eq!(read, DeployParams::for_unit(UNIT));
        let set: Map<String, Value> = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(set.len(), 17);
        assert!(EXAMPLE.contains("\n#sink = "));
    }

    #[test]
    fn json_says_the_same() {
        let json = "{\n \"min_reward\": \"0.02UNIT\",\n \"fee_ppm\": 0,\n \"sink\": \"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\"\n}";
        let read = DeployParams::parse(json, UNIT).unwrap();
        assert_eq!(
            (read.params.min_reward, read.params.fee_ppm),
            (UNIT / 50, 0)
        );
        let toml = "min_reward = \"0.02UNIT\"\nfee_ppm = 0\nsink = \"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\"";
        assert_eq!(DeployParams::parse(toml, UNIT).unwrap(), read);
        assert!(read.sink.is_some());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, at, part) in [
            ("fee_ppm = 1\ncolour = 1", 2, "no parameter 'colour'"),
            ("fee_ppm = 1\n\nmin_bond = 'much'", 3, "min_bond"),
            ("fee_ppm = 1.5", 1, "1.5"),
            ("open_delay = 0\nfee_ppm = 200001", 2, "fee_ppm = 200001"),
            ("fee_ppm = 1\nfee_ppm = 2", 2, "duplicate key"),
            ("fee_ppm = ", 1, "no TOML"),
            ("sink = '5Grw'", 1, "5Grw"),
            ("{\n \"fee_ppm\": true\n}", 2, "true"),
            ("{\n \"fee_ppm\": 1,\n \"fee_ppm\": 2\n}", 2, "twice"),
            ("{\n \"fee_ppm\": 1,\n}", 3, "no JSON"),
            ("{\n \"fee_ppm\": -1\n}", 2, "'-1'"),
        ] {
            let (line, error) = DeployParams::parse(text, UNIT).unwrap_err();
            assert_eq!(line, Some(at), "{text}: {error}");
            assert!(error.message.contains(part), "{text}: {error}");
        }
        let missing = DeployParams::read(Path::new("/no/such.toml"), UNIT).unwrap_err();
        assert!(missing.message.contains("/no/such.toml"), "{missing}");
    }
}
