//! Amounts on chains of all kinds.

use super::*;

fn of(symbol: &str, decimals: usize) -> Coin {
    Coin {
        symbol: symbol.to_owned(),
        decimals,
    }
}

/// What an amount is on a chain, or why it has none.
fn on(chain: &Coin, input: &str) -> Result<u128, String> {
    AmountInput::from_str(input)?.planck_of(chain)
}

#[test]
fn amounts_are_planck_or_carry_their_coin() {
    let unit = of("UNIT", 12);
    for (input, planck) in [
        ("0", 0),
        ("20000000000", 20_000_000_000),
        ("20_000_000_000", 20_000_000_000),
        ("0.02UNIT", 20_000_000_000),
        ("0.02 UNIT", 20_000_000_000),
        ("20mUNIT", 20_000_000_000),
        ("1.5mUNIT", 1_500_000_000),
        ("100UNIT", 100_000_000_000_000),
        ("0.000000000001UNIT", 1),
    ] {
        assert_eq!(on(&unit, input), Ok(planck), "{input}");
    }
}

#[test]
fn a_coin_is_worth_what_its_chain_says() {
    for (symbol, decimals, input, planck) in [
        ("DOT", 10, "0.5DOT", 5_000_000_000),
        ("DOT", 10, "0.5UNIT", 5_000_000_000),
        ("DOT", 10, "5mDOT", 50_000_000),
        ("ASTR", 18, "0.02ASTR", 20_000_000_000_000_000),
        ("GAS", 0, "7GAS", 7),
        ("mana", 3, "2UNIT", 2_000),
        ("mana", 3, "2mana", 2_000),
        ("mana", 3, "2mmana", 2),
    ] {
        assert_eq!(on(&of(symbol, decimals), input), Ok(planck), "{input}");
    }
    for (symbol, decimals, input, why) in [
        (
            "DOT",
            10,
            "5ASTR",
            "this chain's coin is DOT with 10 decimals",
        ),
        ("DOT", 10, "5dot", "this chain's coin is DOT"),
        ("DOT", 10, "0.00000000001DOT", "has 11 decimals"),
        ("GAS", 0, "7mGAS", "not an amount"),
        ("UNIT", 12, "1DOT", "this chain's coin is UNIT"),
    ] {
        let refused = on(&of(symbol, decimals), input).unwrap_err();
        assert!(
            refused.contains(why) && refused.contains(input),
            "{refused}"
        );
    }
}

#[test]
fn anything_else_is_refused_by_its_text() {
    for input in [
        "",
        "UNIT",
        "-1",
        "1e3-",
        "0.5",
        "1.UNIT",
        ".5UNIT",
        "1UNIT!",
        "0.0000000000001UNIT",
        "340282366920938463463374607431768211456",
        "340282366920938463463374607432UNIT",
    ] {
        let refused = on(&of("UNIT", 12), input);
        assert!(
            refused.clone().is_err_and(|why| why.contains(input)),
            "{input}: {refused:?}"
        );
    }
}

#[test]
fn amounts_are_shown_exactly() {
    for (planck, decimals, text) in [
        (0, 12, "0 UNIT"),
        (1, 12, "0.000000000001 UNIT"),
        (25_000_000_000, 12, "0.025 UNIT"),
        (100_000_000_000_000, 12, "100 UNIT"),
        (
            u128::MAX,
            24,
            "340282366920938.463463374607431768211455 UNIT",
        ),
        (120, 0, "120 UNIT"),
        (120, 2, "1.2 UNIT"),
    ] {
        let coin = of("UNIT", decimals);
        assert_eq!(shown(planck, &coin), text);
        assert_eq!(on(&coin, text), Ok(planck));
    }
}
