//! Words of the old dialect, and the field's words for them (docs/glossary.md).

/// Where a word is not wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scope {
    /// Nowhere.
    Everywhere,
    /// In names. In a sentence it is plain English.
    Names,
    /// In comments and texts.
    Prose,
}

/// A word that is not wanted.
pub struct Term {
    /// Its forms in lower case. The words of a form stand in one name (`left_out`, `LeftOut`) or side
    /// by side in a sentence.
    pub forms: &'static [&'static str],
    /// Where it is not wanted.
    pub scope: Scope,
    /// Where it is meant in its plain sense: in a line that has one of these, in lower case.
    pub plain: &'static [&'static str],
    /// The word of the field.
    pub instead: &'static str,
}

impl Term {
    /// What it is called in the list of what is still there.
    pub fn name(&self) -> &'static str {
        self.forms[0]
    }
}

const fn everywhere(forms: &'static [&'static str], instead: &'static str) -> Term {
    Term {
        forms,
        scope: Scope::Everywhere,
        plain: &[],
        instead,
    }
}

const fn names(forms: &'static [&'static str], instead: &'static str) -> Term {
    Term {
        forms,
        scope: Scope::Names,
        plain: &[],
        instead,
    }
}

const fn prose(forms: &'static [&'static str], instead: &'static str) -> Term {
    Term {
        forms,
        scope: Scope::Prose,
        plain: &[],
        instead,
    }
}

const fn but(plain: &'static [&'static str], term: Term) -> Term {
    Term { plain, ..term }
}

/// The words. An entry is precise enough not to hit plain English; where it does so after all, add
/// the plain use to the entry.
pub const TERMS: &[Term] = &[
    // The loop.
    but(
        &["unzip", "python"],
        everywhere(&["wheel", "wheels"], "main loop, iteration"),
    ),
    names(&["turn ms"], "poll_interval_ms"),
    everywhere(&["alarm clock"], "subscription to finalized heads"),
    names(&["wake ups"], "subscription to finalized heads"),
    // Peers.
    but(
        &[
            "letter by letter",
            "letters and",
            "letters or",
            "capital letter",
            "case letter",
            // Names of characters in Unicode.
            "hebrew letter",
            "small letter",
            "letter or digit",
            // In tests of models: a text, and the alphabet of base64.
            "wrote the letter",
            "bits",
            // A label before a text that is judged.
            "hypothesis|letter",
        ],
        everywhere(&["letter", "letters"], "peer message"),
    ),
    everywhere(&["carrier", "carriers"], "transmitter"),
    but(
        &["carry_their", "carries its", "carries no"],
        names(
            &["carry", "carries", "carried", "carrying"],
            "transmit, submit",
        ),
    ),
    prose(
        &[
            "is carried",
            "are carried",
            "was carried",
            "has carried",
            "not carried",
            "to carry out",
        ],
        "submitted",
    ),
    everywhere(&["club", "clubs"], "peers; build_peers"),
    names(&["foreign commitment"], "UnknownCommitment"),
    names(
        &["hand over", "hands over", "handed over"],
        "submit to a peer, hand off",
    ),
    everywhere(&["aloud"], "logged"),
    // Waiting.
    but(
        &["rests on", "rests with"],
        everywhere(
            &["rests", "rested", "resting"],
            "backs off; cooldown, backoff",
        ),
    ),
    names(
        &["rest ms", "first rest", "longest rest", "rest until"],
        "cooldown_ms, backoff_ms",
    ),
    names(&["may pass", "is passing", "comes later"], "is_transient"),
    // Requests that are not taken, and work that is given up.
    names(
        &["left out", "leave out", "leaves out", "leaving out"],
        "skipped, skip",
    ),
    names(
        &["given up", "gave up", "give up", "gives up"],
        "abandoned, exhausted",
    ),
    names(&["fate", "fates"], "TxAction, next_action"),
    but(
        &["for the company", "a company", "company's", "shares"],
        everywhere(&["company"], "batching window, batched"),
    ),
    // Money.
    everywhere(&["purse", "purses"], "account, balance"),
    everywhere(&["pocket"], "initial funds"),
    everywhere(&["books"], "spend tracker, records"),
    names(&["poor"], "low balance"),
    names(&["operator able"], "operator_eligible"),
    prose(
        &["dearer", "reckon", "reckons", "reckoned"],
        "more expensive; computes",
    ),
    // Nodes.
    names(&["sight", "sights"], "NodeStatus"),
    everywhere(&["survey", "surveys", "surveyed"], "check_endpoints"),
    everywhere(&["unfit"], "unhealthy"),
    names(&["set back"], "FinalityRegressed"),
    everywhere(
        &["lies low", "lie low", "lying low", "lay low"],
        "lags, is stalled",
    ),
    names(&["same line"], "connection id"),
    prose(&["the seam"], "the trait ChainApi"),
    // Servers and the command line.
    everywhere(&["desk"], "handler"),
    everywhere(&["goodbye"], "graceful shutdown"),
    names(&["worded"], "AnswerPublished"),
    names(&["ear"], "AnswerCollector"),
    // Test machinery.
    everywhere(&["planted"], "mutant"),
    // Sentences.
    but(
        &[
            "there is none",
            "there are none",
            "there was none",
            "is none the",
        ],
        prose(
            &["is none", "are none", "was none", "be none"],
            "is malformed, is invalid, is absent",
        ),
    ),
    prose(&["each by name", "says by name"], "the error names it"),
    prose(&["bears out", "bear out", "bore out"], "confirms"),
    prose(&["one's own"], "separate"),
];
