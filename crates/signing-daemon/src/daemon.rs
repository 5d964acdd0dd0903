//! The daemon itself: keys, limits and record.

use crate::{
    config::SigningDaemonConfig,
    decision::SignedDecision,
    error::{SigningDaemonError, SigningRefusal},
    payload::{self, CallBounds},
    record::SigningRecord,
};
use llm_oracle_primitives::{
    digest::{self, Context},
    AccountId, DeploymentId, Hash, Signature,
};
use llm_oracle_signing::{
    account_of, load_key, signed_part,
    wire::{SignRequest, SignResponse},
    AnswerToSign, Keypair, PeerMessageToSign, RegistrationToSign, SeatToSign,
};
use llm_oracle_support::address::ss58;

/// The keys, what they may sign, and the record of what they have signed.
pub struct SigningDaemon {
    keys: Vec<Keypair>,
    deployment: DeploymentId,
    bounds: CallBounds,
    record: SigningRecord,
}

impl SigningDaemon {
    /// Loads the keys and opens the record.
    ///
    /// # Errors
    /// See [`SigningDaemonError`].
    pub fn open(config: &SigningDaemonConfig) -> Result<Self, SigningDaemonError> {
        let mut keys: Vec<Keypair> = Vec::new();
        for source in &config.operators {
            let key = load_key(source)?;
            let account = account_of(&key);
            if keys.iter().any(|known| account_of(known) == account) {
                return Err(SigningDaemonError::KeyTwice(ss58(&account)));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(SigningDaemonError::NoKeys);
        }
        let deployment = config.deployment()?;
        let record = SigningRecord::open(&config.store)?;
        let retired = record.is_retired(&deployment);
        if retired.map_err(|reason| config.record_failed(reason))? {
            return Err(SigningDaemonError::Retired {
                path: config.store.clone(),
            });
        }
        Ok(Self {
            keys,
            deployment,
            bounds: CallBounds {
                contract: deployment.contract.into(),
                contracts_call: config.contracts_call.clone(),
                max_deposit: config.max_deposit,
                max_tip: config.max_tip,
            },
            record,
        })
    }

    /// The accounts whose keys it holds.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.keys.iter().map(account_of).collect()
    }

    /// Handles one request. What it signs is durable in the record before this returns.
    pub fn handle(&self, request: &SignRequest) -> SignResponse {
        let signed = match request {
            SignRequest::Accounts => return SignResponse::Accounts(self.accounts()),
            SignRequest::Seat(seat) => self.seat(seat),
            SignRequest::Answer(answer) => self.decision(answer),
            SignRequest::Registration(registration) => self.registration(registration),
            SignRequest::Call { account, payload } => self.call(account, payload),
            SignRequest::PeerMessage(message) => self.peer_message(message),
        };
        match signed {
            Ok(signature) => SignResponse::Signed(signature),
            Err(refusal) => {
                let name = refusal.name();
                tracing::warn!(name, %refusal, "refused");
                SignResponse::Refused {
                    name: name.to_owned(),
                    reason: refusal.to_string(),
                }
            }
        }
    }

    fn seat(&self, seat: &SeatToSign) -> Result<Signature, SigningRefusal> {
        let key = self.key_for(&seat.context)?;
        self.record.insert(
            &self.deployment,
            &[SignedDecision {
                request_id: seat.context.request_id,
                operator: seat.context.operator,
                commitment: seat.commitment,
                evidence: seat.evidence,
                answer: None,
            }],
        )?;
        Ok(key.sign(&seat.message()).0)
    }

    fn decision(&self, answer: &AnswerToSign) -> Result<Signature, SigningRefusal> {
        let key = self.key_for(&answer.context)?;
        self.record.insert(
            &self.deployment,
            &[SignedDecision {
                request_id: answer.context.request_id,
                operator: answer.context.operator,
                commitment: answer.commitment(),
                evidence: answer.evidence,
                answer: Some(digest::answer_digest(&answer.answer)),
            }],
        )?;
        Ok(key.sign(&answer.message()).0)
    }

    fn registration(&self, registration: &RegistrationToSign) -> Result<Signature, SigningRefusal> {
        self.check_deployment(&registration.domain, &registration.contract)?;
        let key = self.key(&registration.operator)?;
        Ok(key.sign(&registration.message()).0)
    }

    fn call(&self, account: &AccountId, payload: &[u8]) -> Result<Signature, SigningRefusal> {
        let key = self.key(account)?;
        let input = payload::input(payload, &self.bounds)?;
        let decisions = payload::decisions(&input, account)?;
        self.record.insert(&self.deployment, &decisions)?;
        Ok(key.sign(&signed_part(payload)).0)
    }

    /// Peer messages and acknowledgements have no effect on chain, so the record does not keep them.
    fn peer_message(&self, message: &PeerMessageToSign) -> Result<Signature, SigningRefusal> {
        self.check_deployment(
            &message.deployment.domain,
            &message.deployment.contract.into(),
        )?;
        let key = self.key(&message.signer().into())?;
        Ok(key.sign(&message.message()).0)
    }

    /// The key of the context's operator, if the context is of this deployment and this version.
    fn key_for(&self, context: &Context) -> Result<&Keypair, SigningRefusal> {
        self.check_deployment(&context.domain, &context.contract)?;
        let (round, phase) = (context.round, context.phase);
        if (round, phase) != (0, 0) {
            return Err(SigningRefusal::OtherPhase { round, phase });
        }
        if context.model != 0 {
            return Err(SigningRefusal::OtherModel(context.model));
        }
        self.key(&context.operator)
    }

    fn check_deployment(&self, domain: &Hash, contract: &AccountId) -> Result<(), SigningRefusal> {
        if *contract != self.bounds.contract {
            return Err(self.bounds.other_contract(contract));
        }
        if *domain != self.deployment.domain {
            return Err(SigningRefusal::OtherDomain);
        }
        Ok(())
    }

    fn key(&self, account: &AccountId) -> Result<&Keypair, SigningRefusal> {
        let found = self.keys.iter().find(|key| account_of(key) == *account);
        found.ok_or_else(|| SigningRefusal::UnknownAccount(ss58(account)))
    }
}
