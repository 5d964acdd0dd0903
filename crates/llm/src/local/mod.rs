//! A GGUF model in this process: no key, no network.
//!
//! The model lives on a thread of its own behind a bounded queue, because its cache borrows it and
//! decoding blocks. One instance serves all operators of the process.
//!
//! Closed answer sets are scored, not generated: one run over the prompt, then the likelihood of
//! each label, less its likelihood after content-free input. Numbers are decoded greedily under a
//! grammar, JSON under one made from its schema, and texts are one line. Sampling settings therefore do
//! not matter, but for the limit on tokens.

mod constrain;
mod decide;
mod engine;
mod examples;
mod gguf;
mod template;
mod worker;

use super::{
    abstain_unanswerable, answer_type, record_of, refuse_unserved, reply::ParsedReply, ModelError,
    ModelQuestion, Provider, ProviderReply,
};
use async_trait::async_trait;
use engine::{Engine, Rules};
use llama_cpp_2::{
    llama_backend::LlamaBackend,
    model::{params::LlamaModelParams, LlamaModel},
    LogOptions,
};
use llm_oracle_primitives::{Answer, Reason};
use serde_json::{json, Value};
use std::{
    path::{Path, PathBuf},
    sync::{mpsc as std_mpsc, LazyLock},
};
use tokio::sync::mpsc;
use worker::{put, stopped, work, CancelFlag, ModelFault, ModelJob, ModelWorker};

/// The engine's version, as the lock file has it.
const ENGINE: &str = "llama-cpp-2 0.1.160";
/// Questions that wait for the model; further callers wait to get in.
const QUEUE_QUESTIONS_MAX: usize = 64;

static BACKEND: LazyLock<Result<LlamaBackend, String>> = LazyLock::new(|| {
    llama_cpp_2::send_logs_to_tracing(LogOptions::default());
    LlamaBackend::init().map_err(|error| error.to_string())
});

/// The loaded model's front: a name and the way into its queue.
pub(super) struct LocalModel {
    name: String,
    jobs: mpsc::Sender<ModelJob>,
    fault: ModelFault,
}

/// What every record says about the model.
struct Facts {
    name: String,
    path: PathBuf,
    sha256: String,
    threads: u16,
}

impl LocalModel {
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
        let fault = ModelFault::default();
        let known = fault.clone();
        std::thread::Builder::new()
            .name("llm".to_owned())
            .spawn(move || serve(&facts, queue, (&ready, &known)))
            .map_err(|error| ModelError::Engine(format!("no thread for the model ({error})")))?;
        loaded.recv().map_err(|_| stopped())??;
        Ok(Self { name, jobs, fault })
    }
}

#[async_trait]
impl Provider for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        refuse_unserved(self, &question.model)?;
        if let Some(reply) = abstain_unanswerable(self, "local", question) {
            return Ok(reply);
        }
        put(&self.jobs, question).await
    }

    fn fault(&self) -> Option<String> {
        match self.jobs.is_closed() {
            true => Some(stopped().to_string()),
            false => self.fault.get(),
        }
    }
}

/// Digest of a file that begins like a model's.
#[cfg(test)]
pub(super) fn read_head(path: &Path) -> Result<String, ModelError> {
    gguf::check(path)
}

/// The thread: loads, says so, answers until every front is dropped.
fn serve(
    facts: &Facts,
    mut queue: mpsc::Receiver<ModelJob>,
    (ready, fault): (&std_mpsc::Sender<Result<(), ModelError>>, &ModelFault),
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
    let engine = match Engine::new(backend, &model, facts.threads) {
        Ok(engine) => engine,
        Err(_) => return say(refused("no memory for its context")),
    };
    say(Ok(()));
    let mut worker = LocalWorker {
        facts,
        backend,
        model: &model,
        engine,
    };
    work(&mut queue, &mut worker, fault);
}

/// The model on its thread.
struct LocalWorker<'model> {
    facts: &'model Facts,
    backend: &'model LlamaBackend,
    model: &'model LlamaModel,
    engine: Engine<'model>,
}

impl ModelWorker for LocalWorker<'_> {
    fn name(&self) -> &str {
        &self.facts.name
    }

    fn answer(
        &mut self,
        question: &ModelQuestion,
        cancel: &CancelFlag,
    ) -> Result<ProviderReply, ModelError> {
        self.engine.set_cancel(cancel.clone());
        answer(&mut self.engine, self.facts, question)
    }

    fn renew(&mut self) -> Result<(), ModelError> {
        self.engine = Engine::new(self.backend, self.model, self.facts.threads)?;
        Ok(())
    }
}

fn answer(
    engine: &mut Engine<'_>,
    facts: &Facts,
    question: &ModelQuestion,
) -> Result<ProviderReply, ModelError> {
    let started = llm_oracle_support::clock::Instant::now();
    let (answer, confidence, how) = match template::render(question)? {
        template::PromptForm::Closed(closed) => decide::closed(engine, question, &closed)?,
        template::PromptForm::Decoded(asked) => {
            let (answer, how) = decoded(engine, question, &asked)?;
            (answer, 0, how)
        }
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
    Ok(ProviderReply {
        answer,
        confidence,
        model: facts.name.clone(),
        record,
    })
}

/// Decodes and reads.
fn decoded(
    engine: &mut Engine<'_>,
    question: &ModelQuestion,
    asked: &template::DecodedPrompt,
) -> Result<(Answer, Value), ModelError> {
    let most = question.sampling.max_tokens.clamp(1, asked.tokens_max);
    let reply = engine.generate(&asked.prompt, &asked.rules, most as usize)?;
    // What the limit cut short would be another number, another text.
    let parsed = match reply.ended {
        true => answer_type::read(&question.answer, &reply.text)?,
        false => ParsedReply::Malformed(None),
    };
    let (answer, fault) = match parsed {
        ParsedReply::Answer(answer) => (answer, None),
        ParsedReply::Malformed(fault) => (Answer::Abstain(Reason::Unclear), fault),
    };
    let mut how = json!({
        "template": asked.template,
        "rendered": asked.prompt.text(),
        "response": { "text": reply.text, "ended": reply.ended, "fault": fault },
        "usage": { "prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.tokens },
    });
    let grammar = match &asked.rules {
        Rules::Grammar(grammar) => json!(grammar),
        Rules::Line => Value::Null,
        Rules::Json(_) => json!({ "name": constrain::ENGINE, "by_schema": reply.by_schema }),
    };
    if let (Value::Object(how), false) = (&mut how, grammar.is_null()) {
        how.insert("grammar".to_owned(), grammar);
    }
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
        for engine in [super::ENGINE, super::constrain::ENGINE] {
            let (name, version) = engine.split_once(' ').unwrap_or_default();
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            let lock = include_str!("../../../../Cargo.lock");
            assert!(
                lock.contains(&entry),
                "update the ENGINE that says {engine}"
            );
        }
    }
}
