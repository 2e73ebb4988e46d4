//! Sessions: made at a sign-in, ended by a call, by their time, or by being idle. A session is kept as a token is.

use super::password::{Password, fits, forget};
use super::people::{self, Vouched};
use super::throttle::Try;
use super::{Error, SignIn, users};
use crate::relation::{Cell, Column, ColumnType, Relation, Scan};
use crate::{
    Call, Config, Found, Prepared, Principal, Read, Reader, Reply, ResourceRef, Token, Tx, scram,
    space, token,
};
use base::{Period, Problem, Time, prefix_end};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use store::Snapshot;

/// The longest name that is looked up, in bytes.
const USER_BYTES_MAX: usize = 256;

/// The longest text about a session in characters.
const SUMMARY_CHARACTERS_MAX: usize = 200;

/// Sessions that a list or a relation looks through.
const SESSIONS_LISTED_MAX: usize = 100_000;

/// What makes a token a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// How its user signed in: `password`, or `provider:NAME`.
    pub by: String,
    /// From which address, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Milliseconds that it may be idle.
    pub idle_ms: i64,
    /// When it was last used, wall time, to the minute.
    pub seen: Time,
}

/// A session that a sign-in has earned and that no commit has made yet.
pub(super) struct NewSession {
    user: String,
    secret: String,
    /// What checks sign-ins with the session's token by SCRAM.
    verifier: Option<Vec<u8>>,
    summary: String,
    by: String,
    source: Option<String>,
    /// The password that was shown, as it was kept then.
    password: Option<Password>,
    /// The same password, hashed as the configuration now wants it.
    rehashed: Option<Password>,
    person: Option<Vouched>,
    /// True where a browser came back over TLS.
    is_secure: bool,
}

impl NewSession {
    /// Prepares a session for a user.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn new(reader: &Reader, call: &Call, user: &str, by: String) -> Result<Self, Problem> {
        let secret = Token::secret(reader.kernel());
        let summary = call.text("summary").unwrap_or_default();
        Ok(Self {
            user: user.to_owned(),
            verifier: scram::made(reader, &secret, user, &token::id_of(&secret))?,
            secret,
            summary: summary.chars().take(SUMMARY_CHARACTERS_MAX).collect(),
            by,
            source: call.source.map(|address| address.to_canonical().to_string()),
            password: None,
            rehashed: None,
            person: None,
            is_secure: false,
        })
    }

    /// Prepares a session for somebody whom a provider vouches for, who came back over TLS or not.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn of_person(
        reader: &Reader,
        call: &Call,
        person: Vouched,
        is_secure: bool,
    ) -> Result<Self, Problem> {
        let policies = reader.kernel().policies(reader)?;
        let user = policies.people().user(&person.word.identity).to_owned();
        let new = Self::new(reader, call, &user, format!("provider:{}", person.word.provider))?;
        Ok(Self { person: Some(person), is_secure, ..new })
    }

    /// Refuses it where user, password or provider are others by now: it may have waited since they were looked at.
    ///
    /// # Errors
    /// `sign_in.refused`, `sign_in.rejected`.
    fn check(&self, read: &dyn Read) -> Result<(), Problem> {
        let Some(Vouched { word, .. }) = &self.person else {
            let is_same = read.resource("user", &self.user)?.is_some()
                && Password::find(read, &self.user)? == self.password;
            return if is_same { Ok(()) } else { Err(Error::Refused.into()) };
        };
        let policies = read.kernel().policies(read)?;
        if policies.people().whom(word) == Some(self.user.as_str()) {
            return Ok(());
        }
        let reason = "what is declared of it, or of this user, was changed meanwhile".to_owned();
        Err(Error::Rejected { provider: word.provider.clone(), reason }.into())
    }

    /// Hands it to the commit. The call goes on in the name of its user.
    pub(super) fn hand_over(self, call: &mut Call) {
        call.on_behalf_of = Some(Principal::User(self.user.clone()));
        call.prepared = Some(Prepared::new(self));
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    user: String,
    password: String,
    #[serde(default)]
    #[allow(dead_code, reason = "read from the call where the session is made")]
    summary: String,
}

