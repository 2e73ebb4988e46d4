//! Identity providers as manifests declare them: who they are, and which roles their claims give.

use crate::secrets::SecretRef;
use crate::{Read, Resource};
use base::{Place, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The kind of resource.
pub(crate) const KIND: &str = "identity_provider";

/// What the manifest of an identity provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderSpec {
    /// Who it is.
    #[serde(default)]
    pub summary: String,
    /// The address under which it issues tokens, exactly as its tokens say it; `https://`, or `http://` on this machine.
    pub issuer: String,
    /// What the unit is called there.
    pub client_id: String,
    /// The secret of the unit that has what the provider has given to it. Its `hosts` list the host of the provider's token endpoint.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// What is asked for beside `openid`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// The claim that names a person. It must never pass to somebody else.
    #[serde(default = "subject")]
    pub name: String,
    /// Which roles people get.
    #[serde(default)]
    pub roles: ClaimedRoles,
    /// For whom tokens may be that programs show, beside `client_id`.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The address at which browsers reach this unit; without it people sign in with the command line only.
    #[serde(default)]
    pub url: Option<String>,
    /// The certificate (PEM) that the provider's server must show, where no authority of the system vouches for it.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// Which roles people get.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClaimedRoles {
    /// The claim with a person's groups: text, or a list of texts. Names on the way to it are joined by a dot.
    pub claim: Option<String>,
    /// The roles of each group.
    pub map: BTreeMap<String, Vec<String>>,
    /// The roles of everybody whom the provider knows.
    pub everybody: Vec<String>,
}

fn scopes() -> Vec<String> {
    vec!["profile".into(), "email".into()]
}

fn subject() -> String {
    "sub".into()
}

impl ProviderSpec {
    /// Reads the spec of a declared provider.
    ///
    /// # Errors
    /// `kernel.internal` where what is stored cannot be read, which is a defect.
    pub(crate) fn read(resource: &Resource) -> Result<Self, Problem> {
        serde_json::from_value(resource.spec.clone()).map_err(|error| {
            let detail = format!("{}: {error}", resource.reference());
            crate::Error::Internal { detail }.into()
        })
    }

    /// Returns a mark of what its word rests on: who issues it, for whom, and how it names people. With another mark, what it said
    /// before counts no more.
    pub(crate) fn mark(&self) -> [u8; 32] {
        let parts = json!([self.issuer, self.client_id, self.audiences, self.name]);
        base::sha256(parts.to_string().as_bytes())
    }

    /// Returns every role that somebody may get.
    pub(crate) fn all_roles(&self) -> BTreeSet<&str> {
        self.roles.map.values().flatten().chain(&self.roles.everybody).map(String::as_str).collect()
    }

    /// Returns the roles of who is in some groups.
    pub(crate) fn roles_of(&self, groups: &BTreeSet<String>) -> BTreeSet<String> {
        let mapped = groups.iter().filter_map(|group| self.roles.map.get(group)).flatten();
        mapped.chain(&self.roles.everybody).cloned().collect()
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// `manifest.invalid` with the place.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let wrong = |pointer: &str, reason: String, hint: &str| {
            let problem =
                crate::Error::Manifest { reason, place: None, hint: Some(hint.to_owned()) };
            Err(Problem::from(problem).at(Place::pointer(format!("/spec/{pointer}"))))
        };
        if !is_safe(&self.issuer) {
            let reason = format!("`{}` is no address of an issuer", cut(&self.issuer));
            return wrong("issuer", reason, "write https://…; http:// only on this machine");
        }
        if self.url.as_deref().is_some_and(|url| !is_safe(url)) {
            let reason = "browsers send what they sign in with to `url`".to_owned();
            return wrong("url", reason, "write https://…; http:// only on this machine");
        }
        if self.client_id.is_empty() || self.name.is_empty() {
            let reason = "`client_id` and `name` are not empty".to_owned();
            return wrong("client_id", reason, "the provider says what the unit is called there");
        }
        if self.roles.claim.is_none() && !self.roles.map.is_empty() {
            let reason = "`map` says roles of groups, and no claim says the groups".to_owned();
            return wrong("roles/claim", reason, "name the claim, for example `groups`");
        }
        Ok(())
    }
}

/// Returns the roles that a manifest of this kind can give: who applies it must hold them.
pub(crate) fn granted(spec: &Value) -> Vec<String> {
    let Ok(spec) = serde_json::from_value::<ProviderSpec>(spec.clone()) else { return Vec::new() };
    spec.all_roles().into_iter().map(str::to_owned).collect()
}

