//! What is known of identity providers: their addresses (OpenID Connect Discovery) and their keys. Remembered for a day; asked
//! for again where a token names a key that is not known, once a minute at most, whoever sends such tokens.
//!
//! Nobody waits for a provider but who asks it: whatever can be answered from what is known is answered at once, also while it is asked.

use super::jwt::{self, Jwt, Key};
use super::provider::{ProviderSpec, is_safe};
use super::{Error, WebRequest};
use crate::Kernel;
use base::Problem;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long what a provider says of itself is good.
const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How long a provider is left alone after it was asked.
const PAUSE: Duration = Duration::from_secs(60);

/// The largest document of a provider in bytes.
const DOCUMENT_BYTES_MAX: usize = 512 << 10;

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Document {
    issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where a code is exchanged for a token.
    pub token_endpoint: String,
    jwks_uri: String,
    /// How the unit may show its secret; in the header where it says nothing.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What is known of one provider.
#[derive(Clone)]
struct Known {
    document: Arc<Document>,
    keys: Arc<Vec<Key>>,
    /// When it was asked, monotonic.
    at: Duration,
}

/// A provider: what is known of it, and when it was last asked, to whatever end.
#[derive(Default)]
struct Held {
    known: Option<Known>,
    asked: Option<Duration>,
    /// True until it has answered, or was given up.
    is_asked: bool,
}

/// All providers, by name and by what their manifests say.
#[derive(Default)]
pub(crate) struct Providers(Mutex<HashMap<String, (ProviderSpec, Arc<Mutex<Held>>)>>);

impl Providers {
    /// Returns what a provider says of itself.
    ///
    /// # Errors
    /// `sign_in.provider`.
    pub(crate) fn document(
        &self,
        kernel: &Kernel,
        name: &str,
        spec: &ProviderSpec,
    ) -> Result<Arc<Document>, Problem> {
        let known = self.known(kernel, name, spec, |_| true)?;
        Ok(known.document)
    }

    /// Verifies the signature of a token.
    ///
    /// # Errors
    /// `sign_in.rejected` where no key of the provider has signed it, `sign_in.provider`.
    pub(crate) fn verify(
        &self,
        kernel: &Kernel,
        name: &str,
        spec: &ProviderSpec,
        token: &Jwt<'_>,
    ) -> Result<(), Problem> {
        let known = self.known(kernel, name, spec, |keys| !token.keys(keys).is_empty())?;
        if token.is_signed_by(&token.keys(&known.keys)) {
            return Ok(());
        }
        let reason = "no key of the provider has signed it".to_owned();
        Err(Error::Rejected { provider: name.to_owned(), reason }.into())
    }

    /// Returns what is known of a provider; asks it where nothing is, or where the keys are not enough.
    fn known(
        &self,
        kernel: &Kernel,
        name: &str,
        spec: &ProviderSpec,
        is_enough: impl Fn(&[Key]) -> bool,
    ) -> Result<Known, Problem> {
        let held = self.held(name, spec);
        let now = kernel.clock().monotonic();
        if let Some(known) = lock(&held).at_once(name, now, is_enough)? {
            return Ok(known);
        }
        // Nobody else asks meanwhile, and nobody waits for the lock.
        let answer = ask(kernel, name, spec, now);
        let mut held = lock(&held);
        held.is_asked = false;
        match answer {
            Ok(known) => {
                held.known = Some(known.clone());
                Ok(known)
            }
            Err(problem) => held.usable(now).cloned().ok_or(problem),
        }
    }

    fn held(&self, name: &str, spec: &ProviderSpec) -> Arc<Mutex<Held>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, held)) = all.get(name)
            && of == spec
        {
            return Arc::clone(held);
        }
        let held = Arc::new(Mutex::new(Held::default()));
        all.insert(name.to_owned(), (spec.clone(), Arc::clone(&held)));
        held
    }
}

impl Held {
    /// Returns what is known. What was known is better than nothing, for a while: keys change seldom.
    fn usable(&self, now: Duration) -> Option<&Known> {
        self.known.as_ref().filter(|known| now.saturating_sub(known.at) < 2 * AGE_MAX)
    }

    /// Returns what is known, where the provider need not be asked or was asked of late; otherwise the caller asks it.
    ///
    /// # Errors
    /// `sign_in.provider` where what is known is not enough and somebody else is asking.
    fn at_once(
        &mut self,
        name: &str,
        now: Duration,
        is_enough: impl Fn(&[Key]) -> bool,
    ) -> Result<Option<Known>, Problem> {
        let may_ask = self.asked.is_none_or(|asked| PAUSE <= now.saturating_sub(asked));
        let reason = match self.usable(now) {
            Some(known)
                if now.saturating_sub(known.at) < AGE_MAX && is_enough(known.keys.as_slice()) =>
            {
                return Ok(Some(known.clone()));
            }
            _ if may_ask => {
                (self.asked, self.is_asked) = (Some(now), true);
                return Ok(None);
            }
            // One of its newer keys may be meant: that will be known in a moment.
            Some(known) if !self.is_asked || is_enough(known.keys.as_slice()) => {
                return Ok(Some(known.clone()));
            }
            _ if self.is_asked => "it is being asked at this moment, repeat it a little later",
            _ => "it did not answer a moment ago",
        };
        Err(Error::Provider { provider: name.to_owned(), reason: reason.to_owned() }.into())
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ask(kernel: &Kernel, name: &str, spec: &ProviderSpec, at: Duration) -> Result<Known, Problem> {
    let wrong = |reason: String| -> Problem {
        Error::Provider { provider: name.to_owned(), reason }.into()
    };
    let issuer = spec.issuer.trim_end_matches('/');
    let address = format!("{issuer}/.well-known/openid-configuration");
    let document: Document = serde_json::from_value(fetch(kernel, name, spec, &address)?)
        .map_err(|error| wrong(format!("its description has a fault: {error}")))?;
    // Otherwise one provider could speak for another (OpenID Connect Discovery, section 4.3).
    if document.issuer != spec.issuer {
        return Err(wrong("it says that it is another issuer".into()));
    }
    let addresses =
        [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri];
    if !addresses.into_iter().all(|address| is_safe(address)) {
        return Err(wrong("its description has an address without TLS".into()));
    }
    let keys = jwt::keys(&fetch(kernel, name, spec, &document.jwks_uri)?);
    if keys.is_empty() {
        return Err(wrong("it has no key for RS256, ES256 or EdDSA".into()));
    }
    Ok(Known { document: Arc::new(document), keys: Arc::new(keys), at })
}

/// Returns a JSON document of a provider.
fn fetch(kernel: &Kernel, name: &str, spec: &ProviderSpec, url: &str) -> Result<Value, Problem> {
    let wrong = |reason: String| -> Problem {
        Error::Provider { provider: name.to_owned(), reason }.into()
    };
    let request = WebRequest {
        url: url.to_owned(),
        form: None,
        authorization: None,
        certificate: spec.certificate.clone(),
        answer_bytes_max: DOCUMENT_BYTES_MAX,
    };
    let response = kernel.sign_in.web(name)?.send(&request).map_err(wrong)?;
    if response.status != 200 {
        return Err(wrong(format!("it answered {}", response.status)));
    }
    serde_json::from_slice(&response.body).map_err(|_| wrong("it answered no JSON".into()))
}