/// Checks a password, on the caller's thread; what `session.create` needs goes on with the call, the password does not.
///
/// # Errors
/// `sign_in.refused`, `sign_in.slowed`, `sign_in.busy`.
pub(crate) fn prepare_create(reader: &Reader, call: &mut Call) -> Result<(), Problem> {
    let Create { user, password, .. } = call.parameters()?;
    call.args["password"] = json!(null);
    if USER_BYTES_MAX < user.len() {
        return Err(Error::Refused.into());
    }
    let kept = Password::find(reader, &user)?;
    let is_declared = reader.resource("user", &user)?.is_some();
    check(reader, call, &user, kept.as_ref().filter(|_| is_declared), &password)?;
    let mut new = NewSession::new(reader, call, &user, "password".into())?;
    let config = reader.kernel().config();
    if kept.as_ref().is_some_and(|kept| kept.is_weak(config)) {
        new.rehashed = hashed(reader, call, &user, &password).ok();
    }
    new.password = kept;
    new.hand_over(call);
    Ok(())
}

/// Checks a guess at somebody's password, slowed and within the limit of such checks.
fn check(
    reader: &Reader,
    call: &Call,
    user: &str,
    kept: Option<&Password>,
    guess: &str,
) -> Result<(), Problem> {
    let kernel = reader.kernel();
    let (config, SignIn { throttle, gate, .. }) = (kernel.config(), &kernel.sign_in);
    let who = Try::new(Some(user), call.source);
    throttle.begin(&who, kernel.clock().monotonic(), config)?;
    let fits = gate.enter(&who, config).and_then(|_pass| fits(kept, guess, config));
    match fits {
        Ok(true) => {
            throttle.right(&who, config);
            Ok(())
        }
        Ok(false) => Err(Error::Refused.into()),
        Err(problem) => {
            throttle.withdraw(&who);
            Err(problem)
        }
    }
}

fn hashed(reader: &Reader, call: &Call, user: &str, text: &str) -> Result<Password, Problem> {
    let kernel = reader.kernel();
    let who = Try::new(Some(user), call.source);
    let _pass = kernel.sign_in.gate.enter(&who, kernel.config())?;
    Password::new(text, kernel.config(), kernel.entropy().as_ref(), kernel.clock().wall())
}

fn unprepared(call: &Call) -> Problem {
    Error::Unprepared { operation: call.operation.clone() }.into()
}

/// Makes the session that was prepared: the operations `session.create` and `session.finish`.
///
/// # Errors
/// `sign_in.refused` where the user or his password is another one by now, `sign_in.rejected` where his provider or identity is.
pub(crate) fn create(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let new = call.prepared::<NewSession>().ok_or_else(|| unprepared(call))?;
    new.check(tx)?;
    if let Some(person) = &new.person {
        people::keep(tx, person)?;
    }
    if let Some(rehashed) = &new.rehashed {
        rehashed.keep(tx, &new.user)?;
    }
    let Config { session_hours, session_idle_minutes, .. } = *tx.kernel().config();
    let wall = tx.wall();
    let expires = wall.plus(Period::seconds(i64::from(session_hours) * 3_600));
    let made = Token {
        id: token::id_of(&new.secret),
        user: new.user.clone(),
        summary: new.summary.clone(),
        scope: Vec::new(),
        expires: Some(expires),
        created: wall,
        session: Some(Session {
            by: new.by.clone(),
            source: new.source.clone(),
            idle_ms: i64::from(session_idle_minutes) * 60_000,
            seen: wall,
        }),
        is_device: false,
    };
    make_room(tx, &new.user)?;
    let hash = base::sha256(new.secret.as_bytes());
    made.put(tx, &hash)?;
    scram::keep_made(tx, &new.secret, &new.user, &made.id, new.verifier.as_deref())?;
    tx.put(id_key(&made.id), hash.to_vec());
    tx.put(user_key(&new.user).text(&made.id), hash.to_vec());
    tx.put(expiry_key(expires).text(&made.id), made.id.clone().into_bytes());
    let mut reply =
        json!({"id": made.id, "user": made.user, "token": new.secret, "expires": expires});
    if new.person.is_some() {
        reply["secure"] = json!(new.is_secure);
    }
    Ok(Reply::Value(reply))
}

/// Ends the oldest sessions of a user who has as many as he may have.
fn make_room(tx: &mut Tx<'_>, user: &str) -> Result<(), Problem> {
    let most = tx.kernel().config().sessions_of_user_max.max(1);
    let mut held = of_user(tx, user)?;
    held.sort_by_key(|(_, token)| token.created);
    let too_many = (held.len() + 1).saturating_sub(most);
    held.iter().take(too_many).try_for_each(|(hash, token)| drop_session(tx, hash, token))
}

/// Returns the sessions of a user.
fn of_user(tx: &Tx<'_>, user: &str) -> Result<Vec<([u8; 32], Token)>, Problem> {
    let mut sessions = Vec::new();
    for (_, hash) in tx.scan_prefix(user_key(user).as_ref(), usize::MAX)? {
        sessions.extend(by_hash(tx, &hash)?);
    }
    Ok(sessions)
}

