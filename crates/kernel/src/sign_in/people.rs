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
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The longest name of a person in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Groups of a person that count.
const GROUPS_MAX: usize = 256;

/// People of whom the newest word waits to be written down.
const HEARD_MAX: usize = 10_000;

/// Words that are written down in one turn.
const WRITTEN_MAX: usize = 1_000;

/// Who somebody is, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Word {
    /// `PROVIDER/NAME`.
    pub identity: String,
    /// The provider.
    pub provider: String,
    /// What the provider's word rested on: see [`ProviderSpec::mark`].
    pub mark: [u8; 32],
}

/// Which user somebody was by the word of a provider, when he was recognised.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The word.
    pub word: Word,
    /// The user.
    pub user: String,
}

/// What a provider says of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// Of whom.
    pub word: Word,
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

    /// Returns the user whom a provider vouches for; none where it is not declared any more, or is another one by now.
    pub(crate) fn whom<'a>(&'a self, word: &'a Word) -> Option<&'a str> {
        let spec = self.specs.get(&word.provider)?;
        (spec.mark() == word.mark).then(|| self.user(&word.identity))
    }

    /// Returns whether somebody would be recognised as the same user now.
    pub(crate) fn still(&self, known: &Known) -> bool {
        self.whom(&known.word) == Some(known.user.as_str())
    }
}

/// The newest words that say nothing new, by identity, until the next turn writes down of when they are: whatever is older counts no
/// more, and nobody waits for a commit. A crash in between loses them, as if they had not been heard.
#[derive(Default)]
pub(super) struct Heard(Mutex<HashMap<String, Vouched>>);

impl Heard {
    /// Takes note of a word; returns false where there is no room for it.
    fn note(&self, vouched: &Vouched) -> bool {
        let mut all = self.lock();
        if let Some(held) = all.get_mut(&vouched.word.identity) {
            if held.as_of < vouched.as_of {
                *held = vouched.clone();
            }
            return true;
        }
        let has_room = all.len() < HEARD_MAX;
        if has_room {
            all.insert(vouched.word.identity.clone(), vouched.clone());
        }
        has_room
    }

    /// Returns whether something was heard that is as new as this word, and says something else.
    fn outdates(&self, vouched: &Vouched) -> bool {
        let all = self.lock();
        let held = all.get(&vouched.word.identity);
        held.is_some_and(|held| vouched.as_of <= held.as_of && held.groups != vouched.groups)
    }

    /// Returns some of the words.
    fn some(&self) -> Vec<Vouched> {
        self.lock().values().take(WRITTEN_MAX).cloned().collect()
    }

    /// Forgets words that are written down, but not what was heard after them.
    fn written(&self, words: &[Vouched]) {
        let mut all = self.lock();
        for Vouched { word, as_of, .. } in words {
            if all.get(&word.identity).is_some_and(|held| held.as_of <= *as_of) {
                all.remove(&word.identity);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vouched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the unit knows already what a provider says of somebody, or something newer. Of what is newer and says the same
/// it is noted when it was said.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn knows(read: &dyn Read, vouched: &Vouched) -> Result<bool, Problem> {
    let heard = &read.kernel().sign_in.heard;
    let Some(kept) = find(read, &vouched.word.identity)? else { return Ok(false) };
    Ok(if kept.groups == vouched.groups && kept.as_of < vouched.as_of {
        heard.note(vouched)
    } else {
        vouched.as_of <= kept.as_of || heard.outdates(vouched)
    })
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
        word: Word {
            identity: format!("{provider}/{name}"),
            provider: provider.to_owned(),
            mark: spec.mark(),
        },
        groups,
        as_of: token.seconds("iat").unwrap_or_default(),
        expires: Time(expires.saturating_mul(1_000)),
    })
}

/// Returns whether a text can be the name of a person: what people read must look like what it is.
fn is_name(text: &str) -> bool {
    let is_good = |character: char| {
        !character.is_control()
            && !character.is_whitespace()
            && !is_unseen(character)
            && !"\"'`\\/".contains(character)
    };
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_good)
}

