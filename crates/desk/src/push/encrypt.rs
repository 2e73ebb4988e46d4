//! Messages that only one browser can read: `aes128gcm` (RFC 8188) under keys of RFC 8291. Pure, but for the key that is made for each.

use crate::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hmac;
use ring::rand::SystemRandom;

/// Bytes of a point on P-256, not compressed.
const POINT_BYTES: usize = 65;
/// Bytes of the secret that a browser shares with who sends to it.
const AUTH_BYTES: usize = 16;
/// Bytes of the salt of a message.
const SALT_BYTES: usize = 16;
/// The size of a record, which a message is one of (RFC 8291, section 4).
const RECORD_BYTES: u32 = 4_096;
/// The longest text of a message: a record less its tag, its delimiter and the header.
const TEXT_BYTES_MAX: usize = 3_993;

/// The keys of a browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Browser {
    point: [u8; POINT_BYTES],
    auth: [u8; AUTH_BYTES],
}

impl Browser {
    /// Reads keys as browsers write them: base64url, with padding or without.
    ///
    /// # Errors
    /// `subscription.invalid`.
    pub(crate) fn read(p256dh: &str, auth: &str) -> Result<Self, Error> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let wrong = |field, reason: &str| Error::Subscription { field, reason: reason.to_owned() };
        let point = bytes(p256dh).and_then(|bytes| bytes.try_into().ok());
        let point = point.filter(|point: &[u8; POINT_BYTES]| point.first() == Some(&4));
        let auth = bytes(auth).and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            point: point
                .ok_or_else(|| wrong("keys/p256dh", "it is no point on P-256 in base64url"))?,
            auth: auth.ok_or_else(|| wrong("keys/auth", "it is not 16 bytes in base64url"))?,
        })
    }
}

/// Encrypts a text for a browser, whose keys are written as it has given them. Every call makes a key and a salt of its own.
///
/// # Errors
/// `subscription.invalid` where the keys are none, so that nothing can ever be sent to it.
pub fn encrypt(p256dh: &str, auth: &str, text: &[u8]) -> Result<Vec<u8>, Error> {
    let browser = Browser::read(p256dh, auth)?;
    let random = SystemRandom::new();
    let failed = |_| Error::Internal { detail: "no key for a message could be made".into() };
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(failed)?;
    let point = own.compute_public_key().map_err(failed)?;
    let salt: [u8; SALT_BYTES] = ring::rand::generate(&random).map_err(failed)?.expose();
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &browser.point);
    let sealed = agree_ephemeral(own, &theirs, |shared| {
        seal(&Agreed { shared, point: point.as_ref(), salt }, &browser, text)
    });
    let reason = || "it is no point on P-256".to_owned();
    sealed.map_err(|_| Error::Subscription { field: "keys/p256dh", reason: reason() })?
}

/// What was agreed upon for one message.
struct Agreed<'a> {
    /// What both sides work out.
    shared: &'a [u8],
    /// The public half of the sender's key.
    point: &'a [u8],
    salt: [u8; SALT_BYTES],
}

/// Makes the message: its header, and one record.
fn seal(agreed: &Agreed<'_>, browser: &Browser, text: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |_| Error::Internal { detail: "a message could not be encrypted".into() };
    if TEXT_BYTES_MAX < text.len() {
        return Err(Error::Internal { detail: "a message is too long for one record".into() });
    }
    let (key, nonce) = keys(agreed, browser);
    let key = UnboundKey::new(&AES_128_GCM, &key[..16]).map_err(failed)?;
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).map_err(failed)?;
    // The delimiter of the last record, and no padding behind it.
    let mut record = [text, &[2]].concat();
    let sealing = LessSafeKey::new(key);
    sealing.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).map_err(failed)?;
    let mut message = agreed.salt.to_vec();
    message.extend(RECORD_BYTES.to_be_bytes());
    message.push(u8::try_from(agreed.point.len()).unwrap_or_default());
    message.extend(agreed.point);
    message.extend(record);
    Ok(message)
}

