//! Canonical forms, made off chain and only compared on chain.

use unicode_normalization::UnicodeNormalization;

/// Canonical text: Unicode NFC, trimmed, each run of white space (Unicode's `White_Space`, so line
/// breaks and tabs too) folded into one space.
///
/// Other control characters stay: to drop them would make another text of it. Relayers refuse an
/// answer that holds one.
pub fn text(input: &str) -> String {
    let composed: String = input.nfc().collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why a decimal is no number of the asked scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotANumber(String);

impl core::fmt::Display for NotANumber {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "'{}' is not a decimal number that fits", self.0)
    }
}

impl std::error::Error for NotANumber {}

/// Mantissa of a decimal such as `-12.345` at `scale` decimal places; digits beyond the scale are
/// rounded half away from zero.
///
/// # Errors
/// When the text is no plain decimal or its mantissa leaves `i128`.
pub fn parse_decimal(input: &str, scale: u8) -> Result<i128, NotANumber> {
    let error = || NotANumber(input.to_owned());
    let (negative, digits) = match input.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, input.strip_prefix('+').unwrap_or(input)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(error());
    }
    let mut mantissa: i128 = 0;
    let mut push = |digit: u8| {
        // Built on the negative side, which reaches one further than the positive one.
        mantissa = mantissa.checked_mul(10)?.checked_sub(i128::from(digit))?;
        Some(())
    };
    let kept = fraction
        .bytes()
        .chain(core::iter::repeat(b'0'))
        .take(usize::from(scale));
    for byte in whole.bytes().chain(kept) {
        push(byte.saturating_sub(b'0')).ok_or_else(error)?;
    }
    if fraction
        .as_bytes()
        .get(usize::from(scale))
        .is_some_and(|next| *next >= b'5')
    {
        mantissa = mantissa.checked_sub(1).ok_or_else(error)?;
    }
    if negative {
        Ok(mantissa)
    } else {
        mantissa.checked_neg().ok_or_else(error)
    }
}

/// Decimal text of a mantissa at `scale` decimal places.
pub fn format_decimal(mantissa: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!(
        "{:0>width$}",
        mantissa.unsigned_abs(),
        width = scale.saturating_add(1)
    );
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    let sign = if mantissa < 0 { "-" } else { "" };
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_at_the_asked_scale() {
        for (input, scale, mantissa) in [
            ("12.345", 2, 1235),
            ("-12.345", 2, -1235),
            ("-0.5", 1, -5),
            ("7", 3, 7000),
            (".25", 2, 25),
            ("+1.", 0, 1),
            ("-170141183460469231731687303715884105728", 0, i128::MIN),
        ] {
            assert_eq!(
                parse_decimal(input, scale),
                Ok(mantissa),
                "{input} at {scale}"
            );
        }
        for input in [
            "",
            "-",
            ".",
            "1e5",
            "1,5",
            "0x1",
            "--1",
            "170141183460469231731687303715884105728",
        ] {
            assert!(parse_decimal(input, 0).is_err(), "{input}");
        }
    }

    #[test]
    fn white_space_of_any_script_is_folded_and_marks_are_composed() {
        for (input, canonical) in [
            ("\u{feff}a\u{85}\u{2028}b\u{3000}\t c\r\n", "\u{feff}a b c"),
            ("e\u{301}", "\u{e9}"),
            (" \u{301}a", "\u{301}a"),
            ("a\0b\u{1b}[31m", "a\0b\u{1b}[31m"),
            (" \u{2003} ", ""),
        ] {
            assert_eq!(text(input), canonical, "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn a_formatted_decimal_reads_back(mantissa: i128, scale in 0u8..=36) {
            prop_assert_eq!(parse_decimal(&format_decimal(mantissa, scale), scale), Ok(mantissa));
        }

        #[test]
        fn canonical_text_is_a_fixed_point(
            input in "(\\PC|[ \\t\\r\\n\\x00\u{85}\u{a0}\u{301}\u{323}\u{2000}\u{2028}\u{1100}\u{1161}\u{11a8}])*",
        ) {
            prop_assert_eq!(text(&text(&input)), text(&input));
        }
    }
}
