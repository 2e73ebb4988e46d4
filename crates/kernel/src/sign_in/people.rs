//! People of identity providers. Somebody who was never declared becomes a user when a provider first vouches for him: as
//! `user:PROVIDER/NAME`, with the roles that his claims give. A declared user with this `identity` is the same person: then he
//! is that user, with the roles of both.
//!
//! Kept of a person are the groups of his claims, not the roles: what the provider's manifest makes of them is worked out with
//! the policies, so that a change of it counts at once.

use super::Error;
use super::jwt::Jwt;
use super::provider::{KIND, ProviderSpec};
use crate::{Call, Principal, Read, Reply, Tx, space};
use base::{Problem, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a person in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Groups of a person that count.
const GROUPS_MAX: usize = 256;

/// What a provider says of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// `PROVIDER/NAME`.
    pub identity: String,
    /// The provider.
    pub provider: String,
    /// His groups, as far as they give roles.
    pub groups: BTreeSet<String>,
    /// When the provider said so, in seconds since 1970.
    pub as_of: i64,
    /// Until when what was shown is good.
    pub expires: Time,
}

/// What is kept of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    provider: String,
    groups: BTreeSet<String>,
    as_of: i64,
}

/// Everybody whom a provider has vouched for, with what the manifests make of it.
pub(crate) struct People {
    kept: BTreeMap<String, Kept>,
    specs: BTreeMap<String, ProviderSpec>,
    /// Declared users by their identity.
    declared: BTreeMap<String, String>,
}

impl People {
    /// Reads everybody.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn load(read: &dyn Read) -> Result<Self, Problem> {
        let mut people =
            Self { kept: BTreeMap::new(), specs: BTreeMap::new(), declared: BTreeMap::new() };
        for provider in read.resources(KIND)? {
            people.specs.insert(provider.name.clone(), ProviderSpec::read(&provider)?);
        }
        for user in read.resources("user")? {
            if let Some(identity) = user.spec.get("identity").and_then(Value::as_str) {
                people.declared.insert(identity.to_owned(), user.name.clone());
            }
        }
        let prefix = space::key(b'P').text("person");
        for (key, bytes) in read.scan_prefix(prefix.as_ref(), usize::MAX)? {
            let mut parts = base::KeyReader::new(&key);
            if let (Some(_), Some(identity)) = (parts.text(), parts.text()) {
                people.kept.insert(identity, decode(&bytes)?);
            }
        }
        Ok(people)
    }

    /// Returns the users whom claims give roles, with these roles.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (&str, BTreeSet<String>)> {
        self.kept.iter().filter_map(|(identity, kept)| {
            let spec = self.specs.get(&kept.provider)?;
            Some((self.user(identity), spec.roles_of(&kept.groups)))
        })
    }

    /// Returns whether somebody of a provider may come to hold a role.
    pub(crate) fn may_hold(&self, role: &str) -> bool {
        self.specs.values().any(|spec| spec.all_roles().contains(role))
    }

    /// Returns the user that an identity belongs to.
    pub(crate) fn user<'a>(&'a self, identity: &'a str) -> &'a str {
        self.declared.get(identity).map_or(identity, String::as_str)
    }

    /// Returns whether the unit knows already what a provider says of somebody, or something newer.
    pub(crate) fn knows(&self, vouched: &Vouched) -> bool {
        self.kept.get(&vouched.identity).is_some_and(|kept| kept.covers(vouched))
    }
}

impl Kept {
    fn covers(&self, vouched: &Vouched) -> bool {
        self.groups == vouched.groups || vouched.as_of <= self.as_of
    }
}

/// Reads who a token is about. The token must be verified and checked.
///
/// # Errors
/// `sign_in.rejected` where it does not say who, or in a form that no name has.
pub(crate) fn vouched(
    provider: &str,
    spec: &ProviderSpec,
    token: &Jwt<'_>,
) -> Result<Vouched, Problem> {
    let rejected = |reason: &str| -> Problem {
        Error::Rejected { provider: provider.to_owned(), reason: reason.to_owned() }.into()
    };
    let name = token.at(&spec.name).and_then(Value::as_str).unwrap_or_default();
    if !is_name(name) {
        return Err(rejected(&format!("its claim `{}` names nobody", spec.name)));
    }
    // Whoever can enter any address there could take anybody's name. Some providers write it as text.
    let is_verified = match token.at("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    if spec.name == "email" && !is_verified {
        return Err(rejected("it does not say that the address of the person is verified"));
    }
    let groups = spec.roles.claim.as_deref().and_then(|claim| token.at(claim));
    let groups: Vec<&str> = match groups {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_known = |group: &&str| spec.roles.map.contains_key(*group);
    let groups = groups.into_iter().filter(is_known).take(GROUPS_MAX).map(str::to_owned).collect();
    let expires = token.seconds("exp").unwrap_or_default();
    Ok(Vouched {
        identity: format!("{provider}/{name}"),
        provider: provider.to_owned(),
        groups,
        as_of: token.seconds("iat").unwrap_or_default(),
        expires: Time(expires.saturating_mul(1_000)),
    })
}

/// Returns whether a text can be the name of a person: what people read must look like what it is.
fn is_name(text: &str) -> bool {
    let is_good = |character: char| {
        !character.is_control() && !character.is_whitespace() && !"\"'`\\/".contains(character)
    };
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_good)
}

