//! The texts of a question as they were typed: what cannot be meant is refused before money is sent.

use crate::exit::CliError;
use llm_oracle_primitives::canonical;
use llm_oracle_question_check::{is_invisible, latin_lookalike};
use std::io::Read;

/// Most bytes that are read from stdin, more than any prompt may have.
const STDIN_BYTES_MAX: u64 = 64 * 1024;

/// The prompt: the argument, or what stdin has if the argument is `-`.
///
/// # Errors
/// When it is blank, or stdin is not text.
pub fn prompt(argument: &str, stdin: impl Read) -> Result<String, CliError> {
    if argument != "-" {
        return not_blank("the prompt", argument).map(|()| argument.to_owned());
    }
    let mut text = String::new();
    let read = stdin.take(STDIN_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| CliError::usage(format!("the prompt on stdin cannot be read: {error}")))?;
    not_blank("the prompt on stdin", &text)?;
    Ok(text.trim_end().to_owned())
}

/// Refuses a text that shows nothing. An empty one is refused by the contract's own rules.
pub fn not_blank(what: &str, text: &str) -> Result<(), CliError> {
    if !text.is_empty() && visible(text).trim().is_empty() {
        return Err(nothing_sent(format!("{what} is blank")));
    }
    Ok(())
}

/// The options of a choice: one flag separates them by commas; of several flags each is one option.
///
/// # Errors
/// When an option shows nothing, or two cannot be told apart.
pub fn options(given: &[String]) -> Result<Vec<Vec<u8>>, CliError> {
    let texts: Vec<&str> = match given {
        [one] => one.split(',').map(str::trim).collect(),
        several => several.iter().map(|option| option.trim()).collect(),
    };
    let mut known: Vec<(String, &str)> = Vec::new();
    for &text in &texts {
        not_blank("an option", text)?;
        let seen = skeleton(text);
        // Equal ones are refused by the contract's own rules.
        let alike = known
            .iter()
            .find(|(known, other)| *known == seen && *other != text);
        if let Some((_, other)) = alike {
            return Err(nothing_sent(format!(
                "the options '{other}' and '{text}' look alike: operators could not tell them apart"
            )));
        }
        known.push((seen, text));
    }
    Ok(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
}

fn nothing_sent(message: String) -> CliError {
    CliError::usage(message).help("nothing was sent")
}

/// A text without the characters that show nothing.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// What a text looks like: equal for texts that people and models take for each other.
fn skeleton(text: &str) -> String {
    let folded = canonical::text(&visible(text)).to_lowercase();
    let latin = |c: char| latin_lookalike(c).unwrap_or(c);
    folded.chars().map(latin).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn given(options: &[&str]) -> Vec<String> {
        options.iter().map(|&option| option.to_owned()).collect()
    }

    #[test]
    fn repeated_flags_keep_their_commas() {
        let both = options(&given(&["Yes, surely", "No"])).unwrap();
        assert_eq!(both, [b"Yes, surely".to_vec(), b"No".to_vec()]);
        assert_eq!(options(&given(&["red, dark green"])).unwrap().len(), 2);
    }

    #[test]
    fn options_that_look_alike_or_show_nothing_are_refused() {
        for (texts, part) in [
            (["Yes", "yes"], "look alike"),
            (["Yes", "Yes\u{200b}"], "look alike"),
            (["Yes", "Yеs"], "look alike"),
            (["caf\u{e9}", "cafe\u{301}"], "look alike"),
            (["two words", "two  words"], "look alike"),
            (["\u{200b}", "b"], "blank"),
            (["\u{2800}", "b"], "blank"),
            (["\u{3164}", "b"], "blank"),
        ] {
            let refused = options(&given(&texts)).unwrap_err();
            assert!(refused.message.contains(part), "{texts:?}: {refused}");
        }
        assert!(options(&given(&["да", "нет"])).is_ok());
        assert!(options(&given(&["ja", "nein"])).is_ok());
    }

    #[test]
    fn a_dash_reads_stdin_and_a_blank_prompt_is_refused() {
        let none = std::io::empty();
        assert_eq!(prompt("Is it?", none).unwrap(), "Is it?");
        assert_eq!(prompt("-", &b"Is it\nso?\n"[..]).unwrap(), "Is it\nso?");
        for (argument, stdin) in [
            (" \t", &b""[..]),
            ("\u{200b}\u{feff}", b""),
            ("-", b" \n"),
            ("-", b"\xff"),
        ] {
            let refused = prompt(argument, stdin).unwrap_err();
            assert_eq!(refused.code, crate::exit::USAGE, "{argument:?}");
        }
    }
}
