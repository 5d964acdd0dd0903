//! The marks by which models tell what they think from what they answer, in the forms in which servers let them
//! through.

/// Marks around thoughts that are no tags.
const PAIRS: [(&str, &str); 7] = [
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
    // Tags that were escaped for a page.
    ("&lt;think&gt;", "&lt;/think&gt;"),
    ("&lt;thinking&gt;", "&lt;/thinking&gt;"),
];
/// Names of tags around thoughts, in lower case. They may have attributes.
const TAGS: [&str; 9] = [
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reflection",
    "scratchpad",
    "antthinking",
    "seed:think",
];
/// The tag that servers fold thoughts up in, with the attribute that tells it from another one.
const FOLDED: (&str, &str) = ("details", "reasoning");
/// Tokens around the answer alone.
const FRAMES: [(&str, &str); 2] = [
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
];
/// Tags around the answer, where thoughts came before; elsewhere they may be what was asked for.
const FRAMES_BEHIND_THOUGHTS: [(&str, &str); 3] = [
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
    ("<final_answer>", "</final_answer>"),
];

/// Thoughts at the head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening<'a> {
    /// What comes behind them; `None` if they have no end.
    pub(super) after: Option<&'a str>,
}

/// The thoughts that a reply begins with.
pub(super) fn at_head(text: &str) -> Option<Opening<'_>> {
    for (start, end) in PAIRS {
        if let Some(inside) = text.strip_prefix(start) {
            let after = inside.split_once(end).map(|(_, after)| after);
            return Some(Opening { after });
        }
    }
    let (name, attributes, inside) = tag(text)?;
    let is_thought =
        TAGS.contains(&name.as_str()) || (name == FOLDED.0 && attributes.contains(FOLDED.1));
    is_thought.then(|| {
        let end = format!("</{name}>");
        let at = inside.to_ascii_lowercase().find(&end);
        let after = at.and_then(|at| inside.get(at.saturating_add(end.len())..));
        Opening { after }
    })
}

/// What comes behind the last end of thoughts, wherever they began.
pub(super) fn after_last_end(text: &str) -> Option<&str> {
    let of_pairs = PAIRS
        .iter()
        .find_map(|(_, end)| text.rsplit_once(end).map(|(_, after)| after));
    // The same length, byte for byte.
    let lower = text.to_ascii_lowercase();
    of_pairs.or_else(|| {
        TAGS.iter().find_map(|name| {
            let end = format!("</{name}>");
            let at = lower.rfind(&end)?;
            text.get(at.saturating_add(end.len())..)
        })
    })
}

/// The answer without the marks around the whole of it.
pub(super) fn without_frame(text: &str, is_behind_thoughts: bool) -> &str {
    let behind = FRAMES_BEHIND_THOUGHTS.iter().filter(|_| is_behind_thoughts);
    let mut frames = FRAMES.iter().chain(behind);
    let inside = frames.find_map(|(start, end)| {
        let inside = text.strip_prefix(start)?;
        inside.strip_suffix(end)
    });
    inside.unwrap_or(text)
}

/// Name in lower case, attributes, and what comes behind the tag that a text begins with.
fn tag(text: &str) -> Option<(String, &str, &str)> {
    let (head, inside) = text.strip_prefix('<')?.split_once('>')?;
    let (name, attributes) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    Some((name.to_ascii_lowercase(), attributes, inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_at_the_head_are_told_by_their_marks() {
        for (text, after) in [
            ("<think>a</think>b", Some("b")),
            ("<THINK>a</Think>b", Some("b")),
            ("<think time=\"2 s\">a</think>b", Some("b")),
            ("<details type=\"reasoning\">a</details>b", Some("b")),
            ("<|START_THINKING|>a<|END_THINKING|>b", Some("b")),
            ("<think>a", None),
        ] {
            assert_eq!(at_head(text), Some(Opening { after }), "{text}");
        }
        for text in [
            "<details>a</details>b",
            "<b>a</b>",
            "< think>a",
            "<",
            "a<think>",
            "",
        ] {
            assert_eq!(at_head(text), None, "{text}");
        }
    }

    #[test]
    fn an_end_counts_without_a_beginning_and_a_frame_only_around_the_whole() {
        assert_eq!(after_last_end("a</THINK>b</think>c"), Some("c"));
        assert_eq!(after_last_end("a[/THINK]b"), Some("b"));
        assert_eq!(after_last_end("a"), None);
        for (text, behind, plain) in [
            ("<answer>a</answer>", true, "a"),
            ("<answer>a</answer>", false, "<answer>a</answer>"),
            ("<answer>a</answer>b", true, "<answer>a</answer>b"),
            ("<|begin_of_box|>a<|end_of_box|>", false, "a"),
        ] {
            assert_eq!(without_frame(text, behind), plain, "{text}");
        }
    }
}
