//! What leaves a process: a model server and a way to the node, both of which keep every byte.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        tcp::{OwnedReadHalf, OwnedWriteHalf},
        TcpListener, TcpStream,
    },
    task::JoinHandle,
};

/// Bytes of each connection, from those who connected.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

/// A listener on a free port that keeps what it hears. Dropping it stops it.
pub struct Recorder {
    /// Host and port.
    pub address: String,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recorder {
    /// A model server that gives these answers (status and body) in turn, the last one for ever.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn model(answers: Vec<(u16, String)>) -> Self {
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        Self::listen(move |stream, seen| {
            let answers = answers.clone();
            async move { answer(stream, seen, &answers).await }
        })
        .await
    }

    /// A way to `target` that keeps what is sent there.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn way_to(target: String) -> Self {
        Self::listen(move |stream, seen| {
            let target = target.clone();
            async move {
                let (from, to) = stream.into_split();
                let (back, there) = TcpStream::connect(target).await.ok()?.into_split();
                let returning = tokio::spawn(copy(back, to, None));
                copy(from, there, Some(seen)).await;
                returning.abort();
                Some(())
            }
        })
        .await
    }

    async fn listen<F, T>(serve: F) -> Self
    where
        F: Fn(TcpStream, Seen) -> T + Send + Sync + 'static,
        T: std::future::Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Seen::default();
        let kept = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone()));
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    /// What has come in so far, by connection.
    ///
    /// # Panics
    /// Never.
    pub fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

/// One request and one answer.
async fn answer(
    mut stream: TcpStream,
    seen: Seen,
    answers: &Mutex<VecDeque<(u16, String)>>,
) -> Option<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 8192];
    while !is_whole(&request) {
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
    }
    seen.lock().unwrap().push(request);
    let (status, body) = {
        let mut answers = answers.lock().unwrap();
        match answers.len() {
            0 | 1 => answers.front().cloned()?,
            _ => answers.pop_front()?,
        }
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    body.len() >= length
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Option<Seen>) {
    let place = seen.as_ref().map(|seen| {
        let mut seen = seen.lock().unwrap();
        seen.push(Vec::new());
        seen.len() - 1
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if let (Some(seen), Some(place)) = (&seen, place) {
            seen.lock().unwrap()[place].extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

/// The messages in what a WebSocket client sent, its handshake first. Clients mask what they send.
pub fn unmasked(sent: &[u8]) -> Vec<u8> {
    const END: &[u8] = b"\r\n\r\n";
    let head = sent.windows(4).position(|part| part == END);
    let mut rest = sent.split_at(head.map_or(sent.len(), |at| at + 4));
    let mut plain = rest.0.to_vec();
    while let Some((payload, next)) = frame(rest.1) {
        plain.extend(payload);
        plain.push(b'\n');
        rest.1 = next;
    }
    plain
}

fn frame(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (length, after) = match *bytes.get(1)? & 0x7f {
        126 => (
            u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(),
            4,
        ),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (usize::try_from(length).ok()?, 10)
        }
        short => (usize::from(short), 2),
    };
    let mask = bytes.get(after..after + 4)?;
    let payload = bytes.get(after + 4..after + 4 + length)?;
    let plain = payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
    Some((plain.collect(), &bytes[after + 4 + length..]))
}
