//! Sign-in by password as SCRAM-SHA-256 does it (RFC 5802 and RFC 7677); the password is one of the user's tokens.
//!
//! Beside each token stands what checks a proof of it, and nothing from which the token could be made. All tokens of a user
//! share one salt, made from a secret of the unit and the user's name. A name that nobody has gets a salt in the same way, so
//! that nobody learns who there is. The token never travels.

use crate::{Error, Identity, Kernel, Read, Reader, Tx, space};
use base::Problem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How often the password is hashed. RFC 7677 wants this much; a token is long and random, so that more would add nothing.
const ITERATIONS: u32 = 4_096;

/// The length of a salt in bytes.
const SALT_BYTES: usize = 16;

/// The block of SHA-256 in bytes.
const BLOCK: usize = 64;

/// What a door tells whoever wants to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The salt of the user.
    pub salt: [u8; SALT_BYTES],
    /// How often the password is hashed.
    pub iterations: u32,
}

/// What a caller answers to a challenge.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Who it says it is.
    pub user: String,
    /// The messages of the exchange, joined as RFC 5802 says (`AuthMessage`).
    pub messages: Vec<u8>,
    /// `ClientProof`.
    pub proof: [u8; 32],
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who, with the scope of the token.
    pub identity: Identity,
    /// The hash of the token, for [`Kernel::still`].
    pub token: [u8; 32],
    /// `ServerSignature`: by it the caller sees that the unit knows the token.
    pub signature: [u8; 32],
}

/// What is kept of a token to check proofs of it.
#[derive(Debug, Serialize, Deserialize)]
struct Verifier {
    /// The id of the token.
    id: String,
    /// The hash of the token.
    token: [u8; 32],
    /// `StoredKey`.
    stored: [u8; 32],
    /// `ServerKey`.
    server: [u8; 32],
}

impl Verifier {
    fn new(secret: &str, id: &str, salt: &[u8]) -> Self {
        let salted = stretch(secret.as_bytes(), salt, ITERATIONS);
        let client = hmac(&salted, b"Client Key");
        Self {
            id: id.to_owned(),
            token: base::sha256(secret.as_bytes()),
            stored: base::sha256(&client),
            server: hmac(&salted, b"Server Key"),
        }
    }

    /// Returns it as it is kept.
    fn text(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self)
            .map_err(|error| Error::Internal { detail: error.to_string() }.into())
    }

    /// Returns whether a proof was made with this token.
    fn proves(&self, proof: &Proof) -> bool {
        let mut client = hmac(&self.stored, &proof.messages);
        for (byte, proof) in client.iter_mut().zip(proof.proof) {
            *byte ^= proof;
        }
        is_same(&base::sha256(&client), &self.stored)
    }
}

/// Returns what a user has to answer to.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn challenge(read: &dyn Read, user: &str) -> Result<Challenge, Problem> {
    let secret = read.get(secret_key().as_ref())?.unwrap_or_default();
    Ok(Challenge { salt: salt(&secret, user), iterations: ITERATIONS })
}

/// Keeps what checks proofs of a new token.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn keep(tx: &mut Tx<'_>, secret: &str, user: &str, id: &str) -> Result<(), Problem> {
    let unit = match tx.get(secret_key().as_ref())? {
        Some(unit) => unit,
        None => {
            // The first token is as random as anything the unit has.
            let unit = hmac(secret.as_bytes(), b"salts of this unit").to_vec();
            tx.put(secret_key(), unit.clone());
            unit
        }
    };
    let verifier = Verifier::new(secret, id, &salt(&unit, user)).text()?;
    tx.put(key(user).text(id), verifier);
    Ok(())
}

/// Makes what checks proofs of a new token, off the partition's thread. `None` where the unit has no token yet: then
/// [`keep_made`] makes it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn made(
    read: &dyn Read,
    secret: &str,
    user: &str,
    id: &str,
) -> Result<Option<Vec<u8>>, Problem> {
    let Some(unit) = read.get(secret_key().as_ref())? else { return Ok(None) };
    Verifier::new(secret, id, &salt(&unit, user)).text().map(Some)
}

/// Keeps what [`made`] has made.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn keep_made(
    tx: &mut Tx<'_>,
    secret: &str,
    user: &str,
    id: &str,
    made: Option<&[u8]>,
) -> Result<(), Problem> {
    let Some(made) = made else { return keep(tx, secret, user, id) };
    tx.put(key(user).text(id), made.to_vec());
    Ok(())
}

/// Forgets what checks proofs of a token.
pub(crate) fn forget(tx: &mut Tx<'_>, user: &str, id: &str) {
    tx.delete(verifier_key(user, id));
}

/// Returns the key of what checks a sign-in with a token.
pub(crate) fn verifier_key(user: &str, id: &str) -> base::Key {
    key(user).text(id)
}

/// Returns the hashes of a user's tokens and sessions: beside each stands what checks proofs of it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn held(read: &dyn Read, user: &str) -> Result<Vec<[u8; 32]>, Problem> {
    let pairs = read.scan_prefix(key(user).as_ref(), usize::MAX)?;
    pairs.iter().map(|(_, bytes)| verifier(bytes).map(|verifier| verifier.token)).collect()
}

fn verifier(bytes: &[u8]) -> Result<Verifier, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Internal { detail: format!("stored verifier: {error}") }.into())
}