/// Returns a declared provider.
///
/// # Errors
/// `resource.not_found`.
pub(crate) fn find(read: &dyn Read, name: &str) -> Result<ProviderSpec, Problem> {
    match read.resource(KIND, name)? {
        Some(resource) => ProviderSpec::read(&resource),
        None => Err(crate::Error::NotFound { resource: format!("{KIND}/{name}") }.into()),
    }
}

/// Returns the declared provider that issues under an address.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn of_issuer(
    read: &dyn Read,
    issuer: &str,
) -> Result<Option<(String, ProviderSpec)>, Problem> {
    for resource in read.resources(KIND)? {
        let spec = ProviderSpec::read(&resource)?;
        if spec.issuer == issuer {
            return Ok(Some((resource.name.clone(), spec)));
        }
    }
    Ok(None)
}

/// Returns whether nobody on the way reads what is sent to an address: TLS, or this machine.
pub(crate) fn is_safe(url: &str) -> bool {
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic())
        && !url.contains(['"', '<', '>', '\\', '#']);
    let host = |rest: &str| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        // Before an at sign would stand a name and a password.
        let is_plain = !authority.contains('@');
        let host = match authority.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        is_plain.then(|| host.to_owned()).filter(|host| !host.is_empty())
    };
    let is_local = |host: String| {
        host == "localhost"
            || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    };
    is_clean
        && match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => host(rest).is_some(),
            (_, Some(rest)) => host(rest).is_some_and(is_local),
            _ => false,
        }
}

/// Returns the host of an address, with its port where it says one.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(change: Value) -> Result<(), String> {
        let mut spec = json!({"issuer": "https://id.example", "client_id": "craton"});
        for (name, value) in change.as_object().into_iter().flatten() {
            spec[name] = value.clone();
        }
        let spec: ProviderSpec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        spec.check()
            .map_err(|problem| problem.place.map(|place| place.to_string()).unwrap_or_default())
    }

    #[test]
    fn a_manifest_that_cannot_work_is_refused_with_its_place() {
        assert_eq!(spec(json!({})), Ok(()));
        assert_eq!(spec(json!({"issuer": "http://localhost:9400"})), Ok(()));
        assert_eq!(spec(json!({"issuer": "http://id.example"})), Err("/spec/issuer".into()));
        assert_eq!(spec(json!({"issuer": "https://"})), Err("/spec/issuer".into()));
        assert_eq!(spec(json!({"issuer": "https://a@id.example"})), Err("/spec/issuer".into()));
        assert_eq!(spec(json!({"url": "http://unit.example"})), Err("/spec/url".into()));
        assert_eq!(spec(json!({"url": "http://[::1]:8080"})), Ok(()));
        assert_eq!(spec(json!({"client_secret": {"secret": "acme"}})), Ok(()));
        assert!(spec(json!({"client_secret": "in clear"})).is_err());
        assert_eq!(
            spec(json!({"roles": {"map": {"a": ["owner"]}}})),
            Err("/spec/roles/claim".into())
        );
        assert!(spec(json!({"isuer": "x"})).expect_err("refused").contains("isuer"));
    }

    #[test]
    fn the_host_of_an_address_has_its_port_where_it_says_one() {
        assert_eq!(host("https://id.example/token?a"), "id.example");
        assert_eq!(host("http://127.0.0.1:9400"), "127.0.0.1:9400");
    }

    #[test]
    fn a_provider_has_another_mark_where_its_word_is_another_one() {
        let mark = |change: Value| {
            let mut spec = json!({"issuer": "https://id.example", "client_id": "craton"});
            for (name, value) in change.as_object().into_iter().flatten() {
                spec[name] = value.clone();
            }
            serde_json::from_value::<ProviderSpec>(spec).expect("a spec").mark()
        };
        let first = mark(json!({}));
        for same in [json!({"summary": "The company."}), json!({"roles": {"everybody": ["x"]}})] {
            assert_eq!(mark(same), first);
        }
        for other in [
            json!({"issuer": "https://other.example"}),
            json!({"client_id": "x"}),
            json!({"audiences": ["x"]}),
            json!({"name": "email"}),
        ] {
            assert_ne!(mark(other.clone()), first, "{other}");
        }
    }

    #[test]
    fn groups_give_roles_and_everybody_has_some() {
        let spec: ProviderSpec = serde_json::from_value(json!({
            "issuer": "https://id.example",
            "client_id": "craton",
            "roles": {"claim": "groups", "map": {"sales": ["clerk", "viewer"], "it": ["owner"]}, "everybody": ["viewer"]},
        }))
        .expect("a spec");
        let roles = |groups: &[&str]| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            spec.roles_of(&groups).into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(roles(&[]), "viewer");
        assert_eq!(roles(&["sales", "unknown"]), "clerk viewer");
        assert_eq!(spec.all_roles().len(), 3);
    }
}
