//! What a requester fixes when asking.

use crate::{limits, source::Source, AccountId, Balance, BlockNumber, Error};
use ink::prelude::vec::Vec;

/// Everything the requester fixed when asking. A request freezes its terms for life.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct Terms {
    /// Which model may answer.
    pub model: ModelRef,
    /// The question, UTF-8, at most [`limits::MAX_PROMPT_BYTES`].
    pub prompt: Vec<u8>,
    /// Instruction that stands before the question, UTF-8.
    pub system: Option<Vec<u8>>,
    /// What the question is about, at most [`limits::MAX_SOURCES`].
    pub sources: Vec<Source>,
    /// The form of the answer and the rule by which answers agree.
    pub answer: AnswerKind,
    /// How the model is to be sampled.
    pub sampling: Sampling,
    /// Operators in the committee, 1 to [`limits::MAX_SEATS`].
    pub seats: u8,
    /// Seats that must agree: more than half of `seats`, at most `seats`.
    pub threshold: u8,
    /// Who may take a seat.
    pub assignment: Assignment,
    /// Most seats that operators of one model family may take, 0: any number. Operators that declare
    /// no family count as one family.
    pub max_seats_per_family: u8,
    /// Least confidence, 0 to 100, that the agreeing seats must have in the lower median; 0: any.
    /// Below it the request ends [`crate::Outcome::Undetermined`].
    pub min_confidence: u8,
    /// First block in which seats may be taken; 0 or a past block: as soon as possible.
    pub not_before: BlockNumber,
    /// Length of the commit phase in blocks.
    pub commit_blocks: u32,
    /// Length of the reveal phase in blocks.
    pub reveal_blocks: u32,
    /// Limits of the callback; without them nothing is delivered and the result is only read.
    pub callback: Option<CallbackLimits>,
    /// Account that gets refunds and may prune, instead of the requester.
    pub refund_to: Option<AccountId>,
    /// Commits and reveals in one call (one seat only). The pending answer is public in the
    /// transaction pool, so it can be copied.
    pub one_step: bool,
}

/// Which model may answer a request.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub enum ModelRef {
    /// Each operator's own choice.
    Any,
    /// A model by name, UTF-8, at most [`limits::MAX_MODEL_BYTES`]. An operator that does not serve
    /// it takes no seat.
    Name(Vec<u8>),
}

/// Form of an answer together with the rule by which answers agree.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub enum AnswerKind {
    /// Yes or no; most votes.
    Bool,
    /// One of 2 to 32 distinct options; most votes.
    Choice {
        /// The options in order; an answer is an index into them.
        options: Vec<Vec<u8>>,
    },
    /// A decimal number; those within `tolerance` of the lower median agree.
    Number {
        /// Decimal places: the number is the answer's mantissa divided by `10^scale`.
        scale: u8,
        /// Greatest distance from the median, in units of the mantissa.
        tolerance: u128,
    },
    /// Free text in canonical form; equal bytes agree.
    Text {
        /// Greatest length of an answer in bytes, at most [`limits::MAX_ANSWER_BYTES`].
        max_bytes: u32,
    },
    /// Canonical JSON (RFC 8785), at most [`limits::MAX_ANSWER_BYTES`]; equal bytes agree.
    Json {
        /// JSON schema that every relayer checks before it commits, at most
        /// [`limits::MAX_SCHEMA_BYTES`].
        schema: Vec<u8>,
    },
}

/// How a model is to be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct Sampling {
    /// Most tokens the model may generate.
    pub max_tokens: u32,
    /// Temperature in thousandths.
    pub temperature_milli: u32,
    /// Seed for models that take one.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            max_tokens: 64,
            temperature_milli: 0,
            seed: 0,
        }
    }
}

