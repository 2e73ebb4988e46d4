//! By what a device is known: tokens, of which the kernel keeps the hash, and certificates, of which it is told the fingerprint.
//!
//! What stands here is a list of what the kernel trusts, so that it can be shown and ended. It holds no secret.

use crate::engine::Fleet;
use crate::{Error, key, wire};
use base::{KeyReader, Problem, Time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{Call, Principal, Read, Reply, Token, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Credentials of one device.
const CREDENTIALS_MAX: usize = 100;

/// What stands before the fingerprint of a certificate.
const DIGEST: &str = "sha256:";

/// What a PEM text has around a certificate.
const PEM: (&str, &str) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");

/// A credential of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Credential {
    /// The hash under which the kernel trusts it, in hexadecimal.
    pub(crate) hash: String,
    /// What it is.
    pub(crate) kind: CredentialKind,
    /// What it is for.
    pub(crate) summary: String,
    /// When it was made, wall time.
    pub(crate) created: Time,
    /// When it ends, wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Time>,
    /// The fingerprint of a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
    /// True where the manifest names it: then it goes when the manifest no longer does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_declared: bool,
}

/// What a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialKind {
    /// A secret that is sent as a password or a bearer token.
    Token,
    /// A client certificate of TLS.
    Certificate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    kind: CredentialKind,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    expires: Option<Time>,
    #[serde(default)]
    certificate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    id: String,
}

/// Gives a device a further credential: the operation `device.add_credential`.
///
/// # Errors
/// `device.certificate`, `policy.grant`, `call.too_large`.
pub(crate) fn add(_: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let asked: Add = call.parameters()?;
    let device = call.resource.name.clone();
    kernel::may_grant(tx, call, &Principal::Device(device.clone()))?;
    check_room(tx, &device)?;
    let (id, token) = match (asked.kind, asked.certificate) {
        (CredentialKind::Token, None) => {
            let (secret, hash, id) =
                Token::give_device(tx, &device, &asked.summary, asked.expires)?;
            let credential = Credential {
                hash: base::hex(&hash),
                kind: CredentialKind::Token,
                summary: asked.summary,
                created: tx.wall(),
                expires: asked.expires,
                fingerprint: None,
                is_declared: false,
            };
            tx.put(key::credential(&device, &id), wire::write(&credential)?);
            (id, Some(secret))
        }
        (CredentialKind::Certificate, Some(certificate)) => {
            let fingerprint = fingerprint_of(&certificate)?;
            let wanted =
                Wanted { summary: asked.summary, expires: asked.expires, is_declared: false };
            (trust(tx, &device, &fingerprint, wanted)?, None)
        }
        (CredentialKind::Token, Some(_)) => {
            return Err(certificate("a token is made here, without a certificate").into());
        }
        (CredentialKind::Certificate, None) => {
            return Err(certificate("there is none").into());
        }
    };
    let mut reply = json!({ "id": id });
    if let Some(token) = token {
        reply["token"] = json!(token);
    }
    Ok(Reply::Value(reply))
}

/// Ends a credential of a device: the operation `device.revoke_credential`. What the manifest names goes by the manifest.
///
/// # Errors
/// `resource.not_found`, `device.certificate`.
pub(crate) fn revoke(_: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Revoke { id } = call.parameters()?;
    let device = &call.resource.name;
    let stored = tx.get(key::credential(device, &id).as_ref())?;
    let Some(bytes) = stored else {
        let shown: String = id.chars().take(80).collect();
        let resource = format!("credential {shown} of device/{device}");
        return Err(kernel::Error::NotFound { resource }.into());
    };
    let credential: Credential = wire::read(&bytes)?;
    if credential.is_declared {
        return Err(certificate("the manifest of the device names it: take it out there").into());
    }
    end(tx, device, &id, &credential)?;
    Ok(Reply::Value(json!({"id": id, "revoked": true})))
}

/// How a certificate is to be trusted.
struct Wanted {
    summary: String,
    expires: Option<Time>,
    is_declared: bool,
}

/// Has a certificate stand for a device. Returns the id of the credential.
fn trust(
    tx: &mut Tx<'_>,
    device: &str,
    fingerprint: &[u8; 32],
    wanted: Wanted,
) -> Result<String, Problem> {
    let text = base::hex(fingerprint);
    if let Some(other) = device_of(tx, &text)? {
        let whose =
            if other == device { "this device".into() } else { format!("device `{other}`") };
        return Err(certificate(&format!("it stands for {whose} already")).into());
    }
    let Wanted { summary, expires, is_declared } = wanted;
    let (hash, id) = Token::trust_certificate(tx, device, fingerprint, &summary, expires)?;
    let credential = Credential {
        hash: base::hex(&hash),
        kind: CredentialKind::Certificate,
        summary,
        created: tx.wall(),
        expires,
        fingerprint: Some(text.clone()),
        is_declared,
    };
    tx.put(key::credential(device, &id), wire::write(&credential)?);
    tx.put(key::fingerprint(&text), device.as_bytes().to_vec());
    Ok(id)
}

/// Ends a credential: nobody is recognised by it from this commit on.
fn end(tx: &mut Tx<'_>, device: &str, id: &str, credential: &Credential) -> Result<(), Problem> {
    let hash = digest(&credential.hash)
        .ok_or_else(|| Error::internal(format!("credential `{id}` has no hash")))?;
    Token::end_device(tx, &hash)?;
    if let Some(fingerprint) = &credential.fingerprint {
        tx.delete(key::fingerprint(fingerprint));
    }
    tx.delete(key::credential(device, id));
    Ok(())
}

