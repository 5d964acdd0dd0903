//! A builder for terms with sensible defaults.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    AccountId, AnswerKind, Assignment, BlockNumber, CallbackLimits, Hash, LeastRecord, ModelRef,
    Sampling, Source, Terms,
};

/// Builds [`Terms`]. Starts with three seats of which two must agree, any model, phases of 256 blocks, no
/// sources and no callback. The last call says who may answer, for nothing protects an answer more:
/// [`Self::named`], [`Self::from_set`], [`Self::qualified`] or [`Self::open`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Question {
    terms: Terms,
}

impl Question {
    /// A question with an answer of any kind.
    pub fn new(prompt: impl AsRef<[u8]>, answer: AnswerKind) -> Self {
        Self {
            terms: Terms {
                model: ModelRef::Any,
                prompt: prompt.as_ref().to_vec(),
                system: None,
                sources: Vec::new(),
                answer,
                sampling: Sampling::default(),
                seats: 3,
                threshold: 2,
                assignment: Assignment::open(),
                max_seats_per_family: 0,
                min_confidence: 0,
                not_before: 0,
                commit_blocks: 256,
                reveal_blocks: 256,
                callback: None,
                refund_to: None,
                one_step: false,
            },
        }
    }

    /// A question answered with yes or no.
    pub fn yes_or_no(prompt: impl AsRef<[u8]>) -> Self {
        Self::new(prompt, AnswerKind::Bool)
    }

    /// A question answered with one of the options.
    pub fn choice<O: AsRef<[u8]>>(prompt: impl AsRef<[u8]>, options: &[O]) -> Self {
        let options = options
            .iter()
            .map(|option| option.as_ref().to_vec())
            .collect();
        Self::new(prompt, AnswerKind::Choice { options })
    }

    /// A question answered with a number of `scale` decimal places; answers within `tolerance`
    /// units of the last place of the median agree.
    pub fn number(prompt: impl AsRef<[u8]>, scale: u8, tolerance: u128) -> Self {
        Self::new(prompt, AnswerKind::Number { scale, tolerance })
    }

    /// A question answered with a text of at most so many bytes. Answers agree when their canonical
    /// bytes are equal, so ask for one word or a fixed phrase.
    pub fn text(prompt: impl AsRef<[u8]>, max_bytes: u32) -> Self {
        Self::new(prompt, AnswerKind::Text { max_bytes })
    }

    /// A question answered with a JSON document of this schema, compared in canonical form.
    pub fn json(prompt: impl AsRef<[u8]>, schema: impl AsRef<[u8]>) -> Self {
        let schema = schema.as_ref().to_vec();
        Self::new(prompt, AnswerKind::Json { schema })
    }

    /// Puts an instruction before the question.
    pub fn system(mut self, instruction: impl AsRef<[u8]>) -> Self {
        self.terms.system = Some(instruction.as_ref().to_vec());
        self
    }

    /// Adds a document that the question is about, by the digest of its bytes and its length. `uri` says
    /// where to get it; empty: from any gateway.
    pub fn attachment(
        mut self,
        (digest, bytes): (Hash, u32),
        media: impl AsRef<[u8]>,
        uri: impl AsRef<[u8]>,
    ) -> Self {
        self.terms.sources.push(Source::Attachment {
            digest,
            bytes,
            media: media.as_ref().to_vec(),
            uri: uri.as_ref().to_vec(),
        });
        self
    }

    /// Adds an `https://` page that the question is about. With `must` there is no answer without it.
    pub fn page(mut self, url: impl AsRef<[u8]>, must: bool) -> Self {
        let url = url.as_ref().to_vec();
        self.terms.sources.push(Source::Page { url, must });
        self
    }

    /// Asks for a model by name instead of any.
    pub fn model(mut self, name: impl AsRef<[u8]>) -> Self {
        self.terms.model = ModelRef::Name(name.as_ref().to_vec());
        self
    }

