//! The end of a process, at a place of the test's choice: a write, a send, or any question to a node.

use std::{
    future::pending,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Mutex, PoisonError,
    },
};
use tokio::sync::Notify;

/// Where a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillKind {
    /// At a write to the store.
    Write,
    /// When bytes are handed to a node.
    Send,
    /// At any question to a node.
    Await,
}

/// On which side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// A place: the kind, how many of it come before, and the side.
pub type KillPoint = (KillKind, u64, Side);

/// Counts the places that a process passes, and ends it at one of them.
#[derive(Debug, Default)]
pub struct Kill {
    passed: [AtomicU64; 3],
    at: Mutex<Option<KillPoint>>,
    dead: AtomicBool,
    died: Notify,
}

impl Kill {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<KillPoint>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from here, and ends the process at this place, if there is one.
    pub fn arm(&self, place: Option<KillPoint>) {
        for passed in &self.passed {
            passed.store(0, Ordering::Relaxed);
        }
        *self.slot() = place;
    }

    pub fn passed(&self, kind: KillKind) -> u64 {
        self.passed[kind as usize].load(Ordering::Relaxed)
    }

    pub fn is_armed(&self) -> bool {
        self.slot().is_some()
    }

    /// A new process begins.
    pub fn revive(&self) {
        self.dead.store(false, Ordering::Relaxed);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Waits for the end.
    pub async fn death(&self) {
        self.died.notified().await;
    }

    /// Passes a place, or never comes back.
    pub async fn pass(&self, kind: KillKind, side: Side) {
        if self.passes(kind, side) {
            pending::<()>().await;
        }
    }

    /// Passes a place; true when the process is dead and must not do anything any more.
    pub fn passes(&self, kind: KillKind, side: Side) -> bool {
        let counter = &self.passed[kind as usize];
        let number = match side {
            Side::Before => counter.fetch_add(1, Ordering::Relaxed),
            Side::After => counter.load(Ordering::Relaxed).saturating_sub(1),
        };
        let hit = *self.slot() == Some((kind, number, side));
        if hit {
            *self.slot() = None;
            self.dead.store(true, Ordering::Relaxed);
            self.died.notify_one();
        }
        self.is_dead()
    }
}
