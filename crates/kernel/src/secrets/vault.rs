//! The unit's secret keys in memory, and what stands in the store: values, who set them, and the check of the key.
//!
//! | key in `X` | value |
//! |---|---|
//! | `keys` | [`State`]: which secret key counts, and whether another is on its way |
//! | `value`, name | [`Sealed`]: the value as it stands; older versions are overwritten |
//! | `set`, name, version | [`Set`]: who set it and when |

use super::mask::Masks;
use super::seal::{Keys, Sealed, SecretKey, SecretValue, Which};
use super::{Error, rotate};
use crate::{Call, Kernel, Operation, Principal, Read, Reader, ResourceRef, Tx, space};
use base::{Key, KeyReader, Problem, Time};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The number of a unit's first secret key.
pub(super) const FIRST: u64 = 1;

/// The version of [`State`].
const STATE: u32 = 1;

/// How many settings of one secret are remembered.
const SETS_MAX: u64 = 100;

/// Where a unit's secret keys come from: one or several, the newest last. Outside the store, and not part of a backup of it.
pub trait KeySource: Send + Sync {
    /// Returns the keys; none where there is no key yet.
    ///
    /// # Errors
    /// The place cannot be read, or holds something else.
    fn keys(&self) -> Result<Vec<SecretKey>, Problem>;

    /// Adds a key behind the others, durably. Returns false where only people can put a key there.
    ///
    /// # Errors
    /// The place cannot be written.
    fn add(&self, key: &SecretKey) -> Result<bool, Problem>;

    /// Drops all keys but this one, where the unit can.
    ///
    /// # Errors
    /// The place cannot be written.
    fn keep(&self, key: &SecretKey) -> Result<(), Problem>;

    /// Returns the place in words.
    fn place(&self) -> String;
}

/// Which secret key counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    v: u32,
    /// The key under which all values are wrapped, but for those that are on their way to the next.
    pub current: Check,
    /// The key to which values are being wrapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// The commit after which older keys are to be dropped from where they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops_after: Option<u64>,
}

impl State {
    /// Returns a state of this version of the form.
    pub(crate) fn of(current: Check, next: Option<Next>, drops_after: Option<u64>) -> Self {
        Self { v: STATE, current, next, drops_after }
    }
}

/// By what a secret key is recognised.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Check {
    /// The number of the key.
    pub number: u64,
    /// See [`SecretKey::check`].
    pub check: String,
}

/// A secret key on its way in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Next {
    /// The key.
    pub key: Check,
    /// The name of the last value that was wrapped anew; values behind it are still to come.
    pub cursor: String,
}

/// Who set a value, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Set {
    /// The version.
    pub version: u64,
    /// When, wall time.
    pub at: Time,
    /// Who.
    pub by: String,
}

/// The keys of a unit that was unlocked.
#[derive(Clone)]
pub(crate) struct Open {
    /// Keys by number, and the unit.
    pub keys: Keys,
    /// Where they come from.
    pub source: Arc<dyn KeySource>,
}

/// What a kernel holds of secrets in memory.
#[derive(Default)]
pub(crate) struct Vault {
    open: RwLock<Option<Arc<Open>>>,
    place: RwLock<String>,
    /// What is masked wherever it would be shown.
    pub masks: Masks,
    /// Whether a turn has something to do for another key. A hint: the store says what.
    pub is_busy: AtomicBool,
    /// Held by who adds a key to where keys come from.
    pub adding: Mutex<()>,
}

impl Vault {
    /// Returns the keys.
    pub(crate) fn open(&self) -> Result<Arc<Open>, Error> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).clone();
        open.ok_or_else(|| {
            let place = self.place.read().unwrap_or_else(PoisonError::into_inner).clone();
            Error::Locked {
                place: if place.is_empty() { "its configuration".into() } else { place },
            }
        })
    }

    /// Makes known a key under a number.
    pub(crate) fn know(&self, number: u64, key: SecretKey) {
        let mut guard = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = guard.as_mut() {
            Arc::make_mut(open).keys.keys.insert(number, key);
        }
    }

    fn unlock(&self, open: Open) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(open));
    }
}