/// Writes down what a provider says of somebody, where it is news.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn keep(tx: &mut Tx<'_>, vouched: &Vouched) -> Result<(), Problem> {
    let key = space::key(b'P').text("person").text(&vouched.identity);
    if let Some(bytes) = tx.get(key.as_ref())?
        && decode(&bytes)?.covers(vouched)
    {
        return Ok(());
    }
    let Vouched { provider, groups, as_of, .. } = vouched.clone();
    let kept = serde_json::to_vec(&Kept { provider, groups, as_of })
        .map_err(|error| crate::Error::Internal { detail: error.to_string() })?;
    tx.put(key, kept);
    // Roles have changed.
    tx.raise_epoch()
}

/// Writes down whom a provider vouches for, for a token that a program shows: the operation `user.record`, which the unit's
/// part `sign-in` calls.
///
/// # Errors
/// `sign_in.door` for anybody else.
pub(crate) fn record(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Some(vouched) = call.prepared::<Vouched>() else {
        return Err(Error::Unprepared { operation: call.operation.clone() }.into());
    };
    keep(tx, vouched)?;
    Ok(Reply::Value(json!({"user": vouched.identity})))
}

impl Vouched {
    /// Returns the call that writes it down.
    pub(crate) fn record(self) -> Call {
        let part = Principal::Unit("sign-in".into());
        let mut call = Call::new("user.record", crate::ResourceRef::new("user", ""), part);
        call.prepared = Some(crate::Prepared::new(self));
        call
    }
}

fn decode(bytes: &[u8]) -> Result<Kept, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        crate::Error::Internal { detail: format!("stored person: {error}") }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_look_like_names() {
        for good in ["ana", "ana@example.com", "auth0|5f7c", "Zoë", "00u1-2_3.4:5"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "a\nb", "a\"b", "a\u{0}", &"x".repeat(129)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_names_somebody_only_where_it_is_verified() {
        use base64::Engine;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let check = |name: &str, verified: Option<Value>| {
            let spec = json!({"issuer": "https://id.example", "client_id": "x", "name": name});
            let spec: ProviderSpec = serde_json::from_value(spec).expect("a spec");
            let mut claims = json!({"sub": "1", "email": "ana@example.com"});
            if let Some(verified) = verified {
                claims["email_verified"] = verified;
            }
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let text = format!("{}.{}.AAAA", part(&json!({"alg": "EdDSA"})), part(&claims));
            let token = Jwt::read(&text).expect("a token");
            vouched("id", &spec, &token).map(|vouched| vouched.identity).map_err(|error| error.code)
        };
        let ana = || Ok("id/ana@example.com".to_owned());
        assert_eq!(check("email", Some(json!(true))), ana());
        assert_eq!(check("email", Some(json!("true"))), ana());
        for wrong in
            [None, Some(json!(false)), Some(json!("false")), Some(json!(1)), Some(json!(null))]
        {
            assert_eq!(check("email", wrong), Err("sign_in.rejected".to_owned()));
        }
        assert_eq!(check("sub", None), Ok("id/1".to_owned()));
    }

    #[test]
    fn an_older_word_does_not_replace_a_newer_one() {
        let kept =
            Kept { provider: "id".into(), groups: BTreeSet::from(["a".to_owned()]), as_of: 10 };
        let said = |group: &str, as_of| Vouched {
            identity: "id/ana".into(),
            provider: "id".into(),
            groups: BTreeSet::from([group.to_owned()]),
            as_of,
            expires: Time(0),
        };
        assert!(kept.covers(&said("a", 20)), "nothing new");
        assert!(kept.covers(&said("b", 9)), "older");
        assert!(!kept.covers(&said("b", 11)));
    }
}
