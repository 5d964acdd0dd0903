//! The file by which a record moves to another machine. `docs/signer-interchange.md` describes the format.
//!
//! Reading is strict: one way to write each value, rows in order, each row once. A digest over the content
//! finds what a strict reader can't, such as a changed digit.

use crate::decision::SignedDecision;
use llm_oracle_primitives::{digest, AccountId, DeploymentId, Hash, RequestId};
use llm_oracle_support::{address::hex0x, toml_errors::without_values};
use serde::{
    de::{self, Deserializer},
    Deserialize, Serialize, Serializer,
};
use std::fmt;

/// Value of the field `format`.
pub(crate) const FORMAT: &str = "llm-oracle-signing-record";
/// Version of the format that is written and read.
pub(crate) const VERSION: u32 = 1;
/// Longest file that is written or read, bytes: about three million requests.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// First bytes of what the digest covers.
const DIGEST_TAG: &[u8] = b"llm-oracle/signing-record/1";

/// What was signed for one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interchange {
    /// The deployment.
    pub(crate) deployment: DeploymentId,
    /// Whether the exported record signs nothing again.
    pub(crate) retired: bool,
    /// By operator and request, each once.
    pub(crate) rows: Vec<SignedDecision>,
}

/// Why a file is refused. No message quotes a value of the file: it may be another file with a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum InterchangeError {
    #[error("line {line}, column {column}: {reason}; export the record again")]
    Malformed {
        line: usize,
        column: usize,
        reason: String,
    },
    #[error("is not an exported record: its `format` is not {FORMAT}")]
    OtherFormat,
    #[error("has version {0} of the format, and this program reads version {VERSION}; use a newer program")]
    OtherVersion(u32),
    #[error("has rows out of order or twice, at operator {operator}, request {request_id}; export the record again")]
    Order {
        operator: String,
        request_id: RequestId,
    },
    #[error("lists operator {0} without a request; export the record again")]
    NoRequests(String),
    #[error(
        "was changed or damaged: its `digest` is not that of its content; export the record again"
    )]
    Digest,
    #[error("has {found} bytes, and {FILE_BYTES_MAX} are allowed")]
    TooLong { found: u64 },
}

impl Interchange {
    /// How many operators have rows.
    pub(crate) fn operators(&self) -> usize {
        self.rows.chunk_by(same_operator).count()
    }

