//! Canonical JSON (RFC 8785).

/// Why a text has no canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// It is no JSON that RFC 8785 takes: bad syntax, a name that stands twice in an object, a number
    /// beyond the doubles, half a surrogate pair, or more than 128 levels.
    Malformed(String),
    /// An integer that a double would round to another one.
    Rounded(String),
}

impl core::fmt::Display for NotJson {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed(reason) => write!(out, "not one JSON document: {reason}"),
            Self::Rounded(integer) => write!(
                out,
                "the integer {integer} has more digits than JSON's numbers keep: write it as a string"
            ),
        }
    }
}

impl std::error::Error for NotJson {}

/// Canonical JSON (RFC 8785) of one JSON document.
///
/// Strings keep their code points, as the RFC says: they are not normalised. Fractions are rounded to
/// the nearest double, as the RFC says too; an integer that would be is refused, because amounts
/// and ids are integers and a neighbouring one is wrong.
///
/// # Errors
/// When it is no JSON, or an integer would change.
pub fn canonical_json(input: &str) -> Result<String, NotJson> {
    let malformed = |error: serde_json::Error| NotJson::Malformed(error.to_string());
    let mut reader = serde_json::Deserializer::from_str(input);
    // Passed on piece by piece: a value in between would hide names that stand twice.
    let document = serde_transcode::Transcoder::new(&mut reader);
    let canonical = serde_json_canonicalizer::to_string(&document).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    match integers(input).find(|integer| !survives(integer)) {
        Some(integer) => Err(NotJson::Rounded(integer.to_owned())),
        None => Ok(canonical),
    }
}

/// The integers of a JSON document as they are written. The parser has rounded the long ones.
fn integers(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    let numbers = core::iter::from_fn(move || loop {
        let start = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
        let (_, found) = rest.split_at_checked(start)?;
        if let Some(string) = found.strip_prefix('"') {
            rest = after_string(string);
            continue;
        }
        let in_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let end = found.find(|c| !in_number(c)).unwrap_or(found.len());
        let (number, after) = found.split_at_checked(end)?;
        rest = after;
        return Some(number);
    });
    numbers.filter(|number| !number.contains(['.', 'e', 'E']))
}

/// What follows a string, given what follows its first quote.
fn after_string(mut rest: &str) -> &str {
    while let Some(found) = rest.find(['"', '\\']).and_then(|at| rest.get(at..)) {
        if let Some(after) = found.strip_prefix('"') {
            return after;
        }
        // What follows a backslash belongs to it, a quote above all.
        let mut escape = found.chars();
        escape.nth(1);
        rest = escape.as_str();
    }
    ""
}