fn by_hash(read: &dyn Read, hash: &[u8]) -> Result<Option<([u8; 32], Token)>, Problem> {
    let Ok(hash) = <[u8; 32]>::try_from(hash) else { return Ok(None) };
    Ok(Token::stored(read, &hash)?.map(|token| (hash, token)))
}

fn by_id(read: &dyn Read, id: &str) -> Result<Option<([u8; 32], Token)>, Problem> {
    match read.get(id_key(id).as_ref())? {
        Some(hash) => by_hash(read, &hash),
        None => Ok(None),
    }
}

fn drop_session(tx: &mut Tx<'_>, hash: &[u8; 32], token: &Token) -> Result<(), Problem> {
    if let Some(session) = &token.session {
        users::note_seen(tx, &token.user, session.seen)?;
    }
    keys_of(hash, token).into_iter().for_each(|key| tx.delete(key));
    tx.raise_credentials()
}

/// Drops a session that somebody ends.
fn end_session(tx: &mut Tx<'_>, hash: &[u8; 32], token: &Token) -> Result<(), Problem> {
    drop_session(tx, hash, token)?;
    token::tell_ended(tx, token)
}

/// Returns the keys of all that is kept of a session.
fn keys_of(hash: &[u8; 32], token: &Token) -> Vec<base::Key> {
    let id = token.id.as_str();
    let mut keys = vec![
        token::key(hash),
        scram::verifier_key(&token.user, id),
        id_key(id),
        user_key(&token.user).text(id),
    ];
    keys.extend(token.expires.map(|expires| expiry_key(expires).text(id)));
    keys
}

/// Returns the writes that end every session in a store whose unit does not run. A backup has sessions that were ended since.
///
/// # Errors
/// Where the store cannot be read.
pub fn sessions_ended(snapshot: &dyn Snapshot) -> Result<Vec<(Vec<u8>, Option<Vec<u8>>)>, Problem> {
    let ids = space::key(b'P').text("id");
    let pairs = snapshot.scan(ids.as_ref(), &prefix_end(ids.as_ref()), usize::MAX, false)?;
    let mut writes = Vec::new();
    for (_, hash) in pairs {
        let Ok(hash) = <[u8; 32]>::try_from(hash) else { continue };
        let Some(bytes) = snapshot.get(token::key(&hash).as_ref())? else { continue };
        let keys = keys_of(&hash, &token::decode(&bytes)?);
        writes.extend(keys.into_iter().map(|key| (key.bytes(), None)));
    }
    Ok(writes)
}

/// Returns what policies may know of a session: whose it is, and how he signed in.
fn found_of(token: &Token) -> Found {
    let mut found = Found::default();
    found.attributes.insert("owner", format!("user:{}", token.user));
    found.attributes.insert("assignee", token.user.clone());
    if let Some(session) = &token.session {
        found.attributes.insert("state", session.by.clone());
    }
    found
}

/// Finds a session by its id.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn find(read: &dyn Read, id: &str) -> Result<Option<Found>, Problem> {
    Ok(by_id(read, id)?.map(|(_, token)| found_of(&token)))
}

/// Ends a session: the operation `session.end`.
///
/// # Errors
/// `resource.not_found`.
pub(crate) fn end(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Some((hash, token)) = by_id(tx, &call.resource.name)? else {
        return Err(crate::Error::NotFound { resource: call.resource.to_string() }.into());
    };
    end_session(tx, &hash, &token)?;
    Ok(Reply::Value(json!({"id": token.id, "user": token.user, "ended": true})))
}

/// Ends all sessions of a user but one; returns how many.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn end_all(
    tx: &mut Tx<'_>,
    user: &str,
    but: Option<&[u8; 32]>,
) -> Result<usize, Problem> {
    let held = of_user(tx, user)?;
    let ended = held.iter().filter(|(hash, _)| Some(hash) != but);
    let mut count = 0;
    for (hash, token) in ended {
        end_session(tx, hash, token)?;
        count += 1;
    }
    Ok(count)
}

/// Drops sessions whose time is over, some at a time.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn expire(tx: &mut Tx<'_>, limit: usize) -> Result<usize, Problem> {
    // The range is the same each time, which a store answers from memory.
    let (first, end) = (space::key(b'P').text("expiry"), expiry_key(tx.wall()));
    let oldest = tx.scan_prefix(first.as_ref(), 1)?;
    if oldest.first().is_none_or(|(oldest, _)| end.as_ref() <= oldest.as_slice()) {
        return Ok(0);
    }
    let expired = tx.scan(first.as_ref(), end.as_ref(), limit, false)?;
    for (key, id) in &expired {
        tx.delete(key.clone());
        if let Some((hash, token)) = by_id(tx, &String::from_utf8_lossy(id))? {
            drop_session(tx, &hash, &token)?;
        }
    }
    Ok(expired.len())
}

