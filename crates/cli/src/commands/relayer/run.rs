//! `relayer run`: a relayer until it is told to stop.

use crate::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    log::LogFormat,
    relayer_task::{built_models, end_signal, hang_ups, reading_sources, RelayerHandle},
    reload::SettingsReload,
    servers::{listen, RelayerServers},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_relayer::{ops, Relayer};
use serde_json::json;
use std::time::Duration;

/// Interval between two checks whether the relayer still runs.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Arguments of `relayer run`.
#[derive(Args, Debug)]
pub struct RelayerRunArgs {
    /// Log as JSON lines
    #[arg(long)]
    pub log_json: bool,
    /// Continue with a lost or older store: recover own answers, from the backup copy too
    #[arg(long)]
    pub recover: bool,
    /// Forget the finalized block that was acted on last: after a node that lied, or a chain that was reset
    #[arg(long)]
    pub forget_finalized: bool,
}

impl RunSubcommand for RelayerRunArgs {
    fn service_log(&self) -> Option<LogFormat> {
        Some(LogFormat::json_if(self.log_json))
    }

    /// # Errors
    /// When the settings are wrong, or the relayer ends by itself.
    async fn run(self, context: &CommandContext) -> CommandResult {
        // Heard from the first moment: without a listener a hang-up while the model loads would end the process.
        let (stop, mut hang_ups) = (end_signal()?, hang_ups()?);
        let mut config = context.settings.relayer()?;
        config.recover = self.recover;
        config.forget_finalized = self.forget_finalized;
        // First, before anything is started: an invalid address is a mistake in the settings.
        let for_operators = context.settings.ops.address().map_err(CliError::usage)?;
        let for_operators = listen(for_operators, "ops").await?;
        let for_peers = config.peers.address().map_err(CliError::usage)?;
        let for_peers = listen(for_peers, "peers").await?;
        let models = built_models(&config.model)?;
        let (sources, rationale) = (&context.settings.sources, context.settings.rationale);
        let attachments = sources.folder.clone().unwrap_or_default();
        let provider = reading_sources(models.provider()?, sources, rationale)?;
        let mut reload = SettingsReload::new(context, models)?;
        let contract = config.contract.clone();
        let model = provider.name().to_owned();
        let relayer = Relayer::start(config, provider).await?;
        relayer.introduce(&contract, &model);
        let mut servers = RelayerServers::start(&relayer, for_operators, &attachments);
        servers.serve_peers(&relayer, for_peers);
        tracing::info!(model, contract, "started");
        ops::ready(&format!("answers with {model}"));
        let ops = relayer.ops().clone();
        let mut handle = RelayerHandle::spawn(relayer);
        tokio::pin!(stop);
        let drained = loop {
            tokio::select! {
                () = &mut stop => break false,
                Some(()) = hang_ups.recv() => {
                    ops::reloading();
                    match reload.read() {
                        Ok(settings) => handle.reloader().hand_in(settings),
                        Err(error) => ops.reload_failed(&error),
                    }
                }
                () = tokio::time::sleep(CHECK_INTERVAL) => {
                    if let Some(ended) = handle.ended().await {
                        ended?;
                        break true;
                    }
                }
            }
        };
        ops.stops();
        servers.notify_stopping().await;
        handle.stop().await;
        servers.close().await;
        context
            .out
            .result("", &json!({ "stopped": true, "drained": drained }))?;
        Ok(exit::OK)
    }
}
