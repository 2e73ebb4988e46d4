//! People sign in: with a password, or with what an identity provider (OpenID Connect) says of them.
//!
//! What takes long is done on the caller's thread before the call is queued (see [`Operation::prepared`](crate::Operation)):
//! a password is hashed, a provider is asked. The commit then only writes down that there is a session. A session is a token
//! with a time to be idle: every door that takes tokens takes it.

mod error;
mod flow;
mod jwt;
mod keys;
mod password;
mod people;
mod provider;
mod session;
mod throttle;
pub(crate) mod users;
mod web;

pub(crate) use error::Error;
pub(crate) use flow::{begin, prepare_finish};
pub(crate) use jwt::{Jwt, is_jwt};
pub(crate) use people::{Known, People, Vouched, keep_heard, knows, record};
pub(crate) use provider::{KIND as PROVIDER, ProviderSpec, granted};
pub use session::{Session, sessions_ended};
pub(crate) use session::{
    create, delete_password, end, expire, find, forget_provider, forget_user, list, prepare_create,
    prepare_delete, prepare_password, relation, sessions_key, set_password,
};
pub use web::{Web, WebRequest, WebResponse};

use crate::{Kernel, Reader};
use base::Problem;
use std::sync::{Arc, OnceLock};

/// What a kernel keeps in memory for those who sign in.
#[derive(Default)]
pub(crate) struct SignIn {
    throttle: throttle::Throttle,
    gate: password::Gate,
    providers: keys::Providers,
    heard: people::Heard,
    /// Makes what a sign-in under way carries unforgeable. New with every start.
    seal: OnceLock<[u8; 32]>,
    web: OnceLock<Arc<dyn Web>>,
}

impl SignIn {
    /// Says how identity providers are asked. Once; later ones are not heard.
    pub(crate) fn set_web(&self, web: Arc<dyn Web>) {
        let _ = self.web.set(web);
    }

    /// Returns the way to identity providers.
    ///
    /// # Errors
    /// `sign_in.provider` where there is none, as in a unit that is only looked at.
    pub(crate) fn web(&self, provider: &str) -> Result<&Arc<dyn Web>, Problem> {
        self.web.get().ok_or_else(|| {
            let reason = "this unit asks nobody".to_owned();
            Error::Provider { provider: provider.to_owned(), reason }.into()
        })
    }
}

/// Returns who a JWT is about, where a provider of this unit vouches for it.
///
/// # Errors
/// `token.invalid`, `sign_in.rejected`, `sign_in.provider`.
pub(crate) fn bearer(
    kernel: &Arc<Kernel>,
    reader: &Reader,
    text: &str,
) -> Result<Vouched, Problem> {
    let token = Jwt::read(text)?;
    let issuer = token.claim("iss").unwrap_or_default();
    let unknown = || Error::Jwt { reason: "no provider of this unit has issued it" };
    let (provider, spec) = provider::of_issuer(reader, issuer)?.ok_or_else(unknown)?;
    kernel.sign_in.providers.verify(kernel, &provider, &spec, &token)?;
    let audiences: Vec<&str> = std::iter::once(spec.client_id.as_str())
        .chain(spec.audiences.iter().map(String::as_str))
        .collect();
    let expected = jwt::Expected {
        issuer: &spec.issuer,
        audiences: &audiences,
        party: None,
        nonce: None,
        now: kernel.clock().wall(),
    };
    let rejected = |reason| Error::Rejected { provider: provider.clone(), reason };
    token.check(&expected).map_err(rejected)?;
    people::vouched(&provider, &spec, &token)
}
