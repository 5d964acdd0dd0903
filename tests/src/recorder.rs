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

/// The messages in what a WebSocket client sent, a line each, below its handshake. Clients mask what
/// they send (RFC 6455, 5.3), so without this a search of it finds nothing.
pub fn unmasked(sent: &[u8]) -> Vec<u8> {
    const END: &[u8] = b"\r\n\r\n";
    let head = sent.windows(END.len()).position(|part| part == END);
    let (head, mut rest) = sent.split_at(head.map_or(sent.len(), |at| at + END.len()));
    let mut plain = head.to_vec();
    while let Some(frame) = Frame::first(rest) {
        plain.extend(frame.payload);
        if frame.is_last {
            plain.push(b'\n');
        }
        rest = frame.rest;
    }
    plain
}

/// One frame of a client, unmasked.
struct Frame<'a> {
    /// Whether its message ends with it.
    is_last: bool,
    payload: Vec<u8>,
    /// What follows it.
    rest: &'a [u8],
}

impl<'a> Frame<'a> {
    /// `None` while it is not whole.
    fn first(bytes: &'a [u8]) -> Option<Self> {
        const FINAL: u8 = 0x80;
        const LENGTH: u8 = 0x7f;
        let (length, mask_at) = match *bytes.get(1)? & LENGTH {
            126 => {
                let length = bytes.get(2..4)?.try_into().ok()?;
                (u16::from_be_bytes(length).into(), 4)
            }
            127 => {
                let length = bytes.get(2..10)?.try_into().ok()?;
                (usize::try_from(u64::from_be_bytes(length)).ok()?, 10)
            }
            short => (usize::from(short), 2),
        };
        let (mask, masked) = bytes.get(mask_at..)?.split_at_checked(4)?;
        let (masked, rest) = masked.split_at_checked(length)?;
        let plain = masked.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        Some(Self {
            is_last: bytes[0] & FINAL != 0,
            payload: plain.collect(),
            rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::unmasked;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn masked(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
        let masked = payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b);
        let mut frame = [&[first], length, &MASK].concat();
        frame.extend(masked);
        frame
    }

    #[test]
    fn the_example_of_the_standard_is_read() {
        let frame = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let plain = unmasked(&[HEAD, &frame].concat());
        assert_eq!(plain, [HEAD, b"Hello\n"].concat());
    }

    #[test]
    fn long_frames_and_messages_in_pieces_are_read_as_far_as_they_go() {
        let (middle, long) = ([b'm'; 300], vec![b'l'; 70_000]);
        let sent = [
            HEAD.to_vec(),
            masked(0x01, &[0x83], b"one"),
            masked(0x80, &[0x84], b" two"),
            masked(0x81, &[0xfe, 0x01, 0x2c], &middle),
            masked(
                0x81,
                &[&[0xff], &70_000_u64.to_be_bytes()[..]].concat(),
                &long,
            ),
            vec![0x81, 0x85, 0x37],
        ];
        let wanted = [HEAD, b"one two\n", &middle, b"\n", &long, b"\n"];
        assert_eq!(unmasked(&sent.concat()), wanted.concat());
    }
}
