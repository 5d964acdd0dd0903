//! Reading the settings again while a relayer runs.

use crate::{
    account::AccountInput,
    config::{self, change_effect, ChangeEffect, Overrides, Settings},
    context::CommandContext,
    exit::CliError,
    log::LogControl,
    relayer_task::reading_sources,
};
use llm_oracle_llm::BuiltModels;
use llm_oracle_relayer::{LiveSettings, ReloadReport};
use llm_oracle_store::now_ms;
use std::path::PathBuf;

/// The settings that a running relayer has, and where they come from.
pub struct SettingsReload {
    file: Option<PathBuf>,
    flags: Overrides,
    log: LogControl,
    /// Those of the start: what only a restart takes over is compared with them.
    started_with: Settings,
    current: Settings,
    models: BuiltModels,
}

impl SettingsReload {
    /// Starts from the settings that the relayer is started with.
    ///
    /// # Errors
    /// When they can't be read a second time.
    pub fn new(context: &CommandContext, models: BuiltModels) -> Result<Self, CliError> {
        let read = || config::load(context.file.as_deref(), &context.flags);
        Ok(Self {
            file: context.file.clone(),
            flags: context.flags.clone(),
            log: context.log.clone(),
            started_with: read()?,
            current: read()?,
            models,
        })
    }

    /// Reads the settings again. Nothing has changed when one of them is wrong.
    ///
    /// # Errors
    /// What is wrong with the file, a value in it, or a key that it names.
    pub fn read(&mut self) -> Result<LiveSettings, CliError> {
        let fresh = config::load(self.file.as_deref(), &self.flags)?;
        let config = fresh.relayer()?;
        // What takes a restart is checked as well: better now than at the restart.
        let _: AccountInput = fresh.contract()?.parse().map_err(CliError::usage)?;
        fresh.ops.address().map_err(CliError::usage)?;
        fresh.peers.address().map_err(CliError::usage)?;
        let is_same_local = fresh.model.has_same_local(self.models.models());
        let wanted = match is_same_local {
            true => &fresh.model,
            false => self.models.models(),
        };
        let models = self.models.rebuild(wanted)?;
        let mut sources = fresh.sources.clone();
        if !fresh.is_set("sources.folder") {
            // In the store that is in use, which only a restart changes.
            sources.folder = None;
            sources.hold_in(&self.started_with.store);
        }
        let provider = reading_sources(models.provider()?, &sources, fresh.rationale)?;
        let is_live = |key: &String| change_effect(key, is_same_local) == ChangeEffect::Live;
        let is_live = |key: &String| is_live(key) && (key != "log" || self.log.follows_settings());
        let mut report = ReloadReport {
            at_ms: now_ms(),
            applied: self.current.changed_keys(&fresh)?,
            needs_restart: self.started_with.changed_keys(&fresh)?,
            error: None,
        };
        report.applied.retain(is_live);
        report.needs_restart.retain(|key| {
            !is_live(key) && change_effect(key, is_same_local) != ChangeEffect::Nothing
        });
        let live = LiveSettings::new(&config, provider, report)?;
        self.log.follow(fresh.log.as_deref());
        self.models = models;
        self.current = fresh;
        Ok(live)
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
