//! Who a caller is: the credential that it shows, and whose that is. What was found out is remembered until the next change of any
//! right.

use super::Kernel;
use crate::read::Reader;
use crate::sign_in::{self, Known, Vouched};
use crate::{Error, Principal, Read, Signed, Token, token};
use base::{Problem, Time};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Who a credential belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// The rights that the token is cut down to; empty for all.
    pub scope: Vec<String>,
    /// By which credential, where it can be revoked.
    pub stamp: Option<Stamp>,
}

impl Identity {
    /// Returns somebody who was recognised without a credential that can be revoked.
    pub fn of(principal: Principal) -> Self {
        Self { principal, scope: Vec::new(), stamp: None }
    }

    /// Returns it as it stands after so many changes of rights, for who has asked [`Kernel::holds`] in a look that was opened after he had
    /// read that number: until rights change again its calls need no look at the credential.
    #[must_use]
    pub fn as_of(mut self, rights: u64) -> Self {
        if let Some(stamp) = &mut self.stamp {
            stamp.rights = rights;
        }
        self
    }
}

/// A credential as it was recognised: by it the kernel sees whether it was revoked before a call ran.
/// It can be stored, for work that goes on after its call; what was stored is always looked up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The hash of the credential.
    pub(crate) hash: [u8; 32],
    /// The number of changes of rights before it was looked up: it counts from the start of the unit.
    #[serde(skip, default = "unseen")]
    pub(crate) rights: u64,
    /// When it ends, where it is a token and no session.
    pub(crate) until: Option<Time>,
    /// Who its user was by the word of a provider, where it is one of a provider and not in the store.
    #[serde(with = "shared")]
    pub(crate) known: Option<Arc<Known>>,
}

impl Stamp {
    /// Returns the id of the token or session that it is of, where it is one of this unit.
    pub fn id(&self) -> String {
        token::id_of_hash(&self.hash)
    }
}

/// Returns a number of changes of rights that there never is.
fn unseen() -> u64 {
    u64::MAX
}

/// What several threads hold, stored as if each had its own.
mod shared {
    use super::{Arc, Deserialize, Known, Serialize};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        known: &Option<Arc<Known>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        known.as_deref().serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Arc<Known>>, D::Error> {
        Ok(Option::<Known>::deserialize(from)?.map(Arc::new))
    }
}

/// What came of looking at a credential.
pub(crate) enum Recognised {
    /// The unit knows whose it is.
    Known(Identity),
    /// A provider vouches for somebody whom the unit does not know, or not like this.
    News(Box<Vouched>),
}

