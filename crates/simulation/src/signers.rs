//! A signing daemon that is away.

use llm_oracle_primitives::{AccountId, Signature};
use llm_oracle_signing::{
    account_of, AnswerToSign, CallToSign, Keypair, PeerMessageToSign, RegistrationToSign,
    SeatToSign, Signer, SignerError,
};

/// Names its account and signs nothing.
pub struct Away(pub Keypair);

fn away() -> Result<Signature, SignerError> {
    Err(SignerError::Unreachable {
        socket: "socket".into(),
        reason: "stopped".into(),
    })
}

impl Signer for Away {
    fn account(&self) -> AccountId {
        account_of(&self.0)
    }
    fn sign_seat(&self, _: &SeatToSign) -> Result<Signature, SignerError> {
        away()
    }
    fn sign_answer(&self, _: &AnswerToSign) -> Result<Signature, SignerError> {
        away()
    }
    fn sign_registration(&self, _: &RegistrationToSign) -> Result<Signature, SignerError> {
        away()
    }
    fn sign_call(&self, _: &CallToSign<'_>) -> Result<Signature, SignerError> {
        away()
    }
    fn sign_peer_message(&self, _: &PeerMessageToSign) -> Result<Signature, SignerError> {
        away()
    }
}
