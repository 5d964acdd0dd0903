//! A command that prints an API key, such as `gcloud auth print-access-token`.

use crate::secret;
use secrecy::SecretString;
use serde::Deserialize;
use std::{fmt, process::Stdio, time::Duration};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::timeout,
};

/// Longest time for the command.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A program and its arguments. It is run without a shell. Its arguments and what it prints are shown nowhere.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct KeyCommand(Vec<String>);

impl fmt::Debug for KeyCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyCommand({:?}, …)", self.program())
    }
}

impl KeyCommand {
    /// The program; empty when the settings name none.
    pub(super) fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Runs the command and reads the key, the only line that it prints.
    ///
    /// # Errors
    /// Why there is no key, with the remedy. Neither text has anything that the command printed.
    pub(super) async fn run(&self) -> Result<SecretString, String> {
        self.run_within(TIME_MAX).await
    }

    async fn run_within(&self, time_max: Duration) -> Result<SecretString, String> {
        let mut child = self.spawn()?;
        let printed = timeout(time_max, printed(&mut child)).await;
        let printed = printed.map_err(|_| {
            // Dropping the child ends it.
            let ms = time_max.as_millis();
            self.failed(&format!("printed no key within {ms} ms"))
        })?;
        let text = printed.map_err(|why| self.failed(&why))?;
        secret::from_text(&text, "what it prints")
            .map_err(|why| self.failed(&format!("ran, but {why}")))
    }

    fn spawn(&self) -> Result<Child, String> {
        let spawned = Command::new(self.program())
            .args(self.0.iter().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It may hold a secret, and nobody reads it.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        spawned.map_err(|error| self.failed(&format!("cannot be started ({})", error.kind())))
    }

    fn failed(&self, what: &str) -> String {
        format!(
            "`api_key_command` '{}' {what}: run it by hand, as the relayer's user",
            self.program().escape_default()
        )
    }
}

/// All that the command printed, once it has ended well.
async fn printed(child: &mut Child) -> Result<String, String> {
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(secret::KEY_BYTES_MAX.saturating_add(1));
        let mut read = std::pin::pin!(read);
        let read = read.read_to_end(&mut bytes).await;
        read.map_err(|error| format!("cannot be read ({})", error.kind()))?;
    }
    if u64::try_from(bytes.len()).map_or(true, |count| count > secret::KEY_BYTES_MAX) {
        return Err(format!("prints more than {} bytes", secret::KEY_BYTES_MAX));
    }
    let status = child.wait().await;
    let status = status.map_err(|error| format!("cannot be waited for ({})", error.kind()))?;
    if !status.success() {
        return Err(format!("failed ({status})"));
    }
    String::from_utf8(bytes).map_err(|_| "prints what is no text".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn command(words: &[&str]) -> KeyCommand {
        KeyCommand(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[tokio::test]
    async fn the_only_line_that_a_command_prints_is_the_key() {
        let key = command(&["echo", "sk-canary"]).run().await.unwrap();
        assert_eq!(key.expose_secret(), "sk-canary");
        // No shell reads it.
        let key = command(&["echo", "$HOME;sk-canary"]).run().await.unwrap();
        assert_eq!(key.expose_secret(), "$HOME;sk-canary");
    }

    #[tokio::test]
    async fn what_gives_no_key_is_refused_without_what_it_printed() {
        for (words, reason) in [
            (
                &["/nonexistent/canary-free", "canary"][..],
                "cannot be started",
            ),
            (
                &["sh", "-c", "echo canary; echo canary >&2; exit 3"],
                "exit status: 3",
            ),
            (
                &["sh", "-c", "echo canary; echo canary"],
                "holds no API key",
            ),
            (&["true", "canary"], "holds no API key"),
            (
                &["sh", "-c", "yes canary | head -c 9000"],
                "more than 4096 bytes",
            ),
            (&["printf", "\\377canary"], "no text"),
        ] {
            let command = command(words);
            let why = command.run().await.unwrap_err();
            assert!(why.contains(reason), "{why}");
            let shown = format!("{why}{command:?}").replace("canary-free", "");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        // Nobody writes into the pipe, so this waits for ever.
        let hangs = command(&["cat", &pipe.display().to_string()]);
        let why = hangs
            .run_within(Duration::from_millis(20))
            .await
            .unwrap_err();
        assert!(why.contains("within 20 ms"), "{why}");
    }
}
