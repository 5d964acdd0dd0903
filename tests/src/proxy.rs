//! A wire that fails: a TCP proxy between a relayer and whatever it talks to.

use std::{
    io,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        tcp::{OwnedReadHalf, OwnedWriteHalf},
        TcpListener, TcpStream,
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Bytes that are passed on at once.
const CHUNK: usize = 4_096;

/// What a proxy does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Passes everything on.
    Open,
    /// Closes every connection, and each new one at once.
    Cut,
    /// Takes connections and bytes and passes nothing on, until it is another wire.
    Held,
    /// Passes everything on, slowly.
    Slow {
        /// Time that each piece of at most 4 KiB takes on top.
        latency: Duration,
        /// Most bytes a second, in each direction of a connection.
        bytes_a_second: u32,
    },
}

/// What a proxy has done.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    cut: AtomicU64,
    bytes: AtomicU64,
}

/// The wire as connections see it.
#[derive(Clone, Copy, Debug)]
struct State {
    wire: Wire,
    /// Connections with lower numbers are dead, and nobody has told their ends.
    first_alive: u64,
}

/// A running proxy. Dropping it closes all of its connections.
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to a server of this machine, open at first. `target` is an address, or a URL of it.
    ///
    /// # Panics
    /// When it can't listen.
    pub async fn to(target: &str) -> Self {
        let target = target.rsplit('/').next().unwrap_or(target).to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            wire: Wire::Open,
            first_alive: 0,
        };
        let (state, seen) = watch::channel(state);
        let counts = Arc::new(Counts::default());
        let accepting = tokio::spawn(accept(listener, target, seen, counts.clone()));
        Self {
            port,
            state,
            counts,
            accepting,
        }
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its address for what speaks over WebSockets.
    pub fn ws(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// Makes it another wire, for the connections that there are as well.
    pub fn set(&self, wire: Wire) {
        self.state.send_modify(|state| state.wire = wire);
    }

    /// Leaves every connection half open: its ends hear nothing any more, not even that it is gone.
    /// New ones work.
    pub fn leave_half_open(&self) {
        let next = self.counts.made.load(Ordering::Relaxed);
        self.state.send_modify(|state| state.first_alive = next);
    }

    /// Connections that were made through it.
    pub fn connections(&self) -> u64 {
        self.counts.made.load(Ordering::Relaxed)
    }

    /// Connections that it has closed.
    pub fn cuts(&self) -> u64 {
        self.counts.cut.load(Ordering::Relaxed)
    }

    /// Bytes that it has passed on, in both directions.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    seen: watch::Receiver<State>,
    counts: Arc<Counts>,
) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let number = counts.made.fetch_add(1, Ordering::Relaxed);
        if seen.borrow().wire == Wire::Cut {
            counts.cut.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let (target, seen, counts) = (target.clone(), seen.clone(), counts.clone());
        connections.spawn(async move {
            // An end that closes is none of the proxy's errors.
            let _ = converse(near, &target, number, seen, &counts).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(
    near: TcpStream,
    target: &str,
    number: u64,
    seen: watch::Receiver<State>,
    counts: &Counts,
) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let mut cut = seen.clone();
    tokio::select! {
        done = pump(near_in, far_out, number, seen.clone(), counts) => done,
        done = pump(far_in, near_out, number, seen, counts) => done,
        _ = cut.wait_for(|state| state.wire == Wire::Cut && state.first_alive <= number) => {
            counts.cut.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }
}

/// Passes one direction on until its source ends.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    mut seen: watch::Receiver<State>,
    counts: &Counts,
) -> io::Result<()> {
    let mut chunk = [0; CHUNK];
    loop {
        let length = from.read(&mut chunk).await?;
        // Also before the end is passed on: a held wire hides it.
        let Some(wire) = passable(number, &mut seen).await else {
            return Ok(());
        };
        if length == 0 {
            return Ok(());
        }
        if let Wire::Slow {
            latency,
            bytes_a_second,
        } = wire
        {
            let seconds = length as f64 / f64::from(bytes_a_second.max(1));
            tokio::time::sleep(latency + Duration::from_secs_f64(seconds)).await;
        }
        to.write_all(&chunk[..length]).await?;
        counts.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
}

/// Waits for a wire that passes bytes on; for ever on a dead connection.
async fn passable(number: u64, seen: &mut watch::Receiver<State>) -> Option<Wire> {
    let open = |state: &State| {
        state.first_alive <= number && matches!(state.wire, Wire::Open | Wire::Slow { .. })
    };
    seen.wait_for(open).await.ok().map(|state| state.wire)
}
