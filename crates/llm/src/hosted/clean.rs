//! Takes off a reply what is no part of it: the model's thoughts, and marks that its server should have
//! kept to itself.

use super::thoughts;

/// Tokens that end a turn.
const ENDS: [&str; 9] = [
    "</s>",
    "<eos>",
    "<end_of_turn>",
    "<turn|>",
    "[/INST]",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
];
/// Marks of the format of gpt-oss: the last channel is the answer.
const FINAL_CHANNELS: [&str; 2] = ["<|channel|>final<|message|>", "assistantfinal"];

/// Marks around the answer of models that think without marks.
const FINAL_RESPONSE: (&str, &str) = ("[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]");

/// A reply without what is no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CleanText<'a> {
    pub(super) text: &'a str,
    /// Thoughts were taken off.
    pub(super) had_thoughts: bool,
    /// The thoughts have no end: the limit came before the answer.
    pub(super) is_all_thoughts: bool,
}

/// Takes thoughts off the head, the tokens that end a turn off the tail, and the marks around an answer that tell
/// it from thoughts.
pub(super) fn clean(reply: &str) -> CleanText<'_> {
    let (mut text, mut had_thoughts) = (trimmed(reply), false);
    if let Some(answer) = final_channel(text) {
        (text, had_thoughts) = (answer, true);
    }
    while let Some(opening) = thoughts::at_head(text) {
        let Some(after) = opening.after else {
            return CleanText {
                text: "",
                had_thoughts: true,
                is_all_thoughts: true,
            };
        };
        (text, had_thoughts) = (trimmed(after), true);
    }
    // Some templates open the thoughts themselves, and the reply has only their end.
    if let Some(after) = thoughts::after_last_end(text) {
        (text, had_thoughts) = (trimmed(after), true);
    }
    CleanText {
        text: trimmed(thoughts::without_frame(without_end(text), had_thoughts)),
        had_thoughts,
        is_all_thoughts: false,
    }
}

/// Without white space and characters that nobody sees around it.
fn trimmed(text: &str) -> &str {
    const INVISIBLE: [char; 3] = ['\u{200b}', '\u{2060}', '\u{feff}'];
    text.trim_matches(|c: char| c.is_whitespace() || INVISIBLE.contains(&c))
}

fn final_channel(text: &str) -> Option<&str> {
    if let Some((_, after)) = text.rsplit_once(FINAL_RESPONSE.0) {
        return Some(after.trim().trim_end_matches(FINAL_RESPONSE.1).trim());
    }
    let is_channels = text.starts_with("<|") || text.starts_with("analysis");
    let found = FINAL_CHANNELS
        .iter()
        .find_map(|mark| text.rsplit_once(mark));
    found
        .filter(|_| is_channels)
        .map(|(_, after)| without_end(after.trim()))
}

fn without_end(text: &str) -> &str {
    let mut text = text;
    loop {
        let ends = ENDS.iter().chain(&["<|return|>", "<|end|>"]);
        let shorter = ends
            .filter_map(|end| text.strip_suffix(end))
            .map(str::trim_end)
            .next();
        match shorter {
            Some(shorter) => text = shorter,
            None => return text,
        }
    }
}

/// What in a reply shows that it is not the answer alone, though it reads like one.
pub(super) fn foreign_mark(text: &str) -> Option<&'static str> {
    let control = text.split_once("<|").is_some_and(|(_, after)| {
        let name = after.split_once('|').map(|(name, _)| name);
        name.is_some_and(|name| !name.contains(char::is_whitespace))
    });
    if control {
        return Some("it holds control tokens of the model");
    }
    // What is left of one that a token ended within.
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Some("it holds half a character");
    }
    if text.starts_with("analysis") && text.contains("assistant") {
        return Some("it holds the model's thoughts");
    }
    None
}

