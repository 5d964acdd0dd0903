//! The only module that prints. Stdout is the result and nothing else; stages, questions and errors go
//! to stderr.
#![allow(clippy::print_stdout)]

use crate::{
    exit::CliError,
    terminal::{escaped, escaped_json},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{json, Value};
use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

/// Where a subcommand prints.
#[derive(Clone)]
pub struct Output {
    json: bool,
    spinner: ProgressBar,
}

impl Output {
    /// An output that prints its result as JSON or as text.
    pub fn new(json: bool) -> Self {
        // Without a terminal on stderr the spinner hides itself.
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            spinner.set_style(style);
        }
        Self { json, spinner }
    }

    /// Prints the result: the JSON object, or the text unless it is empty.
    ///
    /// # Errors
    /// When stdout cannot be written. A reader that has closed the pipe is no error.
    pub fn result(&self, text: &str, json: &Value) -> Result<(), CliError> {
        self.spinner.finish_and_clear();
        let line = if self.json {
            escaped_json(&json.to_string())
        } else {
            escaped(text.trim_end())
        };
        if line.is_empty() {
            return Ok(());
        }
        let mut out = anstream::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(CliError::bug(format!("stdout cannot be written: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// A stage that was reached, on stderr; with `--json` as one object, so that stderr has JSON lines only.
    pub fn stage(&self, line: impl std::fmt::Display) {
        if self.json {
            self.line(escaped_json(
                &json!({ "stage": line.to_string() }).to_string(),
            ));
        } else {
            self.line(escaped(&line.to_string()));
        }
    }

    fn line(&self, line: String) {
        self.spinner.suspend(|| {
            // An unreadable stderr must not stop the command.
            let _ = writeln!(anstream::stderr(), "{line}");
        });
    }

    /// Shows on a terminal, with a spinner, what is being waited for.
    pub fn waiting(&self, message: impl Into<String>) {
        self.spinner.enable_steady_tick(Duration::from_millis(120));
        self.spinner.set_message(message.into());
    }

    /// Shows on a terminal how far something is.
    pub fn progress(&self, done: u64, of: u64, message: impl Into<String>) {
        if self.spinner.length().is_none() {
            let template = "{spinner} {bar:30} {pos}/{len} {eta} left {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.spinner.set_style(style);
            }
            self.spinner.enable_steady_tick(Duration::from_millis(120));
        }
        self.spinner.set_length(of);
        self.spinner.set_position(done);
        self.spinner.set_message(message.into());
    }

    /// Removes the spinner.
    pub fn quiet(&self) {
        self.spinner.disable_steady_tick();
        self.spinner.set_message("");
        self.spinner.finish_and_clear();
        self.spinner.reset();
    }

    /// Prints why the command ends early.
    pub fn failure(&self, failure: &CliError) {
        self.quiet();
        if self.json {
            self.line(escaped_json(&failure.to_json().to_string()));
        } else {
            self.line(escaped(&failure.to_string()));
        }
    }

    /// Asks for confirmation before something is sent. Without a terminal it is not asked for.
    ///
    /// # Errors
    /// When the user does not confirm.
    pub fn confirm(&self, question: &str) -> Result<(), CliError> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(());
        }
        self.quiet();
        let _ = write!(anstream::stderr(), "{question} [Y/n] ");
        let mut reply = String::new();
        // An unreadable terminal counts as no.
        let read = io::stdin().lock().read_line(&mut reply).unwrap_or(0);
        match reply.trim() {
            "" | "y" | "Y" | "yes" if read > 0 => Ok(()),
            _ => Err(CliError::usage("not confirmed: nothing was sent")
                .help("answer y, or skip the question with --skip-confirm")),
        }
    }
}

/// A table as text: aligned columns without lines.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
