//! What operators sign, their keys, and the client of the signing daemon.
//!
//! A caller says which kind of message it wants to have signed; it never passes bytes of its own choice. A
//! key in this process is a [`Signer`]. A [`RemoteSigner`] is one too: it asks the signing daemon
//! (`llm-oracle-signer`) over a unix socket. The daemon remembers what it signed, and refuses a second,
//! different answer.
//!
//! **Architecture invariant:** nothing here decides what may be signed. The process that holds the key does.

mod account;
mod error;
mod keys;
mod message;
mod peer_message;
mod remote;
mod secret_uri;
mod signer;
pub mod wire;

pub use account::{account_of, verifies};
pub use error::SignerError;
pub use keys::{load_key, load_signer, KeyError, KeySource};
pub use message::{signed_part, AnswerToSign, CallToSign, RegistrationToSign, SeatToSign};
pub use peer_message::{OperatorId, PeerMessageHeader, PeerMessageToSign};
pub use remote::{RemoteSigner, SIGN_TIMEOUT};
pub use secret_uri::{key_of_uri, SecretUriError};
pub use signer::Signer;
pub use subxt_signer::sr25519::Keypair;
