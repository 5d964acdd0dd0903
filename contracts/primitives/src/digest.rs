//! Every digest and every signed message of the protocol: one function for each.
//!
//! A digest is `blake2_256` over a raw ASCII tag followed by the SCALE encodings of the parts in
//! the order given. The pallet fixes the sr25519 signing context, so the tags inside the messages
//! keep the kinds of signature apart. `tests/golden.rs` holds a vector for each function.

use crate::{AccountId, Answer, Balance, BlockNumber, Hash, RequestId, Terms};
use ink::{
    env::hash::{Blake2x256, CryptoHash},
    prelude::vec::Vec,
};
use scale::Encode;

/// What a seat's commitment and signatures are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub struct Context {
    /// This deployment, see [`domain`].
    pub domain: Hash,
    /// The contract's address.
    pub contract: AccountId,
    /// The request.
    pub request_id: RequestId,
    /// See [`terms_digest`].
    pub terms_digest: Hash,
    /// Round of the request; 0 until appeals exist.
    pub round: u8,
    /// 0: answer. 1 is kept for votes.
    pub phase: u8,
    /// The operator, which is its sr25519 public key.
    pub operator: AccountId,
    /// Always 0; anything else is refused.
    pub model: u32,
}

/// `blake2_256` of any bytes.
pub fn blake2(bytes: &[u8]) -> Hash {
    let mut out = Hash::default();
    Blake2x256::hash(bytes, &mut out);
    out
}

fn tagged(tag: &[u8], parts: &[&dyn AppendTo]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(tag);
    for part in parts {
        part.append_to(&mut bytes);
    }
    bytes
}

/// `Encode` as an object: `encode_to` is generic and cannot be called through `dyn Encode`.
trait AppendTo {
    fn append_to(&self, bytes: &mut Vec<u8>);
}

impl<T: Encode> AppendTo for T {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        self.encode_to(bytes);
    }
}

/// Names one deployment on one chain, so that nothing signed for it is worth anything elsewhere,
/// on a restarted chain neither: genesis hash, deployer, and the constructor's block and its
/// timestamp in milliseconds.
pub fn domain(genesis: &Hash, deployer: &AccountId, block: BlockNumber, timestamp_ms: u64) -> Hash {
    blake2(&tagged(
        b"llm-oracle/domain/1",
        &[genesis, deployer, &block, &timestamp_ms],
    ))
}

/// Digest of what was asked, by whom, and for how many planck a seat.
pub fn terms_digest(requester: &AccountId, reward: Balance, terms: &Terms) -> Hash {
    encoded_terms_digest(requester, reward, &terms.encode())
}

/// [`terms_digest`] of terms that are encoded already.
pub fn encoded_terms_digest(requester: &AccountId, reward: Balance, terms: &[u8]) -> Hash {
    let mut bytes = tagged(b"llm-oracle/terms/2", &[requester, &reward]);
    bytes.extend_from_slice(terms);
    blake2(&bytes)
}

/// What a seat keeps of the name of its operator's model family; zeros when none is declared.
pub fn family_tag(family: &[u8]) -> [u8; 4] {
    let mut tag = [0; 4];
    if !family.is_empty() {
        let mut bytes = tagged(b"llm-oracle/family/1", &[]);
        bytes.extend_from_slice(family);
        tag.copy_from_slice(blake2(&bytes).split_at(4).0);
    }
    tag
}

/// The salt of an answer in one step. Such an answer is public at once, so there is nothing to hide, and
/// its signature covers no salt: a transmitter could put in another, and the evidence would no longer open.
pub const ONE_STEP_SALT: Hash = [0; 32];

/// The salt of a seat: derived, so that a relayer that lost its disk can find it again.
pub fn salt(secret: &[u8; 32], context: &Context) -> Hash {
    blake2(&tagged(b"llm-oracle/salt/1", &[secret, context]))
}

/// Digest of an evidence document. The salt hides closed answers until the reveal.
pub fn evidence(salt: &Hash, document: &[u8]) -> Hash {
    blake2(&tagged(b"llm-oracle/evidence/1", &[salt, &document]))
}

/// Digest that an operator commits to. Without a confidence: as version 2 of the interface had it, for
/// requests that were asked under it.
pub fn commitment(
    context: &Context,
    answer: &Answer,
    confidence: Option<u8>,
    evidence: &Hash,
    salt: &Hash,
) -> Hash {
    blake2(&match confidence {
        Some(confidence) => tagged(
            b"llm-oracle/commit/2",
            &[context, answer, &confidence, evidence, salt],
        ),
        None => tagged(b"llm-oracle/commit/1", &[context, answer, evidence, salt]),
    })
}

/// Digest of an encoded answer.
pub fn answer_digest(answer: &Answer) -> Hash {
    blake2(&answer.encode())
}

/// Message that an operator signs so that any transmitter may bring its commit until `valid_until`.
pub fn seat_message(
    context: &Context,
    commitment: &Hash,
    evidence: &Hash,
    valid_until: BlockNumber,
) -> Vec<u8> {
    tagged(
        b"llm-oracle/seat/1",
        &[context, commitment, evidence, &valid_until],
    )
}

/// Message that an operator signs for its answer: proves for ever who answered what to which question.
pub fn answer_message(
    context: &Context,
    answer: &Answer,
    confidence: Option<u8>,
    evidence: &Hash,
) -> Vec<u8> {
    answer_message_of(context, &answer_digest(answer), confidence, evidence)
}

/// [`answer_message`] of an answer that is known by its digest. Without a confidence: as version 2 of
/// the interface had it, for requests that were asked under it.
pub fn answer_message_of(
    context: &Context,
    answer: &Hash,
    confidence: Option<u8>,
    evidence: &Hash,
) -> Vec<u8> {
    match confidence {
        Some(confidence) => tagged(
            b"llm-oracle/answer/2",
            &[context, answer, &confidence, evidence],
        ),
        None => tagged(b"llm-oracle/answer/1", &[context, answer, evidence]),
    }
}

/// Message by which an account proves that its id is its sr25519 key, and names its owner and family.
pub fn register_message(
    domain: &Hash,
    contract: &AccountId,
    operator: &AccountId,
    owner: &AccountId,
    family: &[u8],
) -> Vec<u8> {
    tagged(
        b"llm-oracle/register/2",
        &[domain, contract, operator, owner, &family],
    )
}