impl Kernel {
    /// Gives the kernel the secret keys of its unit, and makes the first one where there is none and the place can be written.
    /// Without a key the kernel works, but no secret can be set or used.
    ///
    /// # Errors
    /// `secret.key` where a key is missing under which something is sealed, or is not the one; what the source says.
    pub fn unlock(self: &Arc<Self>, unit: &str, source: Arc<dyn KeySource>) -> Result<(), Problem> {
        let reader = Reader::new(self, Principal::Unit("secrets".into()))?;
        let state = state(&reader)?;
        *self.vault.place.write().unwrap_or_else(PoisonError::into_inner) = source.place();
        let mut found = source.keys()?;
        if found.is_empty() && state.is_none() {
            let key = SecretKey::generate(self.entropy().as_ref());
            if source.add(&key)? {
                found.push(key);
            }
        }
        let keys: BTreeMap<u64, SecretKey> = match &state {
            None => found.into_iter().next_back().map(|key| (FIRST, key)).into_iter().collect(),
            Some(state) => recognised(unit, state, &found, &source.place())?,
        };
        if keys.is_empty() {
            return Ok(());
        }
        let keys = Keys { unit: unit.to_owned(), keys };
        for (_, sealed) in all(&reader)? {
            let Ok((name, sealed)) = sealed else { continue };
            // What is damaged is told by whoever uses it, and by `verify`.
            if let Ok(value) = sealed.open(&keys, &name) {
                self.vault.masks.add(value.expose());
            }
        }
        self.vault.unlock(Open { keys, source });
        let is_busy =
            state.is_some_and(|state| state.next.is_some() || state.drops_after.is_some());
        self.vault.is_busy.store(is_busy, Ordering::SeqCst);
        Ok(())
    }

    /// Returns the value of a secret to an engine that needs it for a call. The policies are asked whether the call's actor
    /// may do `secret.use`; the use is audited in the actor's name. The value must go nowhere but to where it belongs.
    ///
    /// # Errors
    /// `resource.not_found`, `policy.forbidden`, `secret.unset`, `secret.locked`, `secret.damaged`.
    pub fn secret(&self, read: &dyn Read, name: &str, call: &Call) -> Result<SecretValue, Problem> {
        let operation = self.operation("secret.use")?;
        let mut asked =
            Call::new(operation.name, ResourceRef::new("secret", name), call.actor.clone());
        asked.on_behalf_of.clone_from(&call.on_behalf_of);
        asked.scope.clone_from(&call.scope);
        let (actor, resource) = (asked.actor.to_string(), asked.resource.to_string());
        let wall = self.clock().wall();
        if let Err(problem) = self.authorise(read, operation, &asked) {
            self.audit.refuse(wall, &actor, operation.name, &resource, &problem.code);
            return Err(problem);
        }
        self.audit.count(wall, &actor, operation.name, &resource);
        self.value(read, name).map(|(_, value)| value)
    }

    /// Returns what an engine has hidden under a name, where it has.
    ///
    /// # Errors
    /// `secret.locked`, `secret.damaged`.
    pub fn hidden(
        &self,
        read: &dyn Read,
        engine: &str,
        name: &str,
    ) -> Result<Option<SecretValue>, Problem> {
        let name = hidden_name(engine, name);
        let Some(sealed) = load(read, &name)? else { return Ok(None) };
        Ok(Some(sealed.open(&self.vault.open()?.keys, &name)?))
    }

    /// Returns the text with every value masked that this unit knows. Best effort, see [`Masks`].
    pub fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.vault.masks.text(text)
    }

    /// Returns the values that are masked, for doors that write logs of their own.
    pub fn masks(&self) -> &Masks {
        &self.vault.masks
    }

    /// Opens the value of a secret, with its version. Asks nobody.
    pub(crate) fn value(&self, read: &dyn Read, name: &str) -> Result<(u64, SecretValue), Problem> {
        let open = self.vault.open()?;
        let sealed = load(read, name)?.ok_or_else(|| Error::Unset { name: name.to_owned() })?;
        Ok((sealed.version, sealed.open(&open.keys, name)?))
    }

    /// Returns the call as its operation may see it: where a job speaks, known values are masked in what it says.
    pub(crate) fn heard<'c>(&self, operation: &Operation, call: &'c Call) -> Cow<'c, Call> {
        if !operation.is_masked || !self.vault.masks.is_in(&call.args) {
            return Cow::Borrowed(call);
        }
        let mut masked = call.clone();
        masked.args = self.vault.masks.json(&call.args);
        Cow::Owned(masked)
    }
}

