//! Worked examples, one set for each form. They share their texts, so that a change of form changes only
//! what it must.

/// One worked example: text, question, answer.
pub(super) type Example = (&'static str, &'static str, &'static str);

pub(super) const CHOICE_EXAMPLES: [Example; 4] = [
    (
        "The garden festival was a joy. The music was lovely, the food delicious, and the children did not want to leave.",
        "What is the mood of this review?",
        "good",
    ),
    (
        "The repair took three weeks, the bill was twice the estimate, and the machine broke down again the next day.",
        "What does the customer think of the service?",
        "unsatisfied",
    ),
    (
        "Shares plunged after the company admitted that it had lost its biggest customer and could not pay its debts.",
        "Is this news favourable or unfavourable for the company?",
        "unfavourable",
    ),
    (
        "The volunteers finished the bridge early, and the whole village celebrated the safe new road to school.",
        "How do the villagers feel?",
        "happy",
    ),
];

pub(super) const BOOL_EXAMPLES: [Example; 4] = [
    (
        CHOICE_EXAMPLES[0].0,
        "Is the mood of this review good?",
        "yes",
    ),
    (CHOICE_EXAMPLES[1].0, "Is the customer satisfied?", "no"),
    (
        CHOICE_EXAMPLES[2].0,
        "Is this good news for the company?",
        "no",
    ),
    (CHOICE_EXAMPLES[3].0, "Are the villagers happy?", "yes"),
];

pub(super) const NUMBER_EXAMPLES: [Example; 3] = [
    (
        "The hall has 40 chairs in each of its two rooms.",
        "How many rooms are there?",
        "2",
    ),
    (
        "It was -3.5 degrees at dawn and 4 degrees at noon.",
        "What was the temperature at dawn?",
        "-3.5",
    ),
    (
        "The committee met in March. Of its members, 17 came.",
        "How many members came?",
        "17",
    ),
];

pub(super) const TEXT_EXAMPLES: [Example; 3] = [
    (
        "The hall has 40 chairs in each of its two rooms. Choirs rehearse there on Fridays.",
        "What is the hall used for?",
        "choir rehearsals",
    ),
    (
        "It was -3.5 degrees at dawn and 4 degrees at noon, the coldest day in Oslo since March.",
        "Which city had a cold day?",
        "Oslo",
    ),
    (
        "The committee met in March. Ada Berg, who had led it for a year, resigned.",
        "Who resigned?",
        "Ada Berg",
    ),
];

pub(super) const JSON_EXAMPLES: [Example; 3] = [
    (
        NUMBER_EXAMPLES[0].0,
        "How many rooms are there, and are there chairs?",
        r#"{"rooms": 2, "chairs": true}"#,
    ),
    (
        NUMBER_EXAMPLES[1].0,
        "Which temperatures were measured?",
        r#"{"temperatures": [-3.5, 4]}"#,
    ),
    (
        TEXT_EXAMPLES[2].0,
        "Who left the committee, and why?",
        r#"{"name": "Ada Berg", "reason": "resigned"}"#,
    ),
];
