//! Stand-in for the parts of ink! that the oracle's words and rules use: see `words/README.md`.

pub use llm_oracle_words_ink_macros::event;

/// Basic types.
pub mod primitives {
    /// Id of an account.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        PartialOrd,
        Ord,
        Hash,
        codec::Encode,
        codec::Decode,
        scale_info::TypeInfo,
    )]
    pub struct AccountId(pub [u8; 32]);

    impl From<[u8; 32]> for AccountId {
        fn from(bytes: [u8; 32]) -> Self {
            Self(bytes)
        }
    }

    impl AsRef<[u8; 32]> for AccountId {
        fn as_ref(&self) -> &[u8; 32] {
            &self.0
        }
    }

    impl AsRef<[u8]> for AccountId {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
}

/// What `alloc` has.
pub mod prelude {
    pub use std::{boxed, vec};
}

/// The chain's functions.
pub mod env {
    /// Hashing.
    pub mod hash {
        /// A hash function.
        pub trait CryptoHash {
            /// What it gives.
            type Output;
            /// Hashes `input` into `output`.
            fn hash(input: &[u8], output: &mut Self::Output);
        }

        /// Blake2 of 32 bytes.
        pub struct Blake2x256;

        impl CryptoHash for Blake2x256 {
            type Output = [u8; 32];
            fn hash(input: &[u8], output: &mut [u8; 32]) {
                *output = sp_io::hashing::blake2_256(input);
            }
        }

        /// Blake2 of 16 bytes.
        pub struct Blake2x128;

        impl CryptoHash for Blake2x128 {
            type Output = [u8; 16];
            fn hash(input: &[u8], output: &mut [u8; 16]) {
                *output = sp_io::hashing::blake2_128(input);
            }
        }
    }

    /// A signature that does not verify.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct BadSignature;

    /// Verifies an sr25519 signature.
    ///
    /// # Errors
    /// When it does not verify.
    pub fn sr25519_verify(
        signature: &[u8; 64],
        message: &[u8],
        key: &[u8; 32],
    ) -> Result<(), BadSignature> {
        use sp_core::{Pair, sr25519};
        let signature = sr25519::Signature::from_raw(*signature);
        let key = sr25519::Public::from_raw(*key);
        sr25519::Pair::verify(&signature, message, &key)
            .then_some(())
            .ok_or(BadSignature)
    }
}

/// Storage of contracts.
pub mod storage {
    /// What a stored value implements.
    pub mod traits {
        pub use llm_oracle_words_ink_macros::StorageLayout;
    }
}