    /// Digest of the content, whatever the layout of the text.
    pub(crate) fn digest(&self) -> Hash {
        let mut bytes = DIGEST_TAG.to_vec();
        bytes.extend(self.deployment.domain);
        bytes.extend(self.deployment.contract);
        bytes.push(u8::from(self.retired));
        for row in &self.rows {
            bytes.extend(account_bytes(&row.operator));
            bytes.extend(row.request_id.to_le_bytes());
            bytes.extend(row.commitment);
            bytes.extend(row.evidence);
            bytes.push(u8::from(row.answer.is_some()));
            bytes.extend(row.answer.iter().flatten());
        }
        digest::blake2(&bytes)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// `TooLong`.
    pub(crate) fn to_text(&self) -> Result<String, InterchangeError> {
        let operators = self.rows.chunk_by(same_operator).map(|rows| FileOperator {
            // A chunk is never empty.
            account: rows
                .first()
                .map_or([0; 32], |row| account_bytes(&row.operator)),
            requests: rows.iter().map(FileRequest::from).collect(),
        });
        let file = File {
            format: FORMAT.to_owned(),
            version: VERSION,
            deployment: FileDeployment {
                domain: self.deployment.domain,
                contract: self.deployment.contract,
            },
            retired: self.retired,
            operators: operators.collect(),
            digest: self.digest(),
        };
        let mut text = serde_json::to_string_pretty(&file).map_err(malformed)?;
        text.push('\n');
        check_length(text.len())?;
        Ok(text)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// All of [`InterchangeError`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InterchangeError> {
        check_length(bytes.len())?;
        // First of all the version: a newer one may have fields that this one does not know.
        let header: Header = serde_json::from_slice(bytes).map_err(malformed)?;
        if header.format != FORMAT {
            return Err(InterchangeError::OtherFormat);
        }
        if header.version != VERSION {
            return Err(InterchangeError::OtherVersion(header.version));
        }
        let file: File = serde_json::from_slice(bytes).map_err(malformed)?;
        let claimed = file.digest;
        let found = Self::from_file(file)?;
        if found.digest() != claimed {
            return Err(InterchangeError::Digest);
        }
        Ok(found)
    }

    fn from_file(file: File) -> Result<Self, InterchangeError> {
        let mut rows: Vec<SignedDecision> = Vec::new();
        for operator in file.operators {
            if operator.requests.is_empty() {
                return Err(InterchangeError::NoRequests(hex0x(&operator.account)));
            }
            for request in operator.requests {
                let row = request.signed_by(operator.account);
                if rows
                    .last()
                    .is_some_and(|last| position(last) >= position(&row))
                {
                    return Err(InterchangeError::Order {
                        operator: hex0x(&operator.account),
                        request_id: row.request_id,
                    });
                }
                rows.push(row);
            }
        }
        Ok(Self {
            deployment: DeploymentId {
                domain: file.deployment.domain,
                contract: file.deployment.contract,
            },
            retired: file.retired,
            rows,
        })
    }
}

/// Checks a length, bytes, against [`FILE_BYTES_MAX`].
///
/// # Errors
/// `TooLong`.
pub(crate) fn check_length(bytes: usize) -> Result<(), InterchangeError> {
    match u64::try_from(bytes) {
        Ok(found) if found <= FILE_BYTES_MAX => Ok(()),
        found => Err(InterchangeError::TooLong {
            found: found.unwrap_or(u64::MAX),
        }),
    }
}

fn same_operator(one: &SignedDecision, other: &SignedDecision) -> bool {
    one.operator == other.operator
}

fn position(row: &SignedDecision) -> ([u8; 32], RequestId) {
    (account_bytes(&row.operator), row.request_id)
}

fn account_bytes(account: &AccountId) -> [u8; 32] {
    *account.as_ref()
}

fn malformed(error: serde_json::Error) -> InterchangeError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    InterchangeError::Malformed {
        line,
        column,
        reason: without_values(reason),
    }
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    deployment: FileDeployment,
    retired: bool,
    operators: Vec<FileOperator>,
    #[serde(serialize_with = "hex", deserialize_with = "read::digest")]
    digest: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDeployment {
    #[serde(serialize_with = "hex", deserialize_with = "read::domain")]
    domain: Hash,
    #[serde(serialize_with = "hex", deserialize_with = "read::contract")]
    contract: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOperator {
    #[serde(serialize_with = "hex", deserialize_with = "read::account")]
    account: Hash,
    requests: Vec<FileRequest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRequest {
    #[serde(serialize_with = "decimal", deserialize_with = "read::request_id")]
    request_id: RequestId,
    #[serde(serialize_with = "hex", deserialize_with = "read::commitment")]
    commitment: Hash,
    #[serde(serialize_with = "hex", deserialize_with = "read::evidence")]
    evidence: Hash,
    #[serde(serialize_with = "hex_or_null", deserialize_with = "read::answer")]
    answer: Option<Hash>,
}

impl From<&SignedDecision> for FileRequest {
    fn from(row: &SignedDecision) -> Self {
        Self {
            request_id: row.request_id,
            commitment: row.commitment,
            evidence: row.evidence,
            answer: row.answer,
        }
    }
}

impl FileRequest {
    fn signed_by(self, account: [u8; 32]) -> SignedDecision {
        SignedDecision {
            request_id: self.request_id,
            operator: account.into(),
            commitment: self.commitment,
            evidence: self.evidence,
            answer: self.answer,
        }
    }
}

fn hex<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex0x(hash))
}

fn hex_or_null<S: Serializer>(hash: &Option<Hash>, serializer: S) -> Result<S::Ok, S::Error> {
    match hash {
        Some(hash) => hex(hash, serializer),
        None => serializer.serialize_none(),
    }
}

/// Text, because other programs read JSON numbers as floating point.
fn decimal<S: Serializer>(id: &RequestId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// Readers of single fields, whose errors name the field.
mod read {
    use super::*;

    /// Reads 32 bytes: `0x` and 64 lower-case hex digits.
    struct HashOf(&'static str);

    impl de::Visitor<'_> for HashOf {
        type Value = Hash;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "`{}` as 0x and 64 lower-case hex digits", self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Hash, E> {
            let mut bytes = Hash::default();
            let digits = text.strip_prefix("0x");
            let read = digits.map(|digits| hex::decode_to_slice(digits, &mut bytes));
            if read == Some(Ok(())) && hex0x(&bytes) == text {
                return Ok(bytes);
            }
            Err(E::custom(format!(
                "give `{}` as 0x and 64 lower-case hex digits",
                self.0
            )))
        }
    }

    /// The same, or `null`.
    struct OptionalHashOf(&'static str);

    impl<'de> de::Visitor<'de> for OptionalHashOf {
        type Value = Option<Hash>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(
                f,
                "`{}` as null, or 0x and 64 lower-case hex digits",
                self.0
            )
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Self::Value, D::Error> {
            some.deserialize_str(HashOf(self.0)).map(Some)
        }
    }

    /// Reads a request's id: decimal digits, within what the database can store.
    struct RequestIdText;

    impl de::Visitor<'_> for RequestIdText {
        type Value = RequestId;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "`request_id` as decimal digits in quotes")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<RequestId, E> {
            let id = text.parse::<RequestId>().ok();
            id.filter(|id| i64::try_from(*id).is_ok() && id.to_string() == text)
                .ok_or_else(|| E::custom(format!("give `request_id` as 0 to {}", i64::MAX)))
        }
    }

    macro_rules! hashes {
        ($($field:ident)*) => { $(
            pub(super) fn $field<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
                from.deserialize_str(HashOf(stringify!($field)))
            }
        )* };
    }
    hashes!(digest domain contract account commitment evidence);

    pub(super) fn answer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Hash>, D::Error> {
        from.deserialize_option(OptionalHashOf("answer"))
    }

    pub(super) fn request_id<'de, D: Deserializer<'de>>(from: D) -> Result<RequestId, D::Error> {
        from.deserialize_str(RequestIdText)
    }
}
