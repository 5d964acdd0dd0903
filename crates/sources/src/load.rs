//! All sources of a question: fetched, read, chosen from, and written into one prompt.

use crate::{
    extract::ExtractedText,
    fetch::{FetchedDocument, Fetcher},
    passages::{self, RULE},
    quotes::QuotableText,
    reader::{DocumentReader, ReaderError},
    record::{DocumentRecord, FailureKind, SourceFailure, SourceRecord, TextRecord},
    render::{render, PromptDates, ShownSource},
    SourcesConfig,
};
use futures::future::join_all;
use llm_oracle_primitives::{digest::blake2, Reason, Source};
use llm_oracle_support::{address::hex0x, clock::now_ms};
use std::io;

/// A page with a field for a password and less text than this is a login, bytes.
const LOGIN_TEXT_BYTES: usize = 1_500;

/// A question and what it is about.
#[derive(Debug, Clone, Copy)]
pub struct SourceQuestion<'a> {
    /// The question itself.
    pub prompt: &'a str,
    /// What it is about, in the order of the terms.
    pub sources: &'a [Source],
    /// When it was first seen, milliseconds since 1970.
    pub seen_ms: i64,
}

/// What became of a question's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedSources {
    /// One for each source, in the order of the terms.
    pub records: Vec<SourceRecord>,
    /// The abstention that a failure asks for. The model is not asked then.
    pub abstention: Option<Reason>,
    /// Whether that failure can be gone in a moment, so that trying again makes sense while there is time.
    pub is_transient: bool,
    /// The question as the model gets it, with dates and sources.
    pub prompt: String,
    /// What of them can be quoted.
    pub texts: Vec<QuotableText>,
}

/// Loads the sources of questions.
#[derive(Debug)]
pub struct SourceLoader {
    fetcher: Fetcher,
    reader: DocumentReader,
    passage_bytes_max: usize,
}

/// A source on its way into the prompt.
struct Loaded {
    number: u8,
    fetched_at_ms: i64,
    document: Option<DocumentRecord>,
    text: Result<ExtractedText, SourceFailure>,
}

impl SourceLoader {
    /// A loader with a relayer's settings.
    ///
    /// # Errors
    /// Which setting is wrong.
    pub fn new(config: &SourcesConfig, reader: DocumentReader) -> Result<Self, String> {
        Ok(Self::with_fetcher(config, Fetcher::new(config)?, reader))
    }

    /// A loader with another fetcher.
    pub fn with_fetcher(config: &SourcesConfig, fetcher: Fetcher, reader: DocumentReader) -> Self {
        Self {
            fetcher,
            reader,
            passage_bytes_max: config.passage_bytes_max,
        }
    }

    /// Loads all sources of a question, at the same time.
    ///
    /// # Errors
    /// When this machine can't start the reader's process. A source that can't be had is no error: its record
    /// says why.
    pub async fn load(&self, question: &SourceQuestion<'_>) -> io::Result<LoadedSources> {
        let all = (1_u8..).zip(question.sources);
        let all = join_all(all.map(|(number, source)| self.load_one(number, source))).await;
        let all = all.into_iter().collect::<io::Result<Vec<_>>>()?;
        Ok(finish(question, all, self.passage_bytes_max))
    }

    async fn load_one(&self, number: u8, source: &Source) -> io::Result<Loaded> {
        let fetched_at_ms = now_ms();
        let (document, text) = match self.fetcher.fetch(source).await {
            Ok(fetched) => (Some(record_of(&fetched)), self.read(&fetched).await?),
            Err(failure) => (None, Err(failure)),
        };
        Ok(Loaded {
            number,
            fetched_at_ms,
            document,
            text,
        })
    }

    async fn read(
        &self,
        fetched: &FetchedDocument,
    ) -> io::Result<Result<ExtractedText, SourceFailure>> {
        Ok(
            match self.reader.read(&fetched.bytes, &fetched.media).await {
                Ok(read) if is_login(&fetched.bytes, &read) => {
                    let why = "it is a login; name a page that anybody gets";
                    Err(SourceFailure::new(FailureKind::Wall, why))
                }
                Ok(read) => Ok(read),
                Err(ReaderError::TooSlow(why)) => {
                    Err(SourceFailure::new(FailureKind::TooSlow, why))
                }
                Err(ReaderError::Document(why)) => {
                    Err(SourceFailure::new(FailureKind::Unreadable, why.to_string()))
                }
                Err(ReaderError::Process(error)) => return Err(error),
            },
        )
    }
}

