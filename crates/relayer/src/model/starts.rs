//! Which questions were with a model when a process died: one of them may be what killed it.
//!
//! A question is on disk before it is put. What a process leaves there that died without an orderly end is
//! suspect: it is put again by itself, so that a second death has one cause. After that it is given up.

use llm_oracle_llm::{record_of, ModelQuestion};
use llm_oracle_primitives::{digest, Source};
use scale::Encode;
use serde::{Deserialize, Serialize};

/// Days after which a death counts no more: program, model or machine may be others by then.
const FORGOTTEN_AFTER_DAYS: i64 = 1;
/// Processes that may die at a question before it is given up.
const DEATHS_MAX: u32 = 2;
/// Questions that are remembered; the oldest are forgotten first.
const REMEMBERED_MAX: usize = 256;

/// One question that was put and has not come back.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Start {
    /// Digest of all that a model gets of the question, sources and sampling too; the same for all operators and
    /// requests that ask just this. Hex.
    question: String,
    /// The day on which it was put last, counted from 1970 in UTC.
    #[serde(default)]
    day: i64,
    /// Processes that have put it, this one included.
    processes: u32,
    /// Seats of this process for which it is under way.
    #[serde(skip)]
    under_way: u32,
}

/// Questions that were put and have not come back, kept over a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ModelStarts(Vec<Start>);

/// The name of a question in the record.
pub(super) fn question_key(question: &ModelQuestion, sources: &[Source]) -> String {
    let said = record_of(question).to_string();
    let how = (question.sampling, &question.model, sources);
    hex::encode(digest::blake2(&(said, how).encode()))
}

impl ModelStarts {
    fn find(&self, question: &str) -> Option<&Start> {
        self.0.iter().find(|start| start.question == question)
    }

    /// Why a question is given up, if it is.
    pub(super) fn refusal(&self, question: &str) -> Option<String> {
        let deaths = self.find(question).filter(|start| start.under_way == 0)?;
        (deaths.processes >= DEATHS_MAX).then(|| {
            format!(
                "the process ended {} times while a model was asked this; look at its log for the cause",
                deaths.processes
            )
        })
    }

    /// Whether a process died while this was asked, so that nothing else may be asked at the same time.
    pub(super) fn is_suspect(&self, question: &str) -> bool {
        self.find(question)
            .is_some_and(|start| start.processes > u32::from(start.under_way > 0))
    }

    /// Whether a suspect is under way.
    pub(super) fn has_suspect(&self) -> bool {
        let mut under_way = self.0.iter().filter(|start| start.under_way > 0);
        under_way.any(|start| start.processes > 1)
    }

    /// Forgets what processes died at before yesterday.
    pub(super) fn begin_day(&mut self, day: i64) {
        let oldest = day.saturating_sub(FORGOTTEN_AFTER_DAYS);
        self.0
            .retain(|start| start.under_way > 0 || start.day >= oldest);
    }

    /// A question is about to be put, on this day.
    pub(super) fn begin(&mut self, question: &str, day: i64) {
        let mut known = self.0.iter_mut();
        if let Some(start) = known.find(|start| start.question == question) {
            if start.under_way == 0 {
                start.processes = start.processes.saturating_add(1);
            }
            start.under_way = start.under_way.saturating_add(1);
            start.day = day;
            return;
        }
        if self.0.len() >= REMEMBERED_MAX {
            let oldest = self.0.iter().position(|start| start.under_way == 0);
            self.0.remove(oldest.unwrap_or_default());
        }
        self.0.push(Start {
            question: question.to_owned(),
            day,
            processes: 1,
            under_way: 1,
        });
    }

    /// A question has come back, whatever came of it, or is not waited for any more: the process lives.
    pub(super) fn end(&mut self, question: &str) {
        self.0.retain_mut(|start| {
            if start.question == question && start.under_way > 0 {
                start.under_way = start.under_way.saturating_sub(1);
                return start.under_way > 0;
            }
            true
        });
    }

    /// The process ends in order: nothing that is under way is to blame.
    pub(super) fn end_all(&mut self) {
        self.0.retain(|start| start.under_way == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a process reads it that starts after this one died.
    fn after_death(starts: &ModelStarts) -> ModelStarts {
        let bytes = serde_json::to_vec(starts).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    #[test]
    fn only_a_question_that_two_processes_died_at_is_exhausted() {
        let mut starts = ModelStarts::default();
        starts.begin("a", 7);
        starts.begin("a", 7);
        assert!(!starts.is_suspect("a") && !starts.has_suspect());
        starts.end("a");
        let mut starts = after_death(&starts);
        assert!(starts.is_suspect("a") && !starts.is_suspect("b"));
        assert_eq!(starts.refusal("a"), None);
        starts.begin("a", 7);
        assert!(starts.has_suspect());
        assert_eq!(starts.refusal("a"), None, "it is under way");
        let exhausted = after_death(&starts);
        assert!(exhausted.refusal("a").is_some());
        let mut later = after_death(&exhausted);
        later.begin_day(8);
        assert!(later.refusal("a").is_some());
        later.begin_day(9);
        assert_eq!(later.refusal("a"), None, "a day later it is put again");
        starts.end("a");
        assert!(!after_death(&starts).is_suspect("a"), "it came back");
    }

    #[test]
    fn other_sources_and_other_sampling_are_another_question() {
        let terms = llm_oracle_fixtures::request::terms(b"What does it say?");
        let question = |max_tokens| {
            let mut terms = terms.clone();
            terms.sampling.max_tokens = max_tokens;
            llm_oracle_evidence::question(&terms).ok()
        };
        let page = |url: &[u8]| Source::Page {
            url: url.to_vec(),
            must: false,
        };
        let key =
            |tokens, sources: &[Source]| question(tokens).map(|it| question_key(&it, sources));
        let keys = [
            key(64, &[]),
            key(65, &[]),
            key(64, &[page(b"https://a.example/")]),
            key(64, &[page(b"https://b.example/")]),
        ];
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
        assert_eq!(key(64, &[]), keys[0]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut starts = ModelStarts::default();
        for number in 0..=REMEMBERED_MAX {
            starts.begin(&number.to_string(), 7);
            starts = after_death(&starts);
        }
        assert_eq!(starts.0.len(), REMEMBERED_MAX);
        assert!(!starts.is_suspect("0") && starts.is_suspect("1"));
    }
}
