//! What a package may have: what it asks for is held against it before anything is applied.

use super::Error;
use super::asks::Asks;
use crate::error::Error as Cli;
use crate::manifests::node;
use base::Problem;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The largest such file in bytes.
const BYTES_MAX: u64 = 256 << 10;
/// What stands for everything in a list.
const ALL: &str = "*";

/// A list of what a package may have. What it does not name, the package may not have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct May {
    /// Kinds of manifests.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// What the policies of its roles may permit: operations, `KIND.*`, rights.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Roles of this unit, besides its own, under which it acts.
    #[serde(default)]
    pub roles: Vec<String>,
    /// For whom its policies may be, besides its own roles, as Cedar writes it, or `everybody`.
    #[serde(default)]
    pub principals: Vec<String>,
    /// To whom it may offer something: names of peers, `any`.
    #[serde(default)]
    pub offers_to: Vec<String>,
    /// Hosts to which its secrets may be sent.
    #[serde(default)]
    pub hosts: Vec<String>,
}

impl May {
    /// Reads the list of a file.
    ///
    /// # Errors
    /// `cli.file`, `cli.yaml`, `package.may`.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let file = path.display().to_string();
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| Cli::unreadable(path, error))?;
        if BYTES_MAX < text.len() as u64 {
            let limit = BYTES_MAX;
            return Err(Error::TooLarge { what: format!("`{file}`"), limit }.into());
        }
        let nodes = node::documents(&file, &text)?;
        let [only] = &nodes[..] else {
            return Err(Error::May { file, reason: "it has one document".into() }.into());
        };
        let may = serde_json::from_value(only.value());
        may.map_err(|error| Error::May { file, reason: error.to_string() }.into())
    }
}

/// Refuses a package that asks for more than it may have. Without a list, only its policies are looked at: they are for its own
/// roles, whatever else the one who installs it may give.
///
/// # Errors
/// `package.asks_too_much`, with everything that is too much.
pub fn check(asks: &Asks, kinds: &BTreeMap<String, u64>, may: Option<&May>) -> Result<(), Problem> {
    let mut problems = beyond_own_roles(asks, may);
    if let Some(may) = may {
        problems.extend(beyond(asks, kinds, may));
    }
    let hint = "whoever answers for the unit can give it in the file of `--may`; else do without the package";
    let mut problems =
        problems.into_iter().map(|asked| Problem::from(Error::AsksTooMuch { asked, hint }));
    match problems.next() {
        None => Ok(()),
        Some(mut first) => {
            first.also.extend(problems);
            Err(first)
        }
    }
}

/// Policies for others than the roles that the package makes.
fn beyond_own_roles(asks: &Asks, may: Option<&May>) -> Vec<String> {
    let own: Vec<String> =
        asks.roles.iter().map(|role| format!("Role::\"{}\"", role.name)).collect();
    let mut found = Vec::new();
    for role in &asks.roles {
        // What forbids gives nothing to anybody; that it takes from others is as much a matter for them.
        for policy in &role.policies {
            let principal = policy.principal.split(" (").next().unwrap_or_default();
            let is_given = may.is_some_and(|may| has(&may.principals, principal));
            if !own.iter().any(|own| own == principal) && !is_given {
                found.push(format!(
                    "the policy `{}` of the role `{}` is for {principal}",
                    policy.id, role.name
                ));
            }
        }
    }
    found
}

