//! `user.list`: who there is, declared or vouched for by an identity provider, with what he holds, and by what he can sign in. No secret
//! is told, and nothing of whom the reader may not see.

use super::password::Password;
use crate::{Call, Principal, Read, Reader, Reply, ResourceRef, Token, Tx, scram, space};
use base::{Problem, Time};
use serde_json::{Value, json};

/// Users that one answer has where nothing else is said.
const LIMIT: u64 = 100;

/// The parameters of `user.list`, with their summaries.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("limit", "so many at most"),
    ("after", "from where to go on: what `next` said of the answer before"),
];

/// Returns the schema of the answer.
pub(crate) fn answer() -> Value {
    let text = |summary: &str| json!({"type": ["string", "null"], "description": summary});
    let number = |summary: &str| json!({"type": "integer", "description": summary});
    json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"type": "object", "properties": {
                "user": {"type": "string"},
                "summary": text("Who it is."),
                "declared": {"type": "boolean", "description": "Whether a manifest declares him; else an identity provider has vouched for him."},
                "identity": text("Who he is at an identity provider, `PROVIDER/NAME`."),
                "roles": {"type": "array", "items": {"type": "string"}, "description": "What he holds, by his manifest and by his provider."},
                "password_set": text("When his password was set; absent where he has none."),
                "tokens": number("Tokens that have not ended."),
                "sessions": number("Sessions that he is signed in with."),
                "seen": text("When a session of his was last used, to the minute."),
            }}},
            "more": {"type": "boolean", "description": "Whether there may be more."},
            "next": text("From where to go on with `after`, where there may be more."),
        },
    })
}

/// Returns the users that the caller may see: the operation `user.list`.
///
/// # Errors
/// `call.invalid`; where the store cannot be read.
pub(crate) fn users(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let looks_max = reader.kernel().config().people_looks_max.max(1);
    let limit = call.number("limit")?.unwrap_or(LIMIT);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, looks_max);
    let after = call.text("after").unwrap_or_default();
    let policies = reader.kernel().policies(reader)?;
    let names = policies.known().into_iter().filter_map(|principal| match principal {
        Principal::User(name) => Some(name.as_str()),
        _ => None,
    });
    let mut rest = names.filter(|name| after < *name);
    let (mut items, mut last, mut looks) = (Vec::new(), None, 0);
    while looks < looks_max
        && items.len() < limit
        && let Some(name) = rest.next()
    {
        (last, looks) = (Some(name), looks + 1);
        if reader.allows("resource.get", &ResourceRef::new("user", name))? {
            let roles = policies.roles(reader, &Principal::User(name.to_owned()))?;
            let mut item = shown(reader, name)?;
            item["roles"] = json!(roles);
            items.push(item);
        }
    }
    let next = rest.next().and(last);
    Ok(Reply::Value(json!({"items": items, "more": next.is_some(), "next": next})))
}

fn shown(reader: &Reader, name: &str) -> Result<Value, Problem> {
    let declared = reader.resource("user", name)?;
    let spec = |field: &str| declared.as_ref().and_then(|user| user.spec.get(field)).cloned();
    let identity = match &declared {
        Some(_) => spec("identity"),
        None => Some(json!(name)),
    };
    let wall = reader.kernel().clock().wall();
    let (mut tokens, mut sessions, mut seen) = (0, 0, last_seen(reader, name)?);
    for hash in scram::held(reader, name)? {
        let Some(token) = Token::stored(reader, &hash)? else { continue };
        let is_over = token.expires.is_some_and(|expires| expires <= wall);
        match &token.session {
            None => tokens += u64::from(!is_over),
            Some(session) => {
                seen = seen.max(Some(session.seen));
                sessions += u64::from(session.is_alive(token.expires, session.seen, wall));
            }
        }
    }
    Ok(json!({
        "user": name,
        "summary": spec("summary"),
        "declared": declared.is_some(),
        "identity": identity,
        "password_set": Password::find(reader, name)?.map(|password| password.set),
        "tokens": tokens,
        "sessions": sessions,
        "seen": seen,
    }))
}

/// Notes when a session was last used that ends.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn note_seen(tx: &mut Tx<'_>, user: &str, seen: Time) -> Result<(), Problem> {
    if last_seen(tx, user)?.is_none_or(|noted| noted < seen) {
        tx.put(key(user), seen.0.cast_unsigned().to_be_bytes().to_vec());
    }
    Ok(())
}

/// Forgets when somebody was last seen.
pub(super) fn forget_seen(tx: &mut Tx<'_>, user: &str) {
    tx.delete(key(user));
}

fn last_seen(read: &dyn Read, user: &str) -> Result<Option<Time>, Problem> {
    let bytes = read.get(key(user).as_ref())?;
    Ok(bytes.map(|bytes| Time(crate::tx::number(&bytes).cast_signed())))
}

fn key(user: &str) -> base::Key {
    space::key(b'P').text("seen").text(user)
}