/// Gives the sessions that are alive and that the reader may see to `each`, which returns false when it has enough.
fn for_each(
    reader: &Reader,
    mut each: impl FnMut(Token, Session) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let wall = reader.kernel().clock().wall();
    for (_, hash) in reader.scan_prefix(sessions_key().as_ref(), SESSIONS_LISTED_MAX)? {
        let Some((_, token)) = by_hash(reader, &hash)? else { continue };
        let Some(session) = token.session.clone() else { continue };
        if !session.is_alive(token.expires, session.seen, wall) {
            continue;
        }
        let reference = ResourceRef::new("session", token.id.as_str());
        let asked = Call::new("session.list", reference.clone(), reader.caller().clone());
        let (kernel, found) = (reader.kernel(), found_of(&token));
        let decision = kernel.decide(reader, "session.list", &reference, Some(&found), &asked)?;
        if decision.is_allowed && !each(token, session)? {
            break;
        }
    }
    Ok(())
}

impl Session {
    /// Returns whether it is neither over nor idle for too long, where it was last used at `seen`.
    pub(crate) fn is_alive(&self, expires: Option<Time>, seen: Time, wall: Time) -> bool {
        let is_idle = self.idle_ms < wall.0.saturating_sub(seen.0);
        !is_idle && expires.is_none_or(|expires| wall < expires)
    }
}

/// Returns the sessions that the caller may see: the operation `session.list`.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(reader: &Reader) -> Result<Reply, Problem> {
    let mut items = Vec::new();
    for_each(reader, |token, session| {
        items.push(json!({
            "id": token.id,
            "user": token.user,
            "summary": token.summary,
            "by": session.by,
            "source": session.source,
            "created": token.created,
            "seen": session.seen,
            "expires": token.expires,
        }));
        Ok(true)
    })?;
    Ok(Reply::Value(json!({ "items": items })))
}

/// Returns the relation `system.sessions`.
pub(crate) fn relation() -> Relation {
    use ColumnType::{Text, Time};
    let columns = vec![
        Column::new("id", Text, "What tells it apart and does not give it away."),
        Column::new("user", Text, "Whose it is."),
        Column::new("summary", Text, "What its user says of it."),
        Column::new("by", Text, "How he signed in: `password`, or `provider:NAME`."),
        Column::new("source", Text, "From which address."),
        Column::new("created", Time, "When, wall time."),
        Column::new("seen", Time, "When it was last used, to the minute."),
        Column::new("expires", Time, "When it ends at the latest."),
    ];
    let rows =
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            for_each(reader, |token, session| {
                row(vec![
                    Cell::Text(token.id),
                    Cell::Text(token.user),
                    Cell::Text(token.summary),
                    Cell::Text(session.by),
                    Cell::text(session.source),
                    Cell::Time(token.created.0),
                    Cell::Time(session.seen.0),
                    Cell::time(token.expires),
                ])
            })
        };
    let summary = "Who is signed in; what the reader may see of it.";
    Relation::system("sessions", summary, columns, Arc::new(rows))
}