/// Returns which token of the user a proof was made with, and the signature of the unit.
///
/// # Errors
/// `token.invalid` where no token of the user was; where the store cannot be read.
pub(crate) fn check(reader: &Reader, proof: &Proof) -> Result<([u8; 32], [u8; 32]), Problem> {
    let pairs = reader.scan_prefix(key(&proof.user).as_ref(), usize::MAX)?;
    let mut found = None;
    for (_, bytes) in &pairs {
        let verifier = verifier(bytes)?;
        if verifier.proves(proof) {
            found = Some((verifier.token, hmac(&verifier.server, &proof.messages)));
        }
    }
    found.ok_or_else(|| {
        Error::Unauthenticated { reason: "the user or the token is not known" }.into()
    })
}

impl Kernel {
    /// Returns what somebody has to answer to who wants to sign in as a user. A name that nobody has gets a challenge too.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn challenge(self: &Arc<Self>, user: &str) -> Result<Challenge, Problem> {
        challenge(&Reader::new(self, crate::Principal::Anonymous)?, user)
    }

    /// Signs a user in by a proof that it has one of the user's tokens.
    ///
    /// # Errors
    /// `token.invalid`. The refusal is audited.
    pub fn sign_in(self: &Arc<Self>, proof: &Proof) -> Result<SignedIn, Problem> {
        let reader = Reader::new(self, crate::Principal::Anonymous)?;
        let found = check(&reader, proof).and_then(|(token, signature)| {
            Ok(SignedIn { identity: self.holder(&token)?, token, signature })
        });
        self.audited(found)
    }

    /// Returns who a token belongs to whose holder has signed in before, as things stand now.
    ///
    /// # Errors
    /// `token.invalid` where it was revoked or has expired since. The refusal is audited.
    pub fn still(self: &Arc<Self>, token: &[u8; 32]) -> Result<Identity, Problem> {
        let found = self.holder(token);
        self.audited(found)
    }
}

/// Returns the salt of a user.
fn salt(unit: &[u8], user: &str) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&hmac(unit, user.as_bytes())[..SALT_BYTES]);
    salt
}

fn key(user: &str) -> base::Key {
    space::key(b'S').text(user)
}

fn secret_key() -> base::Key {
    space::key(b'E').text("scram")
}

/// The two halves of HMAC with a key (RFC 2104), ready for messages.
struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Hmac {
    fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if BLOCK < key.len() {
            block[..32].copy_from_slice(&base::sha256(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let start = |pad: u8| {
            let mut hash = Sha256::new();
            hash.update(block.map(|byte| byte ^ pad));
            hash
        };
        Self { inner: start(0x36), outer: start(0x5c) }
    }

    fn of(&self, message: &[u8]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        inner.update(message);
        let inner: [u8; 32] = inner.finalize().into();
        let mut outer = self.outer.clone();
        outer.update(inner);
        outer.finalize().into()
    }
}

/// Returns the HMAC-SHA-256 of a message (RFC 2104).
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    Hmac::new(key).of(message)
}

/// Returns whether two secrets are the same. Every byte is looked at, so that the time tells no more than their lengths.
pub(crate) fn is_same(left: &[u8], right: &[u8]) -> bool {
    // Hidden from the compiler, which could stop at the first difference.
    let difference =
        left.iter().zip(right).fold(0_u8, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    left.len() == right.len() && difference == 0
}

/// Hashes a password often: PBKDF2 with HMAC-SHA-256 and one block (`Hi` of RFC 5802).
fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let hmac = Hmac::new(password);
    let mut last = hmac.of(&[salt, &1_u32.to_be_bytes()].concat());
    let mut result = last;
    for _ in 1..iterations {
        last = hmac.of(&last);
        for (byte, last) in result.iter_mut().zip(last) {
            *byte ^= last;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let hex = |bytes: [u8; 32]| base::hex(&bytes);
        assert_eq!(
            hex(hmac(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hex(hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn secrets_are_the_same_in_all_their_bytes() {
        assert!(is_same(b"", b"") && is_same(b"abc", b"abc"));
        for other in ["", "ab", "abd", "xbc", "abcd"] {
            assert!(!is_same(b"abc", other.as_bytes()), "{other}");
        }
    }

    /// The example of RFC 7677, section 3.
    #[test]
    fn a_proof_is_checked_and_answered_as_the_rfc_shows() {
        let salt = [
            0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36,
            0xfa, 0x81,
        ];
        let messages = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = [
            0x74, 0x7c, 0xdb, 0x65, 0xaa, 0x56, 0x22, 0x4e, 0x23, 0x52, 0x13, 0x7e, 0x52, 0xd7,
            0xbd, 0xca, 0xd6, 0xa0, 0xf7, 0x38, 0xdf, 0x30, 0x78, 0x2c, 0xaa, 0x69, 0xa2, 0xcf,
            0xb0, 0x27, 0x75, 0x54,
        ];
        let verifier = Verifier::new("pencil", "t", &salt);
        let mut proof =
            Proof { user: "user".into(), messages: messages.as_bytes().to_vec(), proof };
        assert!(verifier.proves(&proof));
        assert_eq!(
            base::hex(&hmac(&verifier.server, &proof.messages)),
            "eabae24d1062db75a9451ff0b6ea7e98c8546549ff741e672d3251b2397de46e"
        );
        proof.proof[31] ^= 1;
        assert!(!verifier.proves(&proof));
    }
}
