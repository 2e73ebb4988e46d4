//! Who a client is: by its certificate, else by its password, which is a token. Its user name is not believed, but has to fit.

use super::{Door, Peer, blocking};
use crate::mqtt::{Connect, Version, reason};
use crate::publish::reason as reasons;
use base::{Kind, Problem};
use kernel::{Credential, Identity, Principal, certificate_hash};
use std::sync::Arc;

/// Why a client is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The reason code of CONNACK.
    pub code: u8,
    /// The reason in words.
    pub reason: String,
}

impl Refused {
    fn new(code: u8, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let (code, reason) = reasons::of(&problem);
        Self { code, reason }
    }
}

/// Finds out who a client is.
///
/// # Errors
/// Why it is not let in.
pub(super) async fn identify(
    door: &Arc<Door>,
    peer: &Peer,
    connect: &Connect,
) -> Result<Identity, Refused> {
    let password = connect.password.as_deref().map(std::str::from_utf8).transpose();
    let password =
        password.map_err(|_| Refused::new(reason::CREDENTIAL, "the password is no text"))?;
    let shown = match (&peer.certificate, password) {
        (None, None) => Err(none(connect.version)),
        (None, Some(token)) => bearer(door, token).await,
        (Some(fingerprint), None) => certificate(door, fingerprint).await,
        (Some(fingerprint), Some(token)) => match certificate(door, fingerprint).await {
            // It may be one for the connection alone.
            Err(refused) if refused.code == reason::CREDENTIAL => bearer(door, token).await,
            shown => shown,
        },
    };
    let identity = shown?;
    match &identity.principal {
        Principal::User(_) | Principal::Device(_) => {}
        _ => return Err(Refused::new(reason::NOT_AUTHORIZED, "devices and users come in here")),
    }
    match &connect.user {
        Some(user) if !fits(user, &identity.principal) => {
            Err(Refused::new(reason::CREDENTIAL, "the credential is of somebody else"))
        }
        _ => Ok(identity),
    }
}

/// 3.1.1 has another word for it.
fn none(version: Version) -> Refused {
    let code = match version {
        Version::V3 => reason::NOT_AUTHORIZED,
        Version::V5 => reason::CREDENTIAL,
    };
    Refused::new(code, "a client shows its token as password, or a certificate")
}

/// A user name may say the kind of principal, or not. None at all is none.
fn fits(user: &str, principal: &Principal) -> bool {
    user.is_empty() || user == principal.name() || *user == principal.to_string()
}

async fn bearer(door: &Arc<Door>, token: &str) -> Result<Identity, Refused> {
    if let Some(identity) = door.kernel().remembered(token) {
        return Ok(identity);
    }
    let (door, token) = (Arc::clone(door), token.to_owned());
    let shown = blocking(move || door.handle.authenticate(&Credential::Bearer(&token)));
    shown.await.map_err(unknown)
}

async fn certificate(door: &Arc<Door>, fingerprint: &[u8; 32]) -> Result<Identity, Refused> {
    if let Some(identity) = door.kernel().remembered_holder(&certificate_hash(fingerprint)) {
        return Ok(identity);
    }
    let (door, fingerprint) = (Arc::clone(door), *fingerprint);
    let shown = blocking(move || door.handle.authenticate(&Credential::Certificate(&fingerprint)));
    shown.await.map_err(unknown)
}

fn unknown(problem: Problem) -> Refused {
    match problem.kind {
        Kind::Unauthenticated => Refused { code: reason::CREDENTIAL, ..problem.into() },
        _ => problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_fits_or_is_not_given() {
        let device = Principal::Device("van-7".into());
        for user in ["", "van-7", "device:van-7"] {
            assert!(fits(user, &device), "{user}");
        }
        for user in ["van-8", "user:van-7", "Van-7"] {
            assert!(!fits(user, &device), "{user}");
        }
    }
}