/// The text without marks of citations such as `[1]`, and whether there were any.
pub(super) fn without_citations(text: &str) -> (String, bool) {
    let (mut out, mut rest, mut found) = (String::new(), text, false);
    while let Some(next) = rest.chars().next() {
        let length = citation(rest);
        if let Some(length) = length {
            found = true;
            let end = out.trim_end().len();
            out.truncate(end);
            rest = rest.get(length..).unwrap_or_default();
        } else {
            out.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    (out, found)
}

/// Bytes of a citation that a text begins with.
fn citation(text: &str) -> Option<usize> {
    let inside = |open: char, close: char| {
        let (inside, _) = text.strip_prefix(open)?.split_once(close)?;
        let brackets = open.len_utf8().saturating_add(close.len_utf8());
        Some((inside, inside.len().saturating_add(brackets)))
    };
    if let Some((number, length)) = inside('[', ']') {
        let is_number = matches!(number.len(), 1..=3) && number.bytes().all(|b| b.is_ascii_digit());
        return is_number.then_some(length);
    }
    let (source, length) = inside('【', '】')?;
    source.contains('†').then_some(length)
}

/// Whether a text ends with a mark of a citation.
pub(super) fn ends_with_citation(text: &str) -> bool {
    let text = text.trim_end().trim_end_matches('.');
    let starts = text.rfind(['[', '【']);
    starts
        .and_then(|at| text.get(at..))
        .is_some_and(|tail| citation(tail) == Some(tail.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_at_the_head_and_tokens_at_the_tail_are_taken_off() {
        for (reply, text) in [
            ("Paris", "Paris"),
            ("<think>\n\n</think>\n\nParis", "Paris"),
            ("<think>a</think><think>b</think> yes ", "yes"),
            ("It is known.\n</think>\nParis", "Paris"),
            ("[THINK]so[/THINK]12", "12"),
            ("◁think▷so◁/think▷12", "12"),
            ("analysisThe user wants a city.assistantfinalParis", "Paris"),
            (
                "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Paris<|return|>",
                "Paris",
            ),
            ("Paris<|im_end|>\n", "Paris"),
            ("Paris</s><|eot_id|>", "Paris"),
            ("a <think> in the middle", "a <think> in the middle"),
            ("the assistantfinal word", "the assistantfinal word"),
            ("\u{200b}\u{feff} Paris\u{2060}", "Paris"),
            ("<answer>Paris</answer>", "<answer>Paris</answer>"),
            ("<think>a</think><answer>Paris</answer>", "Paris"),
            ("Hm.\n[BEGIN FINAL RESPONSE]\nParis\n[END FINAL RESPONSE]", "Paris"),
        ] {
            let clean = clean(reply);
            assert_eq!(clean.text, text, "{reply}");
            assert!(!clean.is_all_thoughts, "{reply}");
        }
        assert!(clean("<think>\nThe question is").is_all_thoughts);
    }

    #[test]
    fn marks_that_no_answer_has_are_found() {
        for text in [
            "a\u{fffd}",
            "a<|im_start|>b",
            "<|x|>",
            "analysisSo.assistantcommentary",
        ] {
            assert!(foreign_mark(text).is_some(), "{text}");
        }
        for text in ["a < b", "a <| b |> c", "f(x) <| g", "analysis of it"] {
            assert_eq!(foreign_mark(text), None, "{text}");
        }
    }

    #[test]
    fn citations_are_taken_out_and_found_at_the_end() {
        for (text, plain) in [
            ("Paris[1][4]", "Paris"),
            ("Paris [1], the capital【4†source】.", "Paris, the capital."),
            ("a[i] [2024]", "a[i] [2024]"),
        ] {
            let (found, had) = without_citations(text);
            assert_eq!((found.as_str(), had), (plain, found != text), "{text}");
        }
        assert!(ends_with_citation("Paris[1][4]."));
        assert!(ends_with_citation("Paris【4†source】"));
        assert!(!ends_with_citation("[1] Paris"));
        assert!(!ends_with_citation("the year [1984]"));
    }
}