    /// Says how the model is to be sampled.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.terms.sampling = sampling;
        self
    }

    /// Sets the number of seats and how many must agree.
    pub fn committee(mut self, seats: u8, threshold: u8) -> Self {
        (self.terms.seats, self.terms.threshold) = (seats, threshold);
        self
    }

    /// Lets operators of one model family take at most so many seats.
    pub fn max_seats_per_family(mut self, most: u8) -> Self {
        self.terms.max_seats_per_family = most;
        self
    }

    /// Takes no result whose agreeing seats are less sure than this, 0 to 100, in the median.
    pub fn min_confidence(mut self, least: u8) -> Self {
        self.terms.min_confidence = least;
        self
    }

    /// Lets nobody take a seat before this block: for what has not happened yet.
    pub fn not_before(mut self, block: BlockNumber) -> Self {
        self.terms.not_before = block;
        self
    }

    /// Sets the lengths of the commit and the reveal phase, in blocks.
    pub fn windows(mut self, commit_blocks: u32, reveal_blocks: u32) -> Self {
        (self.terms.commit_blocks, self.terms.reveal_blocks) = (commit_blocks, reveal_blocks);
        self
    }

    /// Has one operator commit and reveal at once. Its answer is public before it is in a block.
    pub fn one_step(mut self) -> Self {
        self.terms.one_step = true;
        self.committee(1, 1)
    }

    /// Wants the outcome handed to `on_answer`, within these limits.
    pub fn callback(mut self, limits: CallbackLimits) -> Self {
        self.terms.callback = Some(limits);
        self
    }

    /// Sends refunds to this account instead of the asking contract.
    pub fn refund_to(mut self, account: AccountId) -> Self {
        self.terms.refund_to = Some(account);
        self
    }

    fn assigned(mut self, assignment: Assignment) -> Terms {
        self.terms.assignment = assignment;
        self.terms
    }

    /// Only these operators may answer: they must be as many as seats, or more.
    pub fn named(self, operators: impl Into<Vec<AccountId>>) -> Terms {
        let operators = operators.into();
        self.assigned(Assignment::Named { operators })
    }

    /// Only operators of the published set with this number may answer.
    pub fn from_set(self, set: u32) -> Terms {
        self.assigned(Assignment::Set(set))
    }

    /// Any operator with at least this track record may answer; a record can be bought.
    pub fn qualified(self, least: LeastRecord) -> Terms {
        self.assigned(Assignment::Open { least })
    }

    /// Whoever commits first may answer: whoever runs enough operators decides. For tests, and for what
    /// is worth nothing to anybody.
    pub fn open(self) -> Terms {
        self.assigned(Assignment::open())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_can_be_set_and_passes_the_checks() {
        let limits = CallbackLimits {
            ref_time: 1,
            proof_size: 2,
            storage_deposit: 3,
        };
        let sampling = Sampling {
            max_tokens: 5,
            temperature_milli: 6,
            seed: 7,
        };
        let question = Question::choice("p", &["a", "b"])
            .system("s")
            .attachment(([1; 32], 9), "text/plain", "")
            .page("https://example.org/", true)
            .model("m")
            .sampling(sampling)
            .committee(5, 3)
            .max_seats_per_family(2)
            .min_confidence(70)
            .not_before(1_000)
            .windows(10, 20)
            .callback(limits)
            .refund_to([9; 32].into());
        let terms = question.clone().from_set(4);
        assert_eq!(
            terms,
            Terms {
                model: ModelRef::Name(b"m".to_vec()),
                prompt: b"p".to_vec(),
                system: Some(b"s".to_vec()),
                sources: vec![
                    Source::Attachment {
                        digest: [1; 32],
                        bytes: 9,
                        media: b"text/plain".to_vec(),
                        uri: Vec::new(),
                    },
                    Source::Page {
                        url: b"https://example.org/".to_vec(),
                        must: true,
                    },
                ],
                answer: AnswerKind::Choice {
                    options: vec![b"a".to_vec(), b"b".to_vec()],
                },
                sampling,
                seats: 5,
                threshold: 3,
                assignment: Assignment::Set(4),
                max_seats_per_family: 2,
                min_confidence: 70,
                not_before: 1_000,
                commit_blocks: 10,
                reveal_blocks: 20,
                callback: Some(limits),
                refund_to: Some([9; 32].into()),
                one_step: false,
            }
        );
        assert_eq!(terms.check(), Ok(()));
        assert!(question.clone().one_step().open().one_step);
        let operators: Vec<AccountId> = (0..5).map(|byte| [byte; 32].into()).collect();
        assert_eq!(question.named(operators).check(), Ok(()));
    }
}