/// Refuses what would write down the parameters or the answer of an operation that carries a value.
pub(crate) fn refuse_written(operation: &Operation, call: &Call) -> Result<(), Problem> {
    let refuse = |reason: &'static str| -> Result<(), Problem> {
        Err(Error::Call { operation: operation.name, reason }.into())
    };
    if !operation.is_secret {
        return Ok(());
    }
    if call.key.is_some() {
        return refuse("takes no idempotency key: its parameters and its answer are kept nowhere");
    }
    if call.reply_to.is_some() || 0 < call.depth {
        return refuse(
            "cannot be called by a process: its parameters and its answer would be written",
        );
    }
    Ok(())
}

impl Tx<'_> {
    /// Seals something for an engine: what it must keep and nobody may read in the store.
    ///
    /// # Errors
    /// `secret.locked` where the unit has no secret key.
    pub fn hide(&mut self, engine: &str, name: &str, value: &SecretValue) -> Result<(), Problem> {
        let by = format!("unit:{engine}");
        keep(self, &hidden_name(engine, name), &by, value).map(|_| ())
    }
}

/// Names of resources have no slash: what engines hide has no name that a secret could have.
fn hidden_name(engine: &str, name: &str) -> String {
    format!("{engine}/{name}")
}

/// Seals a value as the next version of a secret.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    name: &str,
    by: &str,
    value: &SecretValue,
) -> Result<Set, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let state = ensure_state(tx)?;
    let number = state.next.map_or(state.current.number, |next| next.key.number);
    let open = kernel.vault.open()?;
    let version = last_set(tx, name)?.map_or(0, |set| set.version) + 1;
    let which = Which { name, version };
    let sealed = Sealed::new(&open.keys, number, kernel.entropy().as_ref(), which, value)?;
    // Before the commit: what does not come about after all is masked for nothing.
    kernel.vault.masks.add(value.expose());
    store(tx, name, &sealed)?;
    let set = Set { version, at: tx.wall(), by: by.to_owned() };
    tx.put(set_key(name).number(version), to_json(&set)?);
    if let Some(old) = version.checked_sub(SETS_MAX) {
        tx.delete(set_key(name).number(old));
    }
    Ok(set)
}

/// Drops the value of a secret. Who set it and when stays, so that no version comes twice.
pub(crate) fn drop_value(tx: &mut Tx<'_>, name: &str) {
    tx.delete(value_key(name));
}

/// Returns the version and the number of the secret key of a value, where there is one.
pub(crate) fn standing(read: &dyn Read, name: &str) -> Result<Option<(u64, u64)>, Problem> {
    Ok(load(read, name)?.map(|sealed| (sealed.version, sealed.key)))
}

/// Returns who set a secret, the newest first.
pub(crate) fn sets(read: &dyn Read, name: &str, limit: usize) -> Result<Vec<Set>, Problem> {
    let prefix = set_key(name);
    let end = base::prefix_end(prefix.as_ref());
    let pairs = read.scan(prefix.as_ref(), &end, limit, true)?;
    pairs.iter().map(|(_, bytes)| from_json(bytes, "set")).collect()
}

fn last_set(read: &dyn Read, name: &str) -> Result<Option<Set>, Problem> {
    Ok(sets(read, name, 1)?.into_iter().next())
}

/// Returns which secret key counts; nothing where nothing was sealed yet.
pub(crate) fn state(read: &dyn Read) -> Result<Option<State>, Problem> {
    let bytes = read.get(state_key().as_ref())?;
    bytes.map(|bytes| from_json(&bytes, "state of the secret keys")).transpose()
}

pub(crate) fn put_state(tx: &mut Tx<'_>, state: &State) -> Result<(), Problem> {
    tx.put(state_key(), to_json(state)?);
    Ok(())
}