/// Ends all credentials of a device.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn end_all(tx: &mut Tx<'_>, device: &str) -> Result<(), Problem> {
    for (id, credential) in list(tx, device)? {
        end(tx, device, &id, &credential)?;
    }
    Ok(())
}

/// Brings the certificates of a device to what its manifest names. What was added beside it stays; where the manifest names it now, it
/// is the manifest's.
///
/// # Errors
/// `device.certificate` where one stands for another device.
pub(crate) fn follow(tx: &mut Tx<'_>, device: &str, named: &[[u8; 32]]) -> Result<(), Problem> {
    let held = list(tx, device)?;
    for (id, mut credential) in held {
        let Some(fingerprint) = credential.fingerprint.as_deref() else { continue };
        let is_named = named.iter().any(|named| base::hex(named) == fingerprint);
        if !is_named && credential.is_declared {
            end(tx, device, &id, &credential)?;
        } else if is_named && !credential.is_declared {
            credential.is_declared = true;
            tx.put(key::credential(device, &id), wire::write(&credential)?);
        }
    }
    for fingerprint in named {
        if device_of(tx, &base::hex(fingerprint))?.as_deref() != Some(device) {
            let summary = "named by the manifest".into();
            let wanted = Wanted { summary, expires: None, is_declared: true };
            trust(tx, device, fingerprint, wanted)?;
        }
    }
    Ok(())
}

/// Returns the credentials of a device with their ids.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(read: &dyn Read, device: &str) -> Result<Vec<(String, Credential)>, Problem> {
    let pairs = read.scan_prefix(key::credentials(device).as_ref(), usize::MAX)?;
    pairs.iter().map(|(found, bytes)| Ok((id_of(found), wire::read(bytes)?))).collect()
}

/// Returns how many credentials a device has.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn count(read: &dyn Read, device: &str) -> Result<usize, Problem> {
    Ok(read.scan_prefix(key::credentials(device).as_ref(), usize::MAX)?.len())
}

/// Returns a credential as people see it.
pub(crate) fn shown(id: &str, credential: &Credential) -> Value {
    let Credential { hash: _, kind, summary, created, expires, fingerprint, is_declared } =
        credential;
    let mut shown = json!({
        "id": id,
        "kind": kind,
        "summary": summary,
        "created": created,
        "declared": is_declared,
    });
    if let Some(expires) = expires {
        shown["expires"] = json!(expires);
    }
    if let Some(fingerprint) = fingerprint {
        shown["fingerprint"] = json!(format!("{DIGEST}{fingerprint}"));
    }
    shown
}

/// Returns the device that a certificate stands for.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn device_of(read: &dyn Read, fingerprint: &str) -> Result<Option<String>, Problem> {
    let bytes = read.get(key::fingerprint(fingerprint).as_ref())?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Reads the fingerprint of a certificate, as manifests write it.
pub(crate) fn parse(text: &str) -> Option<[u8; 32]> {
    digest(text.strip_prefix(DIGEST)?)
}

/// Returns the fingerprint of a certificate that came as PEM or as its fingerprint.
fn fingerprint_of(text: &str) -> Result<[u8; 32], Problem> {
    let text = text.trim();
    if let Some(fingerprint) = parse(text) {
        return Ok(fingerprint);
    }
    let within = text.split_once(PEM.0).and_then(|(_, rest)| rest.split_once(PEM.1));
    let Some((within, _)) = within else {
        return Err(
            certificate("it is neither PEM nor `sha256:` with 64 hexadecimal digits").into()
        );
    };
    let letters: String = within.split_whitespace().collect();
    let der = STANDARD.decode(letters).map_err(|_| certificate("its PEM has no Base64 inside"))?;
    if der.is_empty() {
        return Err(certificate("its PEM is empty").into());
    }
    Ok(base::sha256(&der))
}

fn certificate(reason: &str) -> Error {
    Error::Certificate { reason: reason.to_owned() }
}

fn check_room(tx: &Tx<'_>, device: &str) -> Result<(), Problem> {
    if count(tx, device)? < CREDENTIALS_MAX {
        return Ok(());
    }
    let what = "the number of credentials of a device".into();
    Err(kernel::Error::TooLarge { what, limit: CREDENTIALS_MAX as u64 }.into())
}

fn id_of(found: &[u8]) -> String {
    let mut parts = KeyReader::new(found);
    // The section, the device, the part of it.
    let _ = (parts.text(), parts.text(), parts.text());
    parts.text().unwrap_or_default()
}

/// Reads a SHA-256 digest in hexadecimal, in letters of either size.
fn digest(text: &str) -> Option<[u8; 32]> {
    let text = text.to_ascii_lowercase();
    if !base::is_digest(&text) {
        return None;
    }
    let mut bytes = [0; 32];
    for (number, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * number..2 * number + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_hash_of_what_stands_in_the_pem() {
        let fingerprint = base::sha256(b"abc");
        let pem = "-----BEGIN CERTIFICATE-----\nYW\nJj\n-----END CERTIFICATE-----\n";
        assert_eq!(fingerprint_of(pem).expect("a certificate"), fingerprint);
        let text = format!("sha256:{}", base::hex(&fingerprint));
        assert_eq!(fingerprint_of(&text).expect("a fingerprint"), fingerprint);
        assert_eq!(parse(&text.to_uppercase().replace("SHA256", "sha256")), Some(fingerprint));
        for wrong in ["", "sha256:00", "-----BEGIN CERTIFICATE-----\nä\n-----END CERTIFICATE-----"]
        {
            let problem = fingerprint_of(wrong).expect_err("it is refused");
            assert_eq!(problem.code, "device.certificate");
        }
    }
}
