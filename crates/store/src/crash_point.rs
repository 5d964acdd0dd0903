//! Crash points: places right after a durable write or a send where a test can kill the process.
//!
//! The names are part of the test interface. [`reach`] does something only with the feature
//! `crash-points`, which the end-to-end tests turn on, and then only if two environment variables are
//! set. Without the feature it is empty and reads no variable.

/// Environment variable that names the crash point at which the process dies, see [`CRASH_POINTS`].
#[cfg(feature = "crash-points")]
pub const CRASH_AT: &str = "LLM_ORACLE_CRASH_AT";
/// Must be 1 for [`CRASH_AT`] to have any effect.
#[cfg(feature = "crash-points")]
const ALLOW: &str = "LLM_ORACLE_ALLOW_SCRIPTED";

/// Every crash point, in the order in which a request meets them.
pub const CRASH_POINTS: [&str; 13] = [
    ANSWER_MADE,
    ANSWER_RECORDED,
    COMMIT_SIGNED,
    COMMIT_SENT,
    COMMIT_MARKED,
    COMMIT_FINAL,
    REVEAL_SIGNED,
    REVEAL_SENT,
    REVEAL_MARKED,
    REVEAL_FINAL,
    DELIVER_SIGNED,
    DELIVER_SENT,
    DELIVER_FINAL,
];

/// The model has answered, nothing is stored.
pub const ANSWER_MADE: &str = "answer_made";
/// The answer and its evidence are stored.
pub const ANSWER_RECORDED: &str = "answer_recorded";
/// The signed commit is stored, not sent.
pub const COMMIT_SIGNED: &str = "commit_signed";
/// The node has the commit, the store does not know it yet.
pub const COMMIT_SENT: &str = "commit_sent";
/// The store knows that the commit was sent.
pub const COMMIT_MARKED: &str = "commit_marked";
/// The commit was found at a finalized block and the store knows it.
pub const COMMIT_FINAL: &str = "commit_final";
/// The signed reveal is stored, not sent.
pub const REVEAL_SIGNED: &str = "reveal_signed";
/// The node has the reveal, the store does not know it yet.
pub const REVEAL_SENT: &str = "reveal_sent";
/// The store knows that the reveal was sent.
pub const REVEAL_MARKED: &str = "reveal_marked";
/// The reveal was found at a finalized block and the store knows it.
pub const REVEAL_FINAL: &str = "reveal_final";
/// The signed delivery is stored, not sent.
pub const DELIVER_SIGNED: &str = "deliver_signed";
/// The node has the delivery, the store does not know it yet.
pub const DELIVER_SENT: &str = "deliver_sent";
/// The delivery was found at a finalized block and the store knows it.
pub const DELIVER_FINAL: &str = "deliver_final";

/// Does nothing: this build has no crash points.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn reach(_point: &str) {}

/// Kills this process without any clean-up if a test asked for it at this point.
#[cfg(feature = "crash-points")]
pub fn reach(point: &str) {
    if std::env::var(ALLOW).as_deref() != Ok("1") {
        return;
    }
    if std::env::var(CRASH_AT).as_deref() == Ok(point) {
        die();
    }
}

/// Sends SIGKILL to this process, which cannot be caught; aborts where there is no shell.
#[cfg(feature = "crash-points")]
fn die() -> ! {
    let script = "kill -9 $PPID";
    if let Ok(mut shell) = std::process::Command::new("/bin/sh")
        .args(["-c", script])
        .spawn()
    {
        let _ = shell.wait();
    }
    std::process::abort()
}
