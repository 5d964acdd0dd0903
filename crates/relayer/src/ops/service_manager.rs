//! What is said to systemd (`Type=notify`). Without `NOTIFY_SOCKET` all of it is silence.

use sd_notify::NotifyState;

/// Says these things.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        // The service manager will see for itself that nothing comes.
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// Says that everything has been checked and the work begins.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the settings are being read again. [`ready`] ends that.
pub fn reloading() {
    let now = NotifyState::monotonic_usec_now().ok();
    let states = [NotifyState::Reloading].into_iter().chain(now);
    tell(&states.collect::<Vec<_>>());
}
