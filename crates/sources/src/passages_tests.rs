//! The rule on texts.

use super::*;

fn long(marked: usize, mark: &str) -> String {
    let paragraph = |number: usize| {
        let filler = "The committee met and spoke of many other matters. ".repeat(12);
        let mark = if number == marked { mark } else { "" };
        format!("Section {number}. {filler}{mark}")
    };
    let all: Vec<_> = (0..200).map(paragraph).collect();
    all.join("\n\n")
}

#[test]
fn a_text_that_fits_is_whole_and_offsets_are_bytes_of_it() {
    let text = "Ünïcode täxt.\n\nSecond.";
    let (start, end) = (0, text.len());
    assert_eq!(choose(text, "?", end), [Passage { start, end }]);
}

#[test]
fn the_passage_that_the_question_is_about_comes_in_with_the_first_one() {
    let text = long(150, "The turbine was sold to Norway in 1987.");
    let chosen = choose(&text, "When was the turbine sold?", 4_000);
    let shown: Vec<_> = chosen.iter().map(|one| one.of(&text).unwrap()).collect();
    assert!(shown[0].starts_with("Section 0."));
    assert!(
        shown.iter().any(|one| one.contains("Norway in 1987")),
        "{shown:?}"
    );
    let bytes: usize = shown.iter().map(|one| one.len() + GAP_BYTES).sum();
    assert!(bytes <= 4_000, "{bytes}");
    assert!(chosen.windows(2).all(|two| two[0].end <= two[1].start));
    assert_eq!(chosen, choose(&text, "When was the turbine sold?", 4_000));
}

#[test]
fn equal_scores_are_taken_in_the_order_of_the_text() {
    let text = long(0, "");
    let chosen = choose(&text, "zebra", 2_000);
    // One run from the start: nothing in it is better than another.
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].start, 0);
}

#[test]
fn the_scores_are_those_of_the_formula() {
    let text = "a b\n\nb b c\n\nd";
    let all: Vec<_> = paragraphs(text)
        .map(|range| Passage {
            start: range.start,
            end: range.end,
        })
        .collect();
    let scores = scores(text, &all, "B? b!");
    // N = 3, two contain it: idf = ln(1 + 1.5/2.5); mean length 2.
    let idf = 0.470_003_629_245_735_5_f64;
    let expected = [
        idf * 2.2 / (1.0 + 1.2),
        idf * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 1.5)),
        0.0,
    ];
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score - expected).abs() < 1e-12, "{scores:?}");
    }
}

#[test]
fn passages_cover_the_text_and_cut_no_character() {
    let lines = "é,ü,日本語の行\n".repeat(2_000);
    let one_line = "日本語".repeat(3_000);
    let words = "word and ".repeat(3_000);
    for text in [lines, one_line, words, long(3, "x"), "a\n\nb".to_owned()] {
        let all = split(&text);
        let mut next = 0;
        for passage in &all {
            assert!(passage.len() <= PASSAGE_BYTES_MAX);
            let gap = text.get(next..passage.start).unwrap();
            assert!(gap.trim().is_empty(), "{gap}");
            assert!(passage.of(&text).is_some());
            next = passage.end;
        }
        assert!(text.get(next..).unwrap().trim().is_empty());
    }
}

#[test]
fn no_source_crowds_another_out() {
    for (lengths, room, expected) in [
        (vec![100, 1_000_000], 1_000, vec![100, 900]),
        (vec![1_000_000, 1_000_000], 1_000, vec![500, 500]),
        (vec![10, 20, 30], 1_000, vec![10, 20, 30]),
        (vec![5, 900, 900], 905, vec![5, 450, 450]),
        (vec![], 10, vec![]),
        (vec![9], 0, vec![0]),
    ] {
        assert_eq!(shares(&lengths, room), expected, "{lengths:?}");
    }
}

#[test]
fn something_is_shown_however_little_room_there_is() {
    // One long line, as of a table or of JSON: its pieces are longer than an eighth of the room.
    let text = "seven columns; ".repeat(400);
    for room in [100, 500, 1_024, 1_170] {
        let chosen = choose(&text, "columns", room);
        let shown: usize = chosen.iter().map(|it| it.end - it.start).sum();
        assert!(shown > 0 && shown <= room, "{shown} of {room}");
    }
    // Never through the middle of a character.
    let text = "\u{444}".repeat(2_000);
    let chosen = choose(&text, "?", 201);
    assert_eq!(chosen[0].of(&text).map(str::len), Some(136));
}
