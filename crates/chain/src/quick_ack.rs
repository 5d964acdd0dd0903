//! A WebSocket to a node that acknowledges at once what it receives (`TCP_QUICKACK`).
//!
//! The RPC servers of Substrate nodes leave Nagle's algorithm on: they hold an answer back until the
//! data before it has been acknowledged, and Linux delays acknowledgements by 40 ms when it has nothing
//! to send. Of two answers that are requested at the same time, the second would take that long. A quick
//! acknowledgement avoids the delay with any node.

use jsonrpsee::{
    client_transport::ws::{Url, WsTransportClientBuilder},
    core::client::Client,
};
use std::{
    io,
    pin::Pin,
    task::{ready, Context, Poll},
};
use subxt::rpcs::client::jsonrpsee_client;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Notifications of one subscription that are buffered.
const NOTIFICATIONS_MAX: usize = 4_096;

/// Connects to a node's WebSocket. The error text may hold the URL.
pub(super) async fn connect(url: &str) -> Result<Client, String> {
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    let address = match (parsed.scheme(), parsed.host_str()) {
        ("ws", Some(host)) => Some((host.trim_matches(['[', ']']).to_owned(), parsed.port())),
        // With TLS in between, over a network that takes longer than that delay.
        _ => None,
    };
    let Some((host, port)) = address else {
        let connecting = jsonrpsee_client(url).await;
        return connecting.map_err(|error| error.to_string());
    };
    let stream = TcpStream::connect((host, port.unwrap_or(80))).await;
    let stream = stream.map_err(|error| error.to_string())?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    let transport =
        WsTransportClientBuilder::default().build_with_stream(parsed, QuickAckStream(stream));
    let (sender, receiver) = transport.await.map_err(|error| error.to_string())?;
    Ok(Client::builder()
        .max_buffer_capacity_per_subscription(NOTIFICATIONS_MAX)
        .build_with_tokio(sender, receiver))
}

/// A TCP stream that acknowledges received data at once.
struct QuickAckStream(TcpStream);

impl QuickAckStream {
    /// The system resets the option when data is sent or received, so it is set each time.
    fn acknowledge(&self) {
        // Without the option answers only come later.
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.0, true);
    }
}

impl AsyncRead for QuickAckStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(context, buffer));
        self.acknowledge();
        Poll::Ready(read)
    }
}

impl AsyncWrite for QuickAckStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.0).poll_write(context, bytes));
        self.acknowledge();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