/// What a caller shows to say who it is.
#[derive(Debug)]
pub enum Credential<'a> {
    /// Nothing.
    None,
    /// A token.
    Bearer(&'a str),
    /// A signature over the request.
    Signed(&'a Signed),
    /// A client certificate, of which the door has checked that the caller has its key: the SHA-256 of its DER form.
    Certificate(&'a [u8; 32]),
}

impl Kernel {
    /// Returns who a credential belongs to. Whom a provider vouches for must be known already: see
    /// [`Handle::authenticate`](crate::Handle::authenticate).
    ///
    /// # Errors
    /// `token.invalid`, or what the engine says that knows such signatures. The refusal is audited.
    pub fn authenticate(
        self: &Arc<Self>,
        credential: &Credential<'_>,
    ) -> Result<Identity, Problem> {
        match self.recognise(credential)? {
            Recognised::Known(identity) => Ok(identity),
            Recognised::News(_) => {
                let reason = "the unit has not met this person yet";
                self.audited(Err(Error::Unauthenticated { reason }.into()))
            }
        }
    }

    /// Looks at a credential. The refusal is audited.
    pub(crate) fn recognise(
        self: &Arc<Self>,
        credential: &Credential<'_>,
    ) -> Result<Recognised, Problem> {
        let recognised = match credential {
            Credential::None => {
                return Ok(Recognised::Known(Identity::of(Principal::Anonymous)));
            }
            Credential::Bearer(token) => self.bearer(token),
            Credential::Signed(signed) => Reader::new(self, Principal::Anonymous)
                .and_then(|reader| self.signer(&reader, signed).map(Recognised::Known)),
            Credential::Certificate(fingerprint) => {
                self.holder(&token::certificate_hash(fingerprint)).map(Recognised::Known)
            }
        };
        self.audited(recognised)
    }

    /// Notes a sign-in that was refused.
    pub(crate) fn audited<T>(&self, outcome: Result<T, Problem>) -> Result<T, Problem> {
        if let Err(problem) = &outcome {
            let wall = self.clock.wall();
            self.audit.refuse(wall, "anonymous", "authenticate", "unit", &problem.code);
        }
        outcome
    }

    /// Recognises a token. What was recognised is remembered until the next change of any right.
    fn bearer(self: &Arc<Self>, secret: &str) -> Result<Recognised, Problem> {
        let hash = base::sha256(secret.as_bytes());
        if sign_in::is_jwt(secret) {
            return self.federated(&hash, secret);
        }
        self.holder(&hash).map(Recognised::Known)
    }

    /// Recognises a token of an identity provider.
    fn federated(self: &Arc<Self>, hash: &[u8; 32], text: &str) -> Result<Recognised, Problem> {
        let (wall, now) = (self.clock.wall(), self.rights.load(Ordering::SeqCst));
        if let Some(identity) = self.holders.find(hash, now, wall) {
            return Ok(Recognised::Known(identity));
        }
        let reader = Reader::new(self, Principal::Anonymous)?;
        let vouched = sign_in::bearer(self, &reader, text)?;
        if !sign_in::knows(&reader, &vouched)? {
            return Ok(Recognised::News(Box::new(vouched)));
        }
        let user = self.policies(&reader)?.people().user(&vouched.word.identity).to_owned();
        let token = Token {
            id: String::new(),
            user: user.clone(),
            summary: String::new(),
            scope: Vec::new(),
            expires: Some(vouched.expires),
            created: wall,
            session: None,
            is_device: false,
        };
        let known = Some(Arc::new(Known { word: vouched.word, user }));
        self.holders.keep(hash, now & !1, token, known, wall).map(Recognised::Known)
    }

    /// Returns who holds the token with a hash.
    pub(crate) fn holder(self: &Arc<Self>, hash: &[u8; 32]) -> Result<Identity, Problem> {
        // The number is read before the token: a change in between makes it void at once.
        let (wall, now) = (self.clock.wall(), self.rights.load(Ordering::SeqCst));
        if let Some(identity) = self.holders.find(hash, now, wall) {
            return Ok(identity);
        }
        let token = Token::find(&Reader::new(self, Principal::Anonymous)?, hash)?;
        self.holders.keep(hash, now & !1, token, None, wall)
    }

    /// Refuses a credential that was revoked since it was recognised. `is_changing`: rights change in the commit in the making. What
    /// `read` shows was opened before: of a change of rights that it has, the number tells.
    ///
    /// # Errors
    /// `token.invalid`.
    pub(crate) fn confirm(
        &self,
        read: &dyn Read,
        stamp: &Stamp,
        is_changing: bool,
    ) -> Result<(), Problem> {
        if !is_changing && self.rights.load(Ordering::SeqCst) == stamp.rights {
            return Ok(());
        }
        let Some(known) = &stamp.known else {
            return Token::find(read, &stamp.hash).map(|_| ());
        };
        if self.policies(read)?.people().still(known) {
            return Ok(());
        }
        let reason = "no identity provider of this unit vouches for this user any more";
        Err(Error::Unauthenticated { reason }.into())
    }

    /// Refuses a credential that does not hold any more: it was revoked, its time is up, or its session was idle for too long. To ask is
    /// no use of it.
    ///
    /// # Errors
    /// `token.invalid`; where the store cannot be read.
    pub(crate) fn is_held(&self, read: &dyn Read, stamp: &Stamp) -> Result<(), Problem> {
        let wall = self.clock.wall();
        if stamp.known.is_some() {
            if stamp.until.is_some_and(|until| until <= wall) {
                return Err(Error::Unauthenticated { reason: "the token has expired" }.into());
            }
            return self.confirm(read, stamp, true);
        }
        let token = Token::find(read, &stamp.hash)?;
        token.check(self.holders.seen(&stamp.hash).unwrap_or(token.created), wall)
    }

    /// Refuses somebody whose credential does not hold any more, for who stays connected long after he was recognised. To ask is no use
    /// of the credential.
    ///
    /// # Errors
    /// `token.invalid`; where the store cannot be read.
    pub fn holds(&self, read: &dyn Read, identity: &Identity) -> Result<(), Problem> {
        identity.stamp.as_ref().map_or(Ok(()), |stamp| self.is_held(read, stamp))
    }

    /// Returns who a token belongs to, where that was found out since the last change of any right. Never waits for the store.
    pub fn remembered(&self, secret: &str) -> Option<Identity> {
        self.remembered_holder(&base::sha256(secret.as_bytes()))
    }

    /// As [`Self::remembered`], by the hash of the token.
    pub fn remembered_holder(&self, hash: &[u8; 32]) -> Option<Identity> {
        self.holders.find(hash, self.rights.load(Ordering::SeqCst), self.clock.wall())
    }

    fn signer(&self, reader: &Reader, signed: &Signed) -> Result<Identity, Problem> {
        for engine in &self.engines {
            if let Some(principal) = engine.authenticate(reader, signed)? {
                return Ok(Identity::of(principal));
            }
        }
        Err(Error::Unauthenticated { reason: "nobody is known by this signature" }.into())
    }

    /// Returns who a signed request says it is from, before its body has come. Nobody is authenticated by it.
    ///
    /// # Errors
    /// `token.invalid` where no engine knows such a caller, or what the engine says. The refusal is audited.
    pub fn claimed(self: &Arc<Self>, signed: &Signed) -> Result<Principal, Problem> {
        let claimed = Reader::new(self, Principal::Anonymous).and_then(|reader| {
            for engine in &self.engines {
                if let Some(principal) = engine.claimed(&reader, signed)? {
                    return Ok(principal);
                }
            }
            Err(Error::Unauthenticated { reason: "nobody is known by this signature" }.into())
        });
        self.audited(claimed)
    }
}