/// A password on its way to be kept.
struct NewPassword {
    password: Password,
    /// The one that was shown with it, as it was kept then.
    shown: Option<Password>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPassword {
    password: String,
    #[serde(default)]
    current: Option<String>,
}

/// Has somebody who changes or removes his own password show it; returns what was kept of it then.
///
/// # Errors
/// `sign_in.password` where it is missing, `sign_in.refused`, `sign_in.slowed`, `sign_in.busy`.
fn shown(
    reader: &Reader,
    call: &Call,
    user: &str,
    current: Option<String>,
) -> Result<Option<Password>, Problem> {
    let is_own = call.actor == Principal::User(user.to_owned());
    let shown = if is_own { Password::find(reader, user)? } else { None };
    if let Some(shown) = &shown {
        let current = current.ok_or_else(|| {
            let reason = "the present one, `current`, is missing".to_owned();
            Problem::from(Error::Password { reason })
        })?;
        check(reader, call, user, Some(shown), &current)?;
    }
    Ok(shown)
}

/// Hashes a new password, on the caller's thread. Who changes his own shows the one that he has.
///
/// # Errors
/// `policy.grant` for a token that is cut down or ends, `sign_in.password`, `sign_in.refused`, `sign_in.slowed`, `sign_in.busy`.
pub(crate) fn prepare_password(reader: &Reader, call: &mut Call) -> Result<(), Problem> {
    let SetPassword { password, current } = call.parameters()?;
    call.args = json!({});
    // Whoever signs in with a password has all rights of its user, and for ever: a token that has less makes nothing that has more.
    if !call.scope.is_empty() || call.until().is_some() {
        let role = "password, for all rights and without end".to_owned();
        return Err(crate::Error::Grant { actor: call.actor.to_string(), role }.into());
    }
    let user = call.resource.name.clone();
    if reader.resource("user", &user)?.is_none() {
        return Err(crate::Error::NotFound { resource: call.resource.to_string() }.into());
    }
    let shown = shown(reader, call, &user, current)?;
    let password = hashed(reader, call, &user, &password)?;
    call.prepared = Some(Prepared::new(NewPassword { password, shown }));
    Ok(())
}

/// Sets a user's password and ends his other sessions: the operation `user.set_password`.
///
/// # Errors
/// `policy.grant` where the user may do what the caller may not, `sign_in.refused` where the password has changed meanwhile.
pub(crate) fn set_password(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let new = call.prepared::<NewPassword>().ok_or_else(|| unprepared(call))?;
    let user = &call.resource.name;
    let principal = Principal::User(user.clone());
    crate::apply::may_grant(tx, call, &principal)?;
    if call.actor == principal && Password::find(tx, user)? != new.shown {
        return Err(Error::Refused.into());
    }
    new.password.keep(tx, user)?;
    let own = call.stamp.as_ref().map(|stamp| stamp.hash);
    let ended = end_all(tx, user, own.as_ref())?;
    Ok(Reply::Value(json!({"user": user, "sessions_ended": ended})))
}

/// The password of somebody who removes it, as it was kept when he showed it.
struct OldPassword(Option<Password>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeletePassword {
    #[serde(default)]
    current: Option<String>,
}

/// Has somebody who removes his own password show it, on the caller's thread: who only has a token of his could set another one.
///
/// # Errors
/// `sign_in.password`, `sign_in.refused`, `sign_in.slowed`, `sign_in.busy`.
pub(crate) fn prepare_delete(reader: &Reader, call: &mut Call) -> Result<(), Problem> {
    let DeletePassword { current } = call.parameters()?;
    call.args = json!({});
    let old = OldPassword(shown(reader, call, &call.resource.name, current)?);
    call.prepared = Some(Prepared::new(old));
    Ok(())
}

/// Takes a user's password away and ends his sessions: the operation `user.delete_password`.
///
/// # Errors
/// `policy.grant` where the user may do what the caller may not, `sign_in.refused` where it is his own and has changed meanwhile,
/// `sign_in.door` where nobody was asked for it.
pub(crate) fn delete_password(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let user = &call.resource.name;
    let principal = Principal::User(user.clone());
    crate::apply::may_grant(tx, call, &principal)?;
    let held = if call.actor == principal { Password::find(tx, user)? } else { None };
    match call.prepared::<OldPassword>() {
        Some(OldPassword(shown)) if *shown != held => return Err(Error::Refused.into()),
        None if held.is_some() => return Err(unprepared(call)),
        _ => {}
    }
    forget(tx, user);
    let ended = end_all(tx, user, None)?;
    Ok(Reply::Value(json!({"user": user, "sessions_ended": ended})))
}

/// Forgets all by which somebody who is not declared any more could sign in.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_user(tx: &mut Tx<'_>, user: &str) -> Result<(), Problem> {
    forget(tx, user);
    end_all(tx, user, None)?;
    users::forget_seen(tx, user);
    Token::revoke_all(tx, user)
}

/// Ends the sessions that came from a provider which is not declared any more.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_provider(tx: &mut Tx<'_>, provider: &str) -> Result<(), Problem> {
    let by = format!("provider:{provider}");
    for (_, hash) in tx.scan_prefix(sessions_key().as_ref(), usize::MAX)? {
        let Some((hash, token)) = by_hash(tx, &hash)? else { continue };
        if token.session.as_ref().is_some_and(|session| session.by == by) {
            end_session(tx, &hash, &token)?;
        }
    }
    Ok(())
}

/// Returns the beginning of the keys under which sessions are found by their ids.
pub(crate) fn sessions_key() -> base::Key {
    space::key(b'P').text("id")
}

fn id_key(id: &str) -> base::Key {
    sessions_key().text(id)
}

fn user_key(user: &str) -> base::Key {
    space::key(b'P').text("of").text(user)
}

fn expiry_key(expires: Time) -> base::Key {
    space::key(b'P').text("expiry").signed(expires.0)
}