fn record_of(fetched: &FetchedDocument) -> DocumentRecord {
    DocumentRecord {
        url: fetched.url.clone(),
        bytes: fetched.bytes.len(),
        digest: hex0x(&blake2(&fetched.bytes)),
        media: fetched.media.clone(),
    }
}

/// Whether a page asks for a password and says little else.
fn is_login(bytes: &[u8], read: &ExtractedText) -> bool {
    if read.text.len() > LOGIN_TEXT_BYTES || !read.extractor.starts_with("html") {
        return false;
    }
    let html = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    ["type=\"password\"", "type='password'", "type=password"]
        .iter()
        .any(|field| html.contains(field))
}

/// Chooses passages, and writes prompt and records.
fn finish(question: &SourceQuestion<'_>, all: Vec<Loaded>, room: usize) -> LoadedSources {
    let lengths: Vec<usize> = all
        .iter()
        .map(|one| one.text.as_ref().map_or(0, |read| read.text.len()))
        .collect();
    let shares = passages::shares(&lengths, room);
    let chosen: Vec<_> = all
        .iter()
        .zip(shares)
        .map(|(one, share)| match &one.text {
            Ok(read) => passages::choose(&read.text, question.prompt, share),
            Err(_) => Vec::new(),
        })
        .collect();
    let names: Vec<String> = question.sources.iter().map(named).collect();
    let shown = all.iter().zip(&chosen).zip(&names);
    let shown: Vec<ShownSource<'_>> = shown
        .map(|((one, passages), name)| ShownSource {
            name,
            content: match &one.text {
                Ok(read) => Ok((&read.text, passages)),
                Err(failure) => Err(failure.kind),
            },
        })
        .collect();
    let dates = PromptDates {
        today_ms: now_ms(),
        seen_ms: question.seen_ms,
    };
    let prompt = render(question.prompt, &shown, &dates);
    let (abstention, is_transient) = verdict(question.sources, &all);
    let texts = all.iter().zip(&chosen).filter_map(|(one, passages)| {
        let read = one.text.as_ref().ok()?;
        Some(QuotableText {
            source: one.number,
            text: read.text.clone(),
            passages: passages.clone(),
        })
    });
    let texts = texts.collect();
    let records = all.into_iter().zip(chosen).zip(question.sources);
    let records = records.map(|((one, passages), source)| record(one, passages, source));
    LoadedSources {
        records: records.collect(),
        abstention,
        is_transient,
        prompt,
        texts,
    }
}

/// The abstention that failures ask for. A question that is broken for everybody comes first, so that relayers
/// agree on the reason.
fn verdict(sources: &[Source], all: &[Loaded]) -> (Option<Reason>, bool) {
    let failures = all.iter().zip(sources).filter_map(|(one, source)| {
        let failure = one.text.as_ref().err()?;
        Some((failure.abstention(source)?, failure.is_transient()))
    });
    let failures: Vec<_> = failures.collect();
    let is_bad = failures
        .iter()
        .any(|(reason, _)| *reason == Reason::BadInput);
    let is_transient = !is_bad && !failures.is_empty() && failures.iter().all(|(_, may)| *may);
    let first = failures.first().map(|(reason, _)| *reason);
    (
        if is_bad {
            Some(Reason::BadInput)
        } else {
            first
        },
        is_transient,
    )
}

fn record(one: Loaded, passages: Vec<passages::Passage>, source: &Source) -> SourceRecord {
    let (text, failure) = match one.text {
        Ok(read) => {
            let text = TextRecord {
                bytes: read.text.len(),
                digest: hex0x(&blake2(read.text.as_bytes())),
                extractor: read.extractor,
                rule: RULE.to_owned(),
                passages,
            };
            (Some(text), None)
        }
        Err(failure) => (None, Some(failure)),
    };
    SourceRecord {
        number: one.number,
        named: named(source),
        must: !matches!(source, Source::Page { must: false, .. }),
        fetched_at_ms: one.fetched_at_ms,
        document: one.document,
        text,
        failure,
    }
}

/// A source as records and prompts name it.
fn named(source: &Source) -> String {
    match source {
        Source::Attachment { digest, .. } => hex0x(digest),
        Source::Page { url, .. } => String::from_utf8_lossy(url).into_owned(),
    }
}
