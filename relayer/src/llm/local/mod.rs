//! A GGUF model in this process: no key, no network.
//!
//! The model lives on a thread of its own behind a bounded queue, because its cache borrows it and
//! decoding blocks. One instance serves all operators of the process.
//!
//! Closed answer sets are scored, not generated: one run over the prompt, then the likelihood of
//! each label, less its likelihood after content-free input. Numbers are decoded greedily under a
//! grammar. Sampling settings therefore do not matter, but for the limit on tokens.

mod decide;
mod engine;
mod gguf;
mod template;

use super::{record_of, refuse_unserved, ModelError, Provider, Question, Reply};
use async_trait::async_trait;
use engine::{Engine, Prompt};
use llama_cpp_2::{
    llama_backend::LlamaBackend,
    model::{params::LlamaModelParams, LlamaModel},
    LogOptions,
};
use llm_oracle_primitives::{canonical, Answer, AnswerKind, Reason};
use serde_json::{json, Value};
use std::{
    path::{Path, PathBuf},
    sync::{mpsc as std_mpsc, LazyLock},
};
use tokio::sync::{mpsc, oneshot};

/// The engine's version, as the lock file has it.
const ENGINE: &str = "llama-cpp-2 0.1.160";
/// Questions that wait for the model; further callers wait to get in.
const QUEUE_QUESTIONS_MAX: usize = 64;
/// Most tokens of a number: sign, point and up to 38 digits at one token each.
const NUMBER_TOKENS_MAX: u32 = 64;

static BACKEND: LazyLock<Result<LlamaBackend, String>> = LazyLock::new(|| {
    llama_cpp_2::send_logs_to_tracing(LogOptions::default());
    LlamaBackend::init().map_err(|error| error.to_string())
});

/// The loaded model's front: a name and the way into its queue.
pub(super) struct Local {
    name: String,
    jobs: mpsc::Sender<Job>,
}

struct Job {
    question: Question,
    reply: oneshot::Sender<Result<Reply, ModelError>>,
}

/// What every record says about the model.
struct Facts {
    name: String,
    path: PathBuf,
    sha256: String,
    threads: u16,
}

impl Local {
    /// Checks and loads the file; returns when the model is ready.
    ///
    /// # Errors
    /// `Load` when the file cannot be used.
    pub(super) fn load(path: &Path, threads: u16, name: Option<&str>) -> Result<Self, ModelError> {
        if threads == 0 {
            let reason = "`threads` is 0: give the model at least one";
            return Err(ModelError::NotConfigured(reason.to_owned()));
        }
        let sha256 = gguf::check(path)?;
        let file_name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.map_or_else(|| file_name.into_owned(), str::to_owned);
        let facts = Facts {
            name: name.clone(),
            path: path.to_owned(),
            sha256,
            threads,
        };
        let (jobs, queue) = mpsc::channel(QUEUE_QUESTIONS_MAX);
        let (ready, loaded) = std_mpsc::channel();
        std::thread::Builder::new()
            .name("llm".to_owned())
            .spawn(move || serve(&facts, queue, &ready))
            .map_err(|error| ModelError::Engine(format!("no thread for the model ({error})")))?;
        loaded.recv().map_err(|_| stopped())??;
        Ok(Self { name, jobs })
    }
}

#[async_trait]
impl Provider for Local {
    fn name(&self) -> &str {
        &self.name
    }