/// Who may take the seats of a request.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub enum Assignment {
    /// The first operators to commit that have at least this track record: whoever runs `threshold`
    /// operators decides. For tests and small things.
    Open {
        /// The record.
        least: LeastRecord,
    },
    /// Only the listed operators.
    Named {
        /// Registered operators, distinct, at least as many as seats, at most
        /// [`limits::MAX_NAMED`].
        operators: Vec<AccountId>,
    },
    /// Only operators of the published set with this number.
    Set(u32),
}

/// The least track record that an operator must have to take a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct LeastRecord {
    /// Share of ended seats that agreed with the result, abstentions left out, parts per million.
    pub agreement_ppm: u32,
    /// Seats that ended in a request with a result, and were revealed.
    pub answers: u32,
}

impl Assignment {
    /// Open to every operator, whatever its record.
    pub const fn open() -> Self {
        Self::Open {
            least: LeastRecord {
                agreement_ppm: 0,
                answers: 0,
            },
        }
    }

    /// The record that an operator must have.
    pub fn least_record(&self) -> LeastRecord {
        match self {
            Self::Open { least } => *least,
            _ => LeastRecord::default(),
        }
    }

    /// The published set that seats are taken from.
    pub fn set(&self) -> Option<u32> {
        match self {
            Self::Set(set) => Some(*set),
            _ => None,
        }
    }
}

/// Limits of a callback. None may be zero: the pallet reads zero as 'all that is left'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub struct CallbackLimits {
    /// Execution time in picoseconds of reference hardware.
    pub ref_time: u64,
    /// Bytes of storage proof.
    pub proof_size: u64,
    /// Storage deposit in planck that the callback may charge its carrier.
    pub storage_deposit: Balance,
}

impl Terms {
    /// Checks everything about the terms that needs no state: sizes, counts, ranges and what is not
    /// supported yet. Windows are checked against the parameters when the request opens, and the
    /// size of the whole where it is encoded.
    ///
    /// # Errors
    /// The first broken rule, with the offending value.
    pub fn check(&self) -> Result<(), Error> {
        self.check_question()?;
        self.answer.check()?;
        self.check_committee()?;
        self.callback.map_or(Ok(()), |limits| limits.check())
    }

    fn check_question(&self) -> Result<(), Error> {
        if let ModelRef::Name(name) = &self.model {
            let most = limits::MAX_MODEL_BYTES;
            if name.is_empty() || name.len() > most as usize {
                return Err(Error::ModelNameLength {
                    bytes: length(name),
                    most,
                });
            }
        }
        if self.prompt.is_empty() {
            return Err(Error::PromptEmpty);
        }
        let most = limits::MAX_PROMPT_BYTES;
        if self.prompt.len() > most as usize {
            return Err(Error::PromptTooLong {
                bytes: length(&self.prompt),
                most,
            });
        }
        if self.sources.len() > usize::from(limits::MAX_SOURCES) {
            return Err(Error::TooManySources {
                sources: self.sources.len() as u32,
                most: limits::MAX_SOURCES,
            });
        }
        for (position, source) in self.sources.iter().enumerate() {
            if !source.is_sound() {
                // At most 8 sources.
                let position = position as u8;
                return Err(Error::BadSource { position });
            }
        }
        Ok(())
    }

    fn check_committee(&self) -> Result<(), Error> {
        let (seats, threshold) = (self.seats, self.threshold);
        if seats == 0 || seats > limits::MAX_SEATS {
            return Err(Error::SeatsOutOfRange {
                seats,
                most: limits::MAX_SEATS,
            });
        }
        // More than half, so that two options can never both win.
        if threshold > seats || u16::from(threshold) * 2 <= u16::from(seats) {
            return Err(Error::ThresholdOutOfRange { threshold, seats });
        }
        if self.one_step && seats != 1 {
            return Err(Error::OneStepNeedsOneSeat { seats });
        }
        if self.min_confidence > limits::MAX_CONFIDENCE {
            return Err(Error::ConfidenceOutOfRange {
                confidence: self.min_confidence,
            });
        }
        match &self.assignment {
            Assignment::Named { operators } => {
                let count = operators.len();
                if count < usize::from(seats) || count > usize::from(limits::MAX_NAMED) {
                    return Err(Error::NamedOutOfRange {
                        named: count as u32,
                        seats,
                    });
                }
                all_distinct(operators)
                    .then_some(())
                    .ok_or(Error::NamedTwice)
            }
            Assignment::Open { least } if least.agreement_ppm > limits::PPM => {
                Err(Error::ShareOutOfRange {
                    ppm: least.agreement_ppm,
                })
            }
            Assignment::Open { .. } | Assignment::Set(_) => Ok(()),
        }
    }