/// Returns whether a character shows as nothing, or changes how others show: of Unicode's format characters (category Cf) those that
/// no name is spelt with.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(character, '\u{e0000}'..='\u{e007f}')
}

/// Writes down what a provider says of somebody, where it is newer than what is kept: also where it says the same, or something older
/// could still be shown and count.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn keep(tx: &mut Tx<'_>, vouched: &Vouched) -> Result<(), Problem> {
    let before = find(tx, &vouched.word.identity)?;
    let is_old = |before: &Kept| {
        vouched.as_of <= before.as_of || tx.kernel().sign_in.heard.outdates(vouched)
    };
    if before.as_ref().is_some_and(is_old) {
        return Ok(());
    }
    let Vouched { word, groups, as_of, .. } = vouched.clone();
    let is_news = before.is_none_or(|before| before.groups != groups);
    let kept = serde_json::to_vec(&Kept { provider: word.provider, groups, as_of })
        .map_err(|error| crate::Error::Internal { detail: error.to_string() })?;
    tx.put(key(&word.identity), kept);
    // Other groups are other roles.
    if is_news { tx.raise_epoch() } else { Ok(()) }
}

/// Writes down of when the newest words are that say nothing new.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn keep_heard(tx: &mut Tx<'_>) -> Result<(), Problem> {
    let words = tx.kernel().sign_in.heard.some();
    if words.is_empty() {
        return Ok(());
    }
    words.iter().try_for_each(|word| keep(tx, word))?;
    tx.after_commit(move |kernel| kernel.sign_in.heard.written(&words));
    Ok(())
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
    Ok(Reply::Value(json!({"user": vouched.word.identity})))
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

fn key(identity: &str) -> base::Key {
    space::key(b'P').text("person").text(identity)
}

fn find(read: &dyn Read, identity: &str) -> Result<Option<Kept>, Problem> {
    read.get(key(identity).as_ref())?.map(|bytes| decode(&bytes)).transpose()
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
        for bad in [
            "",
            "a b",
            "a/b",
            "a\nb",
            "a\"b",
            "a\u{0}",
            "ana\u{200b}",
            "\u{202e}ana",
            &"x".repeat(129),
        ] {
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
            vouched("id", &spec, &token)
                .map(|vouched| vouched.word.identity)
                .map_err(|error| error.code)
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
    fn the_newest_word_is_heard_until_it_is_written_down() {
        let said = |group: &str, as_of| Vouched {
            word: Word { identity: "id/ana".into(), provider: "id".into(), mark: [0; 32] },
            groups: BTreeSet::from([group.to_owned()]),
            as_of,
            expires: Time(0),
        };
        let heard = Heard::default();
        assert!(!heard.outdates(&said("b", 1)), "nothing was heard");
        assert!(heard.note(&said("a", 20)) && heard.note(&said("a", 10)));
        assert!(heard.outdates(&said("b", 20)) && heard.outdates(&said("b", 15)));
        assert!(!heard.outdates(&said("b", 21)), "newer");
        assert!(!heard.outdates(&said("a", 15)), "the same");
        let words = heard.some();
        assert!(heard.note(&said("a", 30)));
        heard.written(&words);
        assert_eq!(heard.some(), [said("a", 30)], "heard meanwhile");
        heard.written(&heard.some());
        assert!(heard.some().is_empty() && !heard.outdates(&said("b", 1)));
    }

    #[test]
    fn as_many_are_heard_as_there_is_room_for() {
        let said = |number: usize| Vouched {
            word: Word { identity: format!("id/{number}"), provider: "id".into(), mark: [0; 32] },
            groups: BTreeSet::new(),
            as_of: 1,
            expires: Time(0),
        };
        let heard = Heard::default();
        assert!((0..HEARD_MAX).all(|number| heard.note(&said(number))));
        assert!(!heard.note(&said(HEARD_MAX)), "the next one is written down at once");
        assert!(heard.note(&said(0)));
        assert_eq!(heard.some().len(), WRITTEN_MAX);
    }
}