    async fn answer(&self, question: &Question) -> Result<Reply, ModelError> {
        refuse_unserved(self, &question.model)?;
        let (reply, answered) = oneshot::channel();
        let job = Job {
            question: question.clone(),
            reply,
        };
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn stopped() -> ModelError {
    ModelError::Engine("the model's thread has stopped: restart the relayer".to_owned())
}

/// The thread: loads, says so, answers until every front is dropped.
fn serve(
    facts: &Facts,
    mut queue: mpsc::Receiver<Job>,
    ready: &std_mpsc::Sender<Result<(), ModelError>>,
) {
    let refused = |reason: &str| {
        let path = facts.path.clone();
        Err(ModelError::Load {
            path,
            reason: reason.to_owned(),
        })
    };
    // Nobody listens only if the loading call itself was given up.
    let say = |result| drop(ready.send(result));
    let backend = match &*BACKEND {
        Ok(backend) => backend,
        Err(error) => return say(Err(ModelError::Engine(error.clone()))),
    };
    let Ok(model) = LlamaModel::load_from_file(backend, &facts.path, &LlamaModelParams::default())
    else {
        return say(refused(
            "llama.cpp cannot load it; it is damaged, cut short or of an unknown architecture: download it again",
        ));
    };
    let mut engine = match Engine::new(backend, &model, facts.threads) {
        Ok(engine) => engine,
        Err(_) => return say(refused("no memory for its context")),
    };
    say(Ok(()));
    while let Some(job) = queue.blocking_recv() {
        if !job.reply.is_closed() {
            // The caller may have gone meanwhile.
            drop(job.reply.send(answer(&mut engine, facts, &job.question)));
        }
    }
}

fn answer(
    engine: &mut Engine<'_>,
    facts: &Facts,
    question: &Question,
) -> Result<Reply, ModelError> {
    let started = std::time::Instant::now();
    let (answer, how) = match template::render(question)? {
        template::Form::Closed(closed) => decide::closed(engine, question, &closed)?,
        template::Form::Number { prompt, grammar } => number(engine, question, &prompt, &grammar)?,
    };
    tracing::debug!(
        model = facts.name,
        ms = started.elapsed().as_millis(),
        ?answer,
        "answered"
    );
    let mut record = json!({
        "provider": "local",
        "model": facts.name,
        "file": { "sha256": facts.sha256 },
        "engine": {
            "name": ENGINE,
            "threads": facts.threads,
            "context_tokens": engine.context_tokens(),
            "cpu": *SYSTEM_INFO,
        },
        "question": record_of(question),
        "sampling": { "asked": {
            "max_tokens": question.sampling.max_tokens,
            "temperature_milli": question.sampling.temperature_milli,
            "seed": question.sampling.seed.to_string(),
        }, "used": "greedy" },
    });
    if let (Value::Object(record), Value::Object(how)) = (&mut record, how) {
        record.extend(how);
    }
    Ok(Reply {
        answer,
        model: facts.name.clone(),
        record,
    })
}

fn number(
    engine: &mut Engine<'_>,
    question: &Question,
    prompt: &Prompt,
    grammar: &str,
) -> Result<(Answer, Value), ModelError> {
    let most = question.sampling.max_tokens.clamp(1, NUMBER_TOKENS_MAX);
    let reply = engine.generate(prompt, grammar, most as usize)?;
    let AnswerKind::Number { scale, .. } = question.answer else {
        return Err(ModelError::Unsupported {
            kind: "other than number",
        });
    };
    // A number that the limit cut short would be another number.
    let whole = reply
        .ended
        .then(|| canonical::parse_decimal(&reply.text, scale).ok())
        .flatten();
    let answer = whole.map_or(Answer::Abstain(Reason::Unclear), Answer::Number);
    let how = json!({
        "template": template::NUMBER,
        "rendered": prompt.text(),
        "grammar": grammar,
        "response": { "text": reply.text, "ended": reply.ended },
        "usage": { "prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.tokens },
    });
    Ok((answer, how))
}

/// What llama.cpp was built for and runs on: its results depend on it.
static SYSTEM_INFO: LazyLock<String> = LazyLock::new(|| {
    // SAFETY: returns a NUL-terminated string in static memory that only a further call rewrites,
    // and the lazy value makes the only call.
    let text = unsafe { std::ffi::CStr::from_ptr(llama_cpp_sys_2::llama_print_system_info()) };
    text.to_string_lossy().trim().to_owned()
});

#[cfg(test)]
mod tests {
    #[test]
    fn the_recorded_engine_is_the_locked_one() {
        let (name, version) = super::ENGINE.split_once(' ').unwrap_or_default();
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(
            include_str!("../../../../Cargo.lock").contains(&entry),
            "update ENGINE"
        );
    }
}