fn survives(integer: &str) -> bool {
    let double = integer.parse::<f64>().ok();
    let shown = double.and_then(|value| serde_json_canonicalizer::to_string(&value).ok());
    integer == "-0" || shown.as_deref() == Some(integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 8785, 3.2.2 and 3.2.3, and what the RFC leaves to the reader.
    #[test]
    fn documents_have_the_form_of_the_rfc() {
        for (input, canonical) in [
            (
                r#"{
                    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
                    "literals": [null, true, false]
                }"#,
                "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                 \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
            ),
            (
                r#"{
                    "\u20ac": "Euro Sign",
                    "\r": "Carriage Return",
                    "\ufb33": "Hebrew Letter Dalet With Dagesh",
                    "1": "One",
                    "\ud83d\ude00": "Emoji: Grinning Face",
                    "\u0080": "Control",
                    "\u00f6": "Latin Small Letter O With Diaeresis"
                }"#,
                "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
                 \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
                 \"\u{1f600}\":\"Emoji: Grinning Face\",\
                 \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
            ),
            ("\n[ ]\t", "[]"),
            ("{\"a\":{}}", "{\"a\":{}}"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("1e0", "1"),
            ("100E-2", "1"),
            ("\"1.50\"", "\"1.50\""),
        ] {
            assert_eq!(canonical_json(input).as_deref(), Ok(canonical), "{input}");
        }
    }

    /// RFC 8785, appendix B.
    #[test]
    fn numbers_have_the_form_of_the_rfc() {
        for (bits, canonical) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let spelled = format!("{:e}", f64::from_bits(bits));
            assert_eq!(
                canonical_json(&spelled).as_deref(),
                Ok(canonical),
                "{spelled}"
            );
            assert_eq!(canonical_json(canonical).as_deref(), Ok(canonical));
        }
    }

    #[test]
    fn what_is_no_document_of_the_rfc_is_refused() {
        for input in [
            "",
            "{",
            "1 2",
            "{} x",
            "[1,]",
            "'a'",
            "nul",
            "NaN",
            "Infinity",
            "1e400",
            "01",
            "+1",
            r#"{"a":1,"a":1}"#,
            r#"[{"a":1,"b":2,"\u0061":3}]"#,
            r#""\ud800""#,
            "\"\n\"",
            "\u{feff}1",
        ] {
            assert!(
                matches!(canonical_json(input), Err(NotJson::Malformed(_))),
                "{input}: {:?}",
                canonical_json(input)
            );
        }
        assert!(canonical_json(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn an_integer_that_would_be_rounded_is_refused_and_named() {
        for (input, integer) in [
            ("9007199254740993", "9007199254740993"),
            (
                r#"{"a\"":"9007199254740993\\","b":[1,-9007199254740993]}"#,
                "-9007199254740993",
            ),
            ("[18446744073709551617]", "18446744073709551617"),
            ("1000000000000000000000", "1000000000000000000000"),
        ] {
            assert_eq!(
                canonical_json(input),
                Err(NotJson::Rounded(integer.to_owned()))
            );
        }
        for input in [
            "9007199254740992",
            "-9007199254740994",
            "\"9007199254740993\"",
        ] {
            assert_eq!(canonical_json(input).as_deref(), Ok(input));
        }
        assert_eq!(
            canonical_json("9007199254740993.0").as_deref(),
            Ok("9007199254740992")
        );
    }

    /// A document, to be spelled in more than one way.
    #[derive(Clone, Debug)]
    enum Tree {
        Literal(&'static str),
        Integer(i64),
        Double(f64),
        Text(String),
        List(Vec<Tree>),
        Object(std::collections::BTreeMap<String, Tree>),
    }

    fn tree() -> impl Strategy<Value = Tree> {
        const SAFE: i64 = 1 << 53;
        let leaf = prop_oneof![
            prop_oneof![Just("null"), Just("true"), Just("false")].prop_map(Tree::Literal),
            (-SAFE..=SAFE).prop_map(Tree::Integer),
            any::<f64>()
                .prop_filter("finite", |value| value.is_finite())
                .prop_map(Tree::Double),
            any::<String>().prop_map(Tree::Text),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::List),
                prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(Tree::Object),
            ]
        })
    }

    fn plain(tree: &Tree) -> String {
        let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        match tree {
            Tree::Literal(literal) => (*literal).to_owned(),
            Tree::Integer(integer) => integer.to_string(),
            Tree::Double(double) => format!("{double:?}"),
            Tree::Text(text) => quoted(text),
            Tree::List(items) => {
                format!(
                    "[{}]",
                    items.iter().map(plain).collect::<Vec<_>>().join(",")
                )
            }
            Tree::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("{}:{}", quoted(name), plain(value)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// Other order, white space, number and string spellings for the same.
    fn fancy(tree: &Tree) -> String {
        let escaped = |text: &String| {
            let units: String = text
                .encode_utf16()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect();
            format!("\"{units}\"")
        };
        match tree {
            Tree::Literal(literal) => format!(" {literal}\n"),
            Tree::Integer(integer) => format!("{integer}.0E+00"),
            Tree::Double(double) => format!("{double:E}"),
            Tree::Text(text) => escaped(text),
            Tree::List(items) => {
                format!(
                    "[ {}\t]",
                    items.iter().map(fancy).collect::<Vec<_>>().join(" ,")
                )
            }
            Tree::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .rev()
                    .map(|(name, value)| format!("{}\r\n: {}", escaped(name), fancy(value)))
                    .collect();
                format!("{{ {} }}", members.join(" , "))
            }
        }
    }

    proptest! {
        #[test]
        fn equal_documents_have_equal_canonical_bytes(document in tree()) {
            let canonical = canonical_json(&plain(&document));
            prop_assert!(canonical.is_ok(), "{canonical:?}");
            prop_assert_eq!(canonical_json(&fancy(&document)), canonical);
        }

        #[test]
        fn canonical_json_is_a_fixed_point_and_means_the_same(document in tree()) {
            let spelled = plain(&document);
            let canonical = canonical_json(&spelled).unwrap_or_default();
            prop_assert_eq!(canonical_json(&canonical), Ok(canonical.clone()));
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string());
            // Compared as doubles, which is what a number means here.
            let meant = value(&canonical).and_then(|v| serde_json_canonicalizer::to_string(&v).map_err(|e| e.to_string()));
            prop_assert_eq!(meant, Ok(canonical));
        }

        #[test]
        fn integers_are_kept_or_refused(integer: i128) {
            if let Ok(canonical) = canonical_json(&integer.to_string()) {
                prop_assert_eq!(canonical, integer.to_string());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(input in "[\\[\\]{}\",:\\\\0-9eE.+\\-a u]*") {
            let _ = canonical_json(&input);
        }
    }
}