/// Returns which secret key counts; writes it down where nothing was sealed yet.
pub(crate) fn ensure_state(tx: &mut Tx<'_>) -> Result<State, Problem> {
    if let Some(state) = state(tx)? {
        return Ok(state);
    }
    let kernel = Arc::clone(tx.kernel());
    let open = kernel.vault.open()?;
    let key =
        open.keys.keys.get(&FIRST).ok_or_else(|| Error::Locked { place: open.source.place() })?;
    let check = key.check(kernel.entropy().as_ref(), &open.keys.unit, FIRST)?;
    let state = State::of(Check { number: FIRST, check }, None, None);
    put_state(tx, &state)?;
    Ok(state)
}

/// Finds the keys that the store names among those that are there.
fn recognised(
    unit: &str,
    state: &State,
    found: &[SecretKey],
    place: &str,
) -> Result<BTreeMap<u64, SecretKey>, Problem> {
    if state.v != STATE {
        return Err(Error::Key { reason: "the store is of a newer version".into() }.into());
    }
    let next = state.next.as_ref().map(|next| &next.key);
    let mut keys = BTreeMap::new();
    for check in [Some(&state.current), next].into_iter().flatten() {
        let key = found.iter().find(|key| key.fits(unit, check.number, &check.check));
        let Some(key) = key else {
            let reason = match found.len() {
                0 => format!("{place} has none, and this unit has sealed something under one"),
                _ => format!(
                    "{place} has not the key {} under which this unit has sealed",
                    check.number
                ),
            };
            return Err(Error::Key { reason }.into());
        };
        keys.insert(check.number, key.clone());
    }
    Ok(keys)
}

/// A value with its name, or why its row cannot be read.
type Row = Result<(String, Sealed), Problem>;

/// Returns all sealed values with their keys, also those that engines have hidden.
pub(crate) fn all(read: &dyn Read) -> Result<Vec<(Vec<u8>, Row)>, Problem> {
    let pairs = read.scan_prefix(values_key().as_ref(), usize::MAX)?;
    Ok(pairs.into_iter().map(|(key, bytes)| (key.clone(), row(&key, &bytes))).collect())
}

/// Reads a row of a value.
pub(crate) fn row(key: &[u8], bytes: &[u8]) -> Row {
    let mut reader = KeyReader::new(key);
    reader.text();
    let name = reader.text().unwrap_or_default();
    let sealed = serde_json::from_slice(bytes)
        .map_err(|_| Error::Damaged { name: super::engine::shown(&name) })?;
    Ok((name, sealed))
}

/// Checks that every value can be opened; returns what cannot, a line each.
///
/// # Errors
/// Where the store cannot be read.
pub fn verify(read: &dyn Read) -> Result<Vec<String>, Problem> {
    let rows = all(read)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let open = read.kernel().vault.open()?;
    let mut faults = Vec::new();
    for (_, row) in rows {
        let outcome = row.and_then(|(name, sealed)| {
            sealed.open(&open.keys, &name).map(|_| ()).map_err(Problem::from)
        });
        faults.extend(outcome.err().map(|problem| problem.message));
    }
    Ok(faults)
}

fn load(read: &dyn Read, name: &str) -> Result<Option<Sealed>, Problem> {
    let key = value_key(name);
    let Some(bytes) = read.get(key.as_ref())? else { return Ok(None) };
    row(key.as_ref(), &bytes).map(|(_, sealed)| Some(sealed))
}

pub(crate) fn store(tx: &mut Tx<'_>, name: &str, sealed: &Sealed) -> Result<(), Problem> {
    tx.put(value_key(name), to_json(sealed)?);
    Ok(())
}

fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value)
        .map_err(|error| crate::Error::Internal { detail: error.to_string() }.into())
}

fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        crate::Error::Internal { detail: format!("stored {what}: {error}") }.into()
    })
}

fn state_key() -> Key {
    space::key(b'X').text("keys")
}

/// The beginning of [`value_key`] of every name.
pub(crate) fn values_key() -> Key {
    space::key(b'X').text("value")
}

pub(crate) fn value_key(name: &str) -> Key {
    values_key().text(name)
}

fn set_key(name: &str) -> Key {
    space::key(b'X').text("set").text(name)
}

/// Does a turn's share of wrapping values anew.
pub(crate) fn work(tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    if !tx.kernel().vault.is_busy.load(Ordering::SeqCst) {
        return Ok(0);
    }
    rotate::work(tx, budget)
}