    /// The account that gets refunds and may prune.
    pub fn beneficiary(&self, requester: AccountId) -> AccountId {
        self.refund_to.unwrap_or(requester)
    }
}

impl AnswerKind {
    /// Checks the form itself.
    ///
    /// # Errors
    /// The broken rule with the offending value.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Bool => Ok(()),
            Self::Choice { options } => {
                let most = limits::MAX_OPTIONS;
                if options.len() < 2 || options.len() > usize::from(most) {
                    return Err(Error::OptionsOutOfRange {
                        options: options.len() as u32,
                        most,
                    });
                }
                for option in options {
                    if option.is_empty() || option.len() > limits::MAX_OPTION_BYTES as usize {
                        return Err(Error::OptionLength {
                            bytes: option.len() as u32,
                            most: limits::MAX_OPTION_BYTES,
                        });
                    }
                }
                all_distinct(options)
                    .then_some(())
                    .ok_or(Error::OptionTwice)
            }
            Self::Number { scale, .. } if *scale > limits::MAX_SCALE => Err(Error::ScaleTooLarge {
                scale: *scale,
                most: limits::MAX_SCALE,
            }),
            Self::Number { .. } => Ok(()),
            Self::Text { max_bytes } if !(1..=limits::MAX_ANSWER_BYTES).contains(max_bytes) => {
                Err(Error::AnswerBytesOutOfRange {
                    bytes: *max_bytes,
                    most: limits::MAX_ANSWER_BYTES,
                })
            }
            Self::Json { schema }
                if schema.is_empty() || schema.len() > limits::MAX_SCHEMA_BYTES as usize =>
            {
                Err(Error::SchemaLength {
                    bytes: schema.len() as u32,
                    most: limits::MAX_SCHEMA_BYTES,
                })
            }
            Self::Text { .. } | Self::Json { .. } => Ok(()),
        }
    }

    /// Greatest length of an open answer in bytes; 0 for closed kinds, which are stored in the seat.
    pub fn open_bytes(&self) -> u32 {
        match self {
            Self::Bool | Self::Choice { .. } | Self::Number { .. } => 0,
            Self::Text { max_bytes } => *max_bytes,
            Self::Json { .. } => limits::MAX_ANSWER_BYTES,
        }
    }
}

impl CallbackLimits {
    /// Checks that each limit is above zero and within what one extrinsic can deliver. The greatest
    /// deposit is [`limits::MAX_CALLBACK_COINS`] coins; the ask checks it, for it knows the coin.
    ///
    /// # Errors
    /// `CallbackLimit` when one is not.
    pub fn check(&self) -> Result<(), Error> {
        let fits = (1..=limits::MAX_CALLBACK_REF_TIME).contains(&self.ref_time)
            && (1..=limits::MAX_CALLBACK_PROOF_SIZE).contains(&self.proof_size)
            && self.storage_deposit > 0;
        fits.then_some(()).ok_or(Error::CallbackLimit)
    }
}

fn length(bytes: &[u8]) -> u32 {
    bytes.len() as u32 // A message has at most 16 KiB.
}

/// At most 64 items: comparing each pair beats sorting and needs no copy.
fn all_distinct<T: PartialEq>(items: &[T]) -> bool {
    items
        .iter()
        .enumerate()
        .all(|(index, item)| items.iter().take(index).all(|other| other != item))
}