fn beyond(asks: &Asks, kinds: &BTreeMap<String, u64>, may: &May) -> Vec<String> {
    let mut found: Vec<String> = kinds
        .keys()
        .filter(|kind| !has(&may.kinds, kind))
        .map(|kind| format!("a manifest of the kind {kind}"))
        .collect();
    for role in &asks.roles {
        for policy in role.policies.iter().filter(|policy| policy.effect == "permit") {
            for action in policy.actions.iter().filter(|action| !permits(&may.operations, action)) {
                found.push(format!("the role `{}` may do {action}", role.name));
            }
        }
    }
    let own = |role: &str| asks.roles.iter().any(|known| known.name == role);
    for acts in &asks.acts {
        for role in acts.roles.iter().filter(|role| !own(role) && !has(&may.roles, role)) {
            found.push(format!("{} acts under the role `{role}`", acts.what));
        }
    }
    for offer in &asks.offers {
        for to in offer.to.iter().filter(|to| !has(&may.offers_to, to)) {
            found.push(format!("the offer `{}` is to `{to}`", offer.name));
        }
    }
    for secret in &asks.secrets {
        for host in secret.hosts.iter().filter(|host| !has(&may.hosts, host)) {
            found.push(format!("the secret `{}` is sent to {host}", secret.name));
        }
    }
    found
}

fn has(list: &[String], item: &str) -> bool {
    list.iter().any(|listed| listed == item || listed == ALL)
}

/// Returns whether an operation or a right is listed, by itself or with all of its kind.
fn permits(list: &[String], action: &str) -> bool {
    let of_kind = action.split_once('.').map(|(kind, _)| format!("{kind}.*"));
    has(list, action) || of_kind.is_some_and(|of_kind| list.contains(&of_kind))
}

#[cfg(test)]
mod tests {
    use super::super::asks::{Acts, Offer, Role};
    use super::*;
    use unit::asked_policies;

    fn asks(policies: &str) -> Asks {
        Asks {
            roles: vec![Role {
                name: "clerk".into(),
                summary: String::new(),
                policies: asked_policies(policies).expect("policies"),
                restricts: Vec::new(),
            }],
            acts: vec![Acts {
                what: "process/p".into(),
                roles: vec!["clerk".into(), "viewer".into()],
            }],
            offers: vec![Offer {
                name: "o".into(),
                version: "1".into(),
                gives: "process p".into(),
                to: vec!["any".into()],
                currency: None,
                is_approved: false,
            }],
            ..Asks::default()
        }
    }

    fn refused(policies: &str, may: Option<&May>) -> Vec<String> {
        let kinds = BTreeMap::from([("Role".to_owned(), 1), ("Offer".to_owned(), 1)]);
        let Err(problem) = check(&asks(policies), &kinds, may) else { return Vec::new() };
        assert_eq!(problem.code, "package.asks_too_much");
        let strip =
            |message: &str| message.replace("the package asks for more than it may have: ", "");
        std::iter::once(&problem).chain(&problem.also).map(|one| strip(&one.message)).collect()
    }

    const OWN: &str = "permit (principal in Role::\"clerk\", action in [Action::\"stream.append\", Action::\"Read\"], resource);";

    #[test]
    fn policies_are_for_the_roles_of_the_package() {
        assert_eq!(refused(OWN, None), Vec::<String>::new());
        let for_all = refused("@id(\"all\") permit (principal, action, resource);", None);
        assert_eq!(for_all, ["the policy `all` of the role `clerk` is for everybody"]);
        let viewer = "permit (principal is User in Role::\"viewer\", action, resource);";
        assert_eq!(
            refused(viewer, None),
            ["the policy `policy0` of the role `clerk` is for Role::\"viewer\""]
        );
        let may = May { principals: vec!["Role::\"viewer\"".into()], ..May::default() };
        assert!(!refused(viewer, Some(&may)).iter().any(|text| text.contains("is for")));
    }

    #[test]
    fn everything_beyond_the_list_is_named() {
        assert_eq!(
            refused(OWN, Some(&May::default())),
            [
                "a manifest of the kind Offer",
                "a manifest of the kind Role",
                "the role `clerk` may do stream.append",
                "the role `clerk` may do Read",
                "process/p acts under the role `viewer`",
                "the offer `o` is to `any`",
            ]
        );
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let may = May {
            kinds: list(&["*"]),
            operations: list(&["stream.*", "Read"]),
            roles: list(&["viewer"]),
            offers_to: list(&["any"]),
            ..May::default()
        };
        assert_eq!(refused(OWN, Some(&may)), Vec::<String>::new());
    }
}
