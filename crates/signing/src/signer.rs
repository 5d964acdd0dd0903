//! The trait of everything that signs for an operator.

use crate::{
    account_of, AnswerToSign, CallToSign, Keypair, PeerMessageToSign, RegistrationToSign,
    SeatToSign, SignerError,
};
use llm_oracle_primitives::{AccountId, Signature};

/// Signs what a relayer submits to the oracle, for one account.
pub trait Signer: Send + Sync {
    /// The account, which is its sr25519 key.
    fn account(&self) -> AccountId;

    /// Checks that it is ready to sign for its account.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn check(&self) -> Result<(), SignerError> {
        Ok(())
    }

    /// Signs a seat message.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_seat(&self, seat: &SeatToSign) -> Result<Signature, SignerError>;

    /// Signs an answer message.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_answer(&self, answer: &AnswerToSign) -> Result<Signature, SignerError>;

    /// Signs the message by which the account registers as an operator.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_registration(
        &self,
        registration: &RegistrationToSign,
    ) -> Result<Signature, SignerError>;

    /// Signs the payload of a contract call.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError>;

    /// Signs a message to another relayer, or the acknowledgement of one.
    ///
    /// # Errors
    /// See [`SignerError`].
    fn sign_peer_message(&self, message: &PeerMessageToSign) -> Result<Signature, SignerError>;
}

/// A key in this process signs without further checks.
impl Signer for Keypair {
    fn account(&self) -> AccountId {
        account_of(self)
    }

    fn sign_seat(&self, seat: &SeatToSign) -> Result<Signature, SignerError> {
        Ok(self.sign(&seat.message()).0)
    }

    fn sign_answer(&self, answer: &AnswerToSign) -> Result<Signature, SignerError> {
        Ok(self.sign(&answer.message()).0)
    }

    fn sign_registration(
        &self,
        registration: &RegistrationToSign,
    ) -> Result<Signature, SignerError> {
        Ok(self.sign(&registration.message()).0)
    }

    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError> {
        Ok(self.sign(call.signed).0)
    }

    fn sign_peer_message(&self, message: &PeerMessageToSign) -> Result<Signature, SignerError> {
        Ok(self.sign(&message.message()).0)
    }
}
