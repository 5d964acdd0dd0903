//! A proxy in front of PostgreSQL that cuts connections at chosen messages.

use std::{
    io,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex, PoisonError,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        tcp::{OwnedReadHalf, OwnedWriteHalf},
        TcpListener, TcpStream,
    },
    runtime::Runtime,
};

/// Where a connection is cut at a message of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server never gets it.
    Before,
    /// The server gets it, and the connection is gone at once.
    Midway,
    /// The server has answered it, and the client never hears. What gets no answer of its own is cut
    /// midway.
    After,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::Midway, Self::After];
}

/// Which message of the client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The next COMMIT.
    Commit,
    /// The one with this number, counted from 0 since the order was given.
    Message(u64),
}

#[derive(Debug, Default)]
struct Orders {
    next: Mutex<Option<(At, Side)>>,
    messages: AtomicU64,
    cuts: AtomicU64,
}

/// A running proxy. Dropping it closes all its connections.
pub struct Proxy {
    port: u16,
    orders: Arc<Orders>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// A proxy to a port of this machine.
    ///
    /// # Panics
    /// When it can't listen.
    pub fn to(port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let own_port = socket.local_addr().unwrap().port();
        let orders = Arc::<Orders>::default();
        let given = orders.clone();
        runtime.spawn(async move {
            let socket = TcpListener::from_std(socket).unwrap();
            while let Ok((client, _)) = socket.accept().await {
                let orders = given.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                        carry(client, server, orders).await;
                    }
                });
            }
        });
        Self {
            port: own_port,
            orders,
            runtime: Some(runtime),
        }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts one connection at a message.
    pub fn cut(&self, at: At, side: Side) {
        self.orders.messages.store(0, Ordering::Relaxed);
        *self.orders.next() = Some((at, side));
    }

    /// Takes an order back that has not been met, and says whether there was one.
    pub fn forget(&self) -> bool {
        self.orders.next().take().is_some()
    }

    /// Connections that were cut.
    pub fn cuts(&self) -> u64 {
        self.orders.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Orders {
    fn next(&self) -> std::sync::MutexGuard<'_, Option<(At, Side)>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this message is the one, and where to cut then. An order is met once.
    fn meets(&self, message: &[u8]) -> Option<Side> {
        if message.first() == Some(&b'X') {
            // Good-bye: it may come late, from a connection before the one that is meant.
            return None;
        }
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let mut next = self.next();
        let (at, side) = (*next)?;
        let met = match at {
            At::Commit => message.first() == Some(&b'Q') && message[5..] == *b"COMMIT\0",
            At::Message(wanted) => number == wanted,
        };
        if !met {
            return None;
        }
        *next = None;
        self.cuts.fetch_add(1, Ordering::Relaxed);
        Some(side)
    }
}

/// Carries messages both ways until either side ends or the connection is to be cut.
async fn carry(client: TcpStream, server: TcpStream, orders: Arc<Orders>) {
    // Messages go out one by one: none of them waits for company.
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    let side = tokio::select! {
        side = forward(from_client, to_server, &orders) => side,
        _ = back => return,
    };
    if let Ok(Some((Side::After, mut to_server))) = side {
        // The copy above has ended with the select, so whatever comes now is seen by nobody.
        let mut answer = [0; 1];
        let _ = from_server.read(&mut answer).await;
        let _ = to_server.shutdown().await;
    }
    // Both halves are dropped: both sides see the end.
}

/// Hands the client's messages on. Gives where it was cut, with the server's half still open.
async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    orders: &Orders,
) -> io::Result<Option<(Side, OwnedWriteHalf)>> {
    // The first message has no letter before its length.
    let mut head = 4;
    loop {
        let mut message = vec![0; head];
        client.read_exact(&mut message).await?;
        let length: [u8; 4] = message[head - 4..].try_into().unwrap();
        let rest = usize::try_from(u32::from_be_bytes(length)).unwrap() - 4;
        message.resize(head + rest, 0);
        client.read_exact(&mut message[head..]).await?;
        let answered = head == 4 || matches!(message[0], b'Q' | b'S' | b'p');
        head = 5;
        match orders.meets(&message) {
            Some(Side::Before) => return Ok(Some((Side::Before, server))),
            Some(side) => {
                server.write_all(&message).await?;
                server.flush().await?;
                let side = if answered { side } else { Side::Midway };
                return Ok(Some((side, server)));
            }
            None => server.write_all(&message).await?,
        }
    }
}
