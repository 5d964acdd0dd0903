//! The client of the signing daemon, which runs on the same machine as the same user.

use crate::{
    verifies,
    wire::{self, SignRequest, SignResponse},
    AnswerToSign, CallToSign, PeerMessageToSign, RegistrationToSign, SeatToSign, Signer,
    SignerError,
};
use llm_oracle_primitives::{AccountId, Signature};
use llm_oracle_support::{address::ss58, blocking::blocking};
use rustix::{
    io::Errno,
    net::{self, sockopt, SocketAddrUnix},
};
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Longest wait for a signature. It includes the connection and the daemon's write to disk.
pub const SIGN_TIMEOUT: Duration = Duration::from_secs(5);

/// Signs for one account through the daemon at a unix socket.
#[derive(Debug, Clone)]
pub struct RemoteSigner {
    socket: PathBuf,
    account: AccountId,
}

impl RemoteSigner {
    /// Makes the client. It connects when it is used, once for each request.
    pub fn new(socket: PathBuf, account: AccountId) -> Self {
        Self { socket, account }
    }

    /// Requests a signature and verifies it against `message`.
    fn signature(&self, request: &SignRequest, message: &[u8]) -> Result<Signature, SignerError> {
        let signature = match blocking(|| self.call(request))? {
            SignResponse::Signed(signature) => signature,
            SignResponse::Refused { name, reason } => {
                return Err(SignerError::Refused { name, reason })
            }
            SignResponse::Accounts(_) => {
                return Err(self.unreachable("its response is of another kind than the request"))
            }
        };
        if verifies(&signature, message, &self.account) {
            Ok(signature)
        } else {
            Err(self.wrong_key())
        }
    }

    fn call(&self, request: &SignRequest) -> Result<SignResponse, SignerError> {
        let lift = |error: io::Error| self.unreachable(&error.to_string());
        let frame_to_send = wire::pack(request).map_err(|error| SignerError::Refused {
            name: "too_long".to_owned(),
            reason: error.to_string(),
        })?;
        let until = Instant::now().checked_add(SIGN_TIMEOUT);
        let mut stream = connect(&self.socket, SIGN_TIMEOUT).map_err(lift)?;
        if !is_ours(&stream).map_err(lift)? {
            return Err(self.unreachable("its process belongs to another user"));
        }
        stream.set_write_timeout(Some(SIGN_TIMEOUT)).map_err(lift)?;
        stream.write_all(&frame_to_send).map_err(lift)?;
        let mut prefix = [0; 4];
        read_until(&mut stream, &mut prefix, until).map_err(lift)?;
        let length = wire::length(prefix).map_err(|error| self.unreachable(&error.to_string()))?;
        let mut frame = vec![0; length];
        read_until(&mut stream, &mut frame, until).map_err(lift)?;
        wire::unpack(&frame).map_err(|error| self.unreachable(&error.to_string()))
    }

    fn unreachable(&self, reason: &str) -> SignerError {
        SignerError::Unreachable {
            socket: self.socket.clone(),
            reason: reason.to_owned(),
        }
    }

    fn wrong_key(&self) -> SignerError {
        SignerError::WrongKey {
            socket: self.socket.clone(),
            account: ss58(&self.account),
        }
    }
}

impl Signer for RemoteSigner {
    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), SignerError> {
        match blocking(|| self.call(&SignRequest::Accounts))? {
            SignResponse::Accounts(accounts) if accounts.contains(&self.account) => Ok(()),
            SignResponse::Accounts(_) => Err(self.wrong_key()),
            SignResponse::Refused { name, reason } => Err(SignerError::Refused { name, reason }),
            SignResponse::Signed(_) => {
                Err(self.unreachable("its response is of another kind than the request"))
            }
        }
    }

    fn sign_seat(&self, seat: &SeatToSign) -> Result<Signature, SignerError> {
        self.signature(&SignRequest::Seat(seat.clone()), &seat.message())
    }

    fn sign_answer(&self, answer: &AnswerToSign) -> Result<Signature, SignerError> {
        self.signature(&SignRequest::Answer(answer.clone()), &answer.message())
    }

    fn sign_registration(
        &self,
        registration: &RegistrationToSign,
    ) -> Result<Signature, SignerError> {
        let request = SignRequest::Registration(registration.clone());
        self.signature(&request, &registration.message())
    }

    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError> {
        let Some(payload) = call.payload else {
            return Err(SignerError::Refused {
                name: "unreadable_payload".to_owned(),
                reason: "the daemon can't decode transactions of this chain; give the relayer its key without a signing daemon".to_owned(),
            });
        };
        let request = SignRequest::Call {
            account: self.account,
            payload: payload.to_vec(),
        };
        self.signature(&request, call.signed)
    }

    fn sign_peer_message(&self, message: &PeerMessageToSign) -> Result<Signature, SignerError> {
        self.signature(&SignRequest::PeerMessage(*message), &message.message())
    }
}

/// Connects within a time. A daemon that hangs takes no connections, and once its queue of them is full, a plain
/// `connect` waits for as long as it hangs.
fn connect(socket: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(socket)?;
    let (family, kind) = (net::AddressFamily::UNIX, net::SocketType::STREAM);
    let stream = net::socket_with(family, kind, net::SocketFlags::CLOEXEC, None)?;
    // Connecting a unix socket obeys the timeout for sending.
    sockopt::set_socket_timeout(&stream, sockopt::Timeout::Send, Some(timeout))?;
    match net::connect(&stream, &address) {
        Ok(()) => Ok(stream.into()),
        Err(Errno::AGAIN) => Err(timed_out()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the process at the other end runs as our own user.
fn is_ours(stream: &UnixStream) -> io::Result<bool> {
    let peer = sockopt::socket_peercred(stream)?;
    Ok(peer.uid == rustix::process::geteuid())
}

/// Fills the buffer, or fails at the deadline even if single bytes keep arriving.
fn read_until(
    stream: &mut UnixStream,
    buffer: &mut [u8],
    until: Option<Instant>,
) -> io::Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        let left = until.map_or(SIGN_TIMEOUT, |until| {
            until.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Err(timed_out());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(timed_out()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn timed_out() -> io::Error {
    let text = format!("no answer within {} s", SIGN_TIMEOUT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_hangs_keeps_nobody_waiting_for_a_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let kind = net::SocketType::STREAM;
        let listener = net::socket(net::AddressFamily::UNIX, kind, None).unwrap();
        net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        net::listen(&listener, 0).unwrap();
        // It accepts none: one connection fills its queue.
        let _first = connect(&path, Duration::from_secs(5)).unwrap();
        let refused = connect(&path, Duration::from_millis(20)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    }
}
