//! Signs of life for systemd (`Type=notify`). Without `NOTIFY_SOCKET` all of it is silence.

use super::{service_manager::tell, Ops};
use sd_notify::NotifyState;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Feeds the service manager's watchdog while the relayer lives, and says when it stops.
pub async fn keep_notified(ops: Arc<Ops>, stop: CancellationToken) {
    match sd_notify::watchdog_enabled() {
        Some(patience) => {
            // Twice as often as is asked for, as systemd recommends.
            let every = Duration::from_millis(1).max(patience.mul_f64(0.5));
            loop {
                if ops.health().live.ok {
                    tell(&[NotifyState::Watchdog]);
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(every) => {}
                }
            }
        }
        None => stop.cancelled().await,
    }
    tell(&[NotifyState::Stopping]);
}
