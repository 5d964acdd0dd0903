//! A signer in another process of this machine and user.

use super::{
    wire::{self, Ask, Told},
    AnswerToSign, CallToSign, PeerToSign, SeatToSign, Signer, SignerError,
};
use crate::verifies;
use llm_oracle_primitives::{digest, AccountId, Hash, Signature};
use llm_oracle_support::{address::ss58, blocking::blocking};
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Longest wait for a signature, connecting and the signer's disk included.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The signer of one account behind a unix socket.
#[derive(Debug, Clone)]
pub struct Remote {
    socket: PathBuf,
    account: AccountId,
}

impl Remote {
    /// Names it; nothing is asked yet.
    pub fn new(socket: PathBuf, account: AccountId) -> Self {
        Self { socket, account }
    }

    /// Asks for a signature over `message`, and looks whether it is one.
    fn signature(&self, ask: &Ask, message: &[u8]) -> Result<Signature, SignerError> {
        let signature = match blocking(|| self.ask(ask))? {
            Told::Signed(signature) => signature,
            Told::Refused { name, reason } => return Err(SignerError::Refused { name, reason }),
            Told::Accounts(_) => return Err(self.unreachable("it answers another question")),
        };
        if verifies(&signature, message, &self.account) {
            Ok(signature)
        } else {
            Err(self.wrong())
        }
    }

    fn ask(&self, ask: &Ask) -> Result<Told, SignerError> {
        let lift = |error: io::Error| self.unreachable(&error.to_string());
        let question = wire::pack(ask).map_err(|error| SignerError::Refused {
            name: "too_long".to_owned(),
            reason: error.to_string(),
        })?;
        let until = Instant::now().checked_add(PATIENCE);
        let mut stream = UnixStream::connect(&self.socket).map_err(lift)?;
        if !is_ours(&stream).map_err(lift)? {
            return Err(self.unreachable("its process belongs to another user"));
        }
        stream.set_write_timeout(Some(PATIENCE)).map_err(lift)?;
        stream.write_all(&question).map_err(lift)?;
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

    fn wrong(&self) -> SignerError {
        SignerError::Wrong {
            socket: self.socket.clone(),
            account: ss58(&self.account),
        }
    }
}

impl Signer for Remote {
    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), SignerError> {
        match blocking(|| self.ask(&Ask::Accounts))? {
            Told::Accounts(accounts) if accounts.contains(&self.account) => Ok(()),
            Told::Accounts(_) => Err(self.wrong()),
            Told::Refused { name, reason } => Err(SignerError::Refused { name, reason }),
            Told::Signed(_) => Err(self.unreachable("it answers another question")),
        }
    }

    fn sign_seat(&self, seat: &SeatToSign) -> Result<Signature, SignerError> {
        self.signature(&Ask::Seat(seat.clone()), &seat.message())
    }

    fn sign_answer(&self, answer: &AnswerToSign) -> Result<Signature, SignerError> {
        self.signature(&Ask::Answer(answer.clone()), &answer.message())
    }

    fn sign_registration(
        &self,
        domain: &Hash,
        contract: &AccountId,
    ) -> Result<Signature, SignerError> {
        let ask = Ask::Registration {
            domain: *domain,
            contract: *contract,
            operator: self.account,
        };
        let message = digest::register_message(domain, contract, &self.account);
        self.signature(&ask, &message)
    }

    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError> {
        let Some(payload) = call.whole else {
            return Err(SignerError::Refused {
                name: "unreadable_payload".to_owned(),
                reason: "this chain's transactions can't be read before they are signed; give the relayer its key without a signer".to_owned(),
            });
        };
        let ask = Ask::Call {
            account: self.account,
            payload: payload.to_vec(),
        };
        self.signature(&ask, call.signed)
    }

    fn sign_peer(&self, message: &PeerToSign) -> Result<Signature, SignerError> {
        self.signature(&Ask::Peer(*message), &message.message())
    }
}

/// Whether the process at the other end has our own user.
fn is_ours(stream: &UnixStream) -> io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(peer.uid == rustix::process::geteuid())
}

/// Fills the buffer, or fails at the deadline however slowly bytes drip.
fn read_until(
    stream: &mut UnixStream,
    buffer: &mut [u8],
    until: Option<Instant>,
) -> io::Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        let left = until.map_or(PATIENCE, |until| {
            until.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Err(late());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(late()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn late() -> io::Error {
    let text = format!("no answer within {} s", PATIENCE.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}
