//! A process of its own for each document.
//!
//! Parsers of documents overflow their stack, run for minutes or take all memory on the right input, and no
//! thread survives that. So the program starts itself once more for each document, with limits on time and
//! memory, without environment, and reads the text from its stdout. See decision 0049.

use crate::extract::{extract, ExtractedText, Unreadable, TEXT_BYTES_MAX};
use rustix::process::{setrlimit, Resource, Rlimit};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    sync::Semaphore,
};

/// Documents that are read at the same time.
const AT_ONCE: usize = 2;
/// Largest document, bytes: that of the largest source, and room for a test to go over it.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Largest reply: a text in which each byte is escaped as six, and its frame.
const REPLY_BYTES_MAX: u64 = 6 * TEXT_BYTES_MAX as u64 + 4096;
/// The argument of a program that is started to read a document.
pub const ARGUMENT: &str = "read-document";

/// What reading one document may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderLimits {
    /// Time on the processor, seconds.
    pub cpu_seconds: u64,
    /// Memory, bytes of address space.
    pub memory_bytes: u64,
    /// Time, however busy the machine is, seconds.
    pub wall_seconds: u64,
}

impl Default for ReaderLimits {
    fn default() -> Self {
        Self {
            cpu_seconds: 10,
            memory_bytes: 512 * 1024 * 1024,
            wall_seconds: 60,
        }
    }
}

/// A document was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The document's fault.
    #[error(transparent)]
    Document(#[from] Unreadable),
    /// Reading it took longer than is allowed: another machine, or this one later, may be quicker.
    #[error("{0}")]
    TooSlow(String),
    /// This machine's fault.
    #[error("the reader's process can't be used: {0}")]
    Process(#[from] io::Error),
}

/// Starts a process for each document.
#[derive(Debug)]
pub struct DocumentReader {
    program: PathBuf,
    arguments: Vec<OsString>,
    limits: ReaderLimits,
    slots: Semaphore,
}

/// What stands before a document's bytes.
#[derive(Serialize, Deserialize)]
struct ReadTask {
    media: String,
    limits: ReaderLimits,
}

impl DocumentReader {
    /// A reader that starts `program`, which calls [`serve`].
    pub fn new(program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            limits: ReaderLimits::default(),
            slots: Semaphore::new(AT_ONCE),
        }
    }

    /// A reader that starts this program once more, as `llm-oracle read-document`.
    pub fn of_this_program() -> Self {
        // The program that runs, though its file may have been replaced since.
        Self::new("/proc/self/exe", &[ARGUMENT])
    }

    /// The same reader with other limits.
    pub fn with_limits(self, limits: ReaderLimits) -> Self {
        Self { limits, ..self }
    }

    /// The text of a document.
    ///
    /// # Errors
    /// When the document can't be read within the limits, or no process can be started.
    pub async fn read(&self, bytes: &[u8], media: &str) -> Result<ExtractedText, ReaderError> {
        let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
        let mut child = self.start()?;
        let head = ReadTask {
            media: media.to_owned(),
            limits: self.limits,
        };
        let seconds = self.limits.wall_seconds;
        let talk = talk(&mut child, bytes, &head);
        let Ok(told) = tokio::time::timeout(Duration::from_secs(seconds), talk).await else {
            // Dropped, it is killed.
            let why = format!("reading it takes more than {seconds} s");
            return Err(ReaderError::TooSlow(why));
        };
        let (reply, status) = told?;
        if !status.success() {
            return Err(died(status, &self.limits));
        }
        let reply: Result<ExtractedText, Unreadable> =
            serde_json::from_slice(&reply).map_err(io::Error::from)?;
        Ok(reply?)
    }

    fn start(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            // Threads have no part in the work, and each reserves address space.
            .env("RAYON_NUM_THREADS", "1")
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Sends a document and takes the reply, and the end of the process.
async fn talk(
    child: &mut Child,
    bytes: &[u8],
    head: &ReadTask,
) -> io::Result<(Vec<u8>, ExitStatus)> {
    let piped = || io::Error::other("no pipe");
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (mut stdin, stdout) = (stdin.ok_or_else(piped)?, stdout.ok_or_else(piped)?);
    let mut head = serde_json::to_vec(head)?;
    head.push(b'\n');
    let send = async move {
        // It may end before it has read everything: then its status says more.
        let _ = stdin.write_all(&head).await;
        let _ = stdin.write_all(bytes).await;
    };
    let mut reply = Vec::new();
    let mut bounded = stdout.take(REPLY_BYTES_MAX);
    let receive = bounded.read_to_end(&mut reply);
    let ((), received) = tokio::join!(send, receive);
    received?;
    Ok((reply, child.wait().await?))
}

/// Why the process ended without a reply.
fn died(status: ExitStatus, limits: &ReaderLimits) -> ReaderError {
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    let why = match status.signal() {
        Some(SIGXCPU | SIGKILL) => {
            let seconds = limits.cpu_seconds;
            let why = format!("reading it takes more than {seconds} s of processor time");
            return ReaderError::TooSlow(why);
        }
        Some(_) => format!(
            "reading it takes more than {} MiB of memory or stack",
            limits.memory_bytes / 1024 / 1024
        ),
        None => "its reader fails on it: it is broken".to_owned(),
    };
    Unreadable(why).into()
}

/// The reader's process: limits itself, reads a document from stdin, and writes its text to stdout.
pub fn serve() -> ExitCode {
    match served() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn served() -> io::Result<()> {
    let mut stdout = File::from(rustix::io::dup(io::stdout())?);
    // Parsers print to it.
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    let mut input = Vec::new();
    let mut stdin = io::stdin().lock().take(INPUT_BYTES_MAX);
    stdin.read_to_end(&mut input)?;
    let end = input.iter().position(|byte| *byte == b'\n');
    let (head, bytes) = end
        .and_then(|end| input.split_at_checked(end))
        .ok_or_else(|| io::Error::other("no head"))?;
    let head: ReadTask = serde_json::from_slice(head)?;
    limit(Resource::Cpu, head.limits.cpu_seconds)?;
    limit(Resource::As, head.limits.memory_bytes)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    let reply = extract(bytes.get(1..).unwrap_or_default(), &head.media);
    stdout.write_all(&serde_json::to_vec(&reply)?)?;
    stdout.flush()
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_the_process_is_a_reason() {
        let limits = ReaderLimits::default();
        for (status, word) in [
            (24, "10 s of processor time"),
            (9, "10 s of processor time"),
            (6, "512 MiB of memory"),
            (11, "stack"),
            (101 << 8, "broken"),
        ] {
            let why = died(ExitStatus::from_raw(status), &limits).to_string();
            assert!(why.contains(word), "{status}: {why}");
        }
    }
}