/// Derives the key and the nonce of the record (RFC 8291, section 3.4), each the beginning of what is returned.
fn keys(agreed: &Agreed<'_>, browser: &Browser) -> ([u8; 32], [u8; 32]) {
    let secret = mac(&browser.auth, &[agreed.shared]);
    let material = mac(&secret, &[b"WebPush: info\0", &browser.point, agreed.point, &[1]]);
    let derived = mac(&agreed.salt, &[&material]);
    let key = mac(&derived, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = mac(&derived, &[b"Content-Encoding: nonce\0", &[1]]);
    (key, nonce)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    }

    /// RFC 8291, section 5 and appendix A. What the two keys agree upon is given there; that ring agrees upon it is seen by who
    /// decrypts, in the next test and in the door test.
    #[test]
    fn the_worked_example_of_the_standard_comes_out() {
        let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let browser = Browser::read(p256dh, "BTBZMqHH6r4Tts7J_aSIgg").expect("keys");
        let shared = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let point = bytes(
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        );
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("a salt");
        let agreed = Agreed { shared: &shared, point: &point, salt };
        let (key, nonce) = keys(&agreed, &browser);
        assert_eq!(URL_SAFE_NO_PAD.encode(&key[..16]), "oIhVW04MRdy2XN9CiKLxTg");
        assert_eq!(URL_SAFE_NO_PAD.encode(&nonce[..12]), "4h_95klXJ5E_qnoN");
        let text = b"When I grow up, I want to be a watermelon";
        let sealed = seal(&agreed, &browser, text).expect("a message");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
             mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
             pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn the_browser_reads_what_was_encrypted_for_it_and_each_message_has_keys_of_its_own() {
        let random = SystemRandom::new();
        let auth = [7; AUTH_BYTES];
        let read = || {
            let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).expect("a key");
            let point = own.compute_public_key().expect("a point");
            let p256dh = URL_SAFE_NO_PAD.encode(point.as_ref());
            let padded = format!("{}==", URL_SAFE_NO_PAD.encode(auth));
            let message = encrypt(&p256dh, &padded, "eine Aufgabe".as_bytes()).expect("encrypted");
            let salt: [u8; SALT_BYTES] = message[..16].try_into().expect("a salt");
            let theirs = UnparsedPublicKey::new(&ECDH_P256, &message[21..86]);
            let browser = Browser::read(&p256dh, &padded).expect("keys");
            let (key, nonce) = agree_ephemeral(own, &theirs, |shared| {
                keys(&Agreed { shared, point: &message[21..86], salt }, &browser)
            })
            .expect("they agree");
            let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).expect("a key"));
            let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).expect("a nonce");
            let mut record = message[86..].to_vec();
            let text = key.open_in_place(nonce, Aad::empty(), &mut record).expect("it opens");
            assert_eq!(text, [b"eine Aufgabe".as_slice(), &[2]].concat());
            message
        };
        let (first, second) = (read(), read());
        assert_ne!(first[..16], second[..16]);
        assert_ne!(first[21..86], second[21..86]);
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let auth = URL_SAFE_NO_PAD.encode([1; 16]);
        let nowhere = URL_SAFE_NO_PAD.encode([&[4][..], &[1; 64]].concat());
        assert!(Browser::read(&nowhere, &auth).is_ok());
        assert!(encrypt(&nowhere, &auth, b"text").is_err(), "a point that is not on the curve");
        for (p256dh, auth) in [
            ("", auth.as_str()),
            ("!", &auth),
            (&URL_SAFE_NO_PAD.encode([2; 65]), &auth),
            (&URL_SAFE_NO_PAD.encode([4; 64]), &auth),
            (&nowhere, ""),
            (&nowhere, &URL_SAFE_NO_PAD.encode([1; 15])),
        ] {
            assert!(Browser::read(p256dh, auth).is_err(), "{p256dh} {auth}");
        }
    }
}
