//! Keys as polkadot.js exports them.

use base64::{engine::general_purpose::STANDARD, Engine as _};
use crypto_secretbox::{aead::Aead, KeyInit, XSalsa20Poly1305};
use sha2::{Digest, Sha512};

/// What stands before the secret and between it and the public key.
const HEADER: [u8; 16] = [48, 83, 2, 1, 1, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
const DIVIDER: [u8; 5] = [161, 35, 3, 33, 0];
/// The cost that polkadot.js uses: 2^15, 8, 1.
const LOG_N: u8 = 15;
const R: u32 = 8;
const P: u32 = 1;

/// The expanded secret of a seed: the key, then what nonces are made of.
pub fn expanded(seed: &[u8; 32]) -> [u8; 64] {
    let mut secret: [u8; 64] = Sha512::digest(seed).into();
    secret[0] &= 248;
    secret[31] &= 63;
    secret[31] |= 64;
    secret
}

/// The JSON of a seed's key under a password.
///
/// # Panics
/// Never: the parameters are fixed.
pub fn export(seed: &[u8; 32], public: &[u8; 32], address: &str, password: &str) -> String {
    let (salt, nonce) = ([7; 32], [9; 24]);
    let mut key = [0; 32];
    let cost = scrypt::Params::new(LOG_N, R, P, 32).unwrap();
    scrypt::scrypt(password.as_bytes(), &salt, &cost, &mut key).unwrap();
    let plain = [&HEADER[..], &expanded(seed), &DIVIDER, public].concat();
    let cipher = XSalsa20Poly1305::new(&key.into());
    let sealed = cipher.encrypt(&nonce.into(), &plain[..]).unwrap();
    let cost = [1_u32 << LOG_N, P, R].map(u32::to_le_bytes).concat();
    let encoded = STANDARD.encode([&salt[..], &cost, &nonce, &sealed].concat());
    serde_json::json!({
        "encoded": encoded,
        "encoding": {
            "content": ["pkcs8", "sr25519"],
            "type": ["scrypt", "xsalsa20-poly1305"],
            "version": "3",
        },
        "address": address,
        "meta": {},
    })
    .to_string()
}
