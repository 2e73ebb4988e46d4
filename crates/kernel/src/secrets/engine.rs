//! The kind `Secret` and its operations. None of them gives a value to a person: `secret.read` is for programs whose role names
//! it, and everything else tells versions, times and places.

use super::seal::SecretValue;
use super::vault::{self, Set};
use super::{Error, reference, rotate};
use crate::operation::{Call, Operation, Reply, Right, decide, operation, read};
use crate::relation::{Cell, Column, ColumnType, Relation, Scan};
use crate::{Engine, KindOf, Read, Reader, Resource, ResourceRef, Tx};
use base::{Problem, Time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kernel's own part that keeps secrets.
pub(crate) struct Secrets;

/// What a secret is for, and where its value may go. The value itself is set by `secret.set`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by serde to check a manifest")]
struct Spec {
    /// What it is for.
    #[serde(default)]
    summary: String,
    /// The hosts, `NAME` or `NAME:PORT`, to which `secret.fetch` or a sign-in may send it.
    #[serde(default)]
    hosts: Vec<String>,
    /// The header in which `secret.fetch` sends it; `Authorization` where absent.
    #[serde(default)]
    header: Option<String>,
    /// What stands before the value in that header; `Bearer` where absent, empty for nothing.
    #[serde(default)]
    scheme: Option<String>,
}

/// A secret as everybody sees it who may see it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    summary: String,
    hosts: Value,
    /// The version of the value; none where it has none.
    version: Option<u64>,
    set_at: Option<Time>,
    set_by: Option<String>,
    /// The number of the unit's secret key under which it is sealed.
    key: Option<u64>,
    /// The resources that refer to it, of those that the caller may see.
    used_by: Vec<String>,
}

/// Returns a name for a message.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

/// Checks the `spec` of a secret. A value does not belong there, and is not repeated in what is said about it.
fn check(spec: &Value) -> Result<(), serde_json::Error> {
    use serde::de::Error as _;
    if spec.is_null() {
        return Ok(());
    }
    let is_value = |name: &&String| ["value", "data", "stringData"].contains(&name.as_str());
    if let Some(name) = spec.as_object().and_then(|fields| fields.keys().find(is_value)) {
        let reason = format!(
            "a manifest has no `{name}` of a secret: `craton secret set NAME` sets it, and nothing shows it"
        );
        return Err(serde_json::Error::custom(reason));
    }
    serde_json::from_value::<Spec>(spec.clone()).map(|_| ())
}

impl Engine for Secrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "secret",
            manifest: "Secret",
            plural: "secrets",
            schema: schemars::schema_for!(Spec).to_value(),
            check,
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        use Right::{Manage, Run};
        let text = || json!({"type": "string"});
        let value = json!({
            "type": "object",
            "required": ["value"],
            "additionalProperties": false,
            "properties": {"value": text(), "encoding": {"enum": ["text", "base64"]}},
        });
        let answer = json!({
            "type": "object",
            "required": ["name", "version", "value", "encoding"],
            "properties": {"name": text(), "version": {"type": "integer"}, "value": text(), "encoding": text()},
        });
        vec![
            operation("secret.set", Manage, "Sets the value of a secret; nothing shows it again.", decide(&self, |_, tx, call| set(tx, call)))
                .takes(value)
                .secret(),
            operation("secret.read", Run, "Gives the value to a program whose role names this operation; the answer is kept nowhere.", decide(&self, |_, tx, call| read_value(tx, call)))
                .answers(answer)
                .secret(),
            operation("secret.use", Run, "Lets an engine use the value for a call, whose caller does not see it.", read(&self, |_, reader, call| usable(reader, call)))
                .internal(),
            operation("secret.get", Right::Read, "Shows a secret without its value: who set it, when, and what refers to it.", read(&self, |_, reader, call| get(reader, call))),
            operation("secret.list", Right::Read, "Lists the secrets that the caller may see, without their values.", read(&self, |_, reader, _| list(reader)))
                .on_kind(),
            operation("secret.rotate", Manage, "Seals every secret under the unit's next secret key.", decide(&self, |_, tx, call| rotate::begin(tx, call)))
                .on_kind()
                .prepared(rotate::prepare),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(vec![relation()])
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        if let (Some(old), None) = (old.filter(|old| old.kind == "secret"), new) {
            return removed(tx, &old.name);
        }
        let Some(new) = new else { return Ok(()) };
        for name in reference::named(&new.spec) {
            if tx.resource("secret", &name)?.is_none() {
                return Err(dangling(&new.reference(), &name));
            }
        }
        Ok(())
    }

    fn work(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        vault::work(tx, budget)
    }
}

/// Drops the value of a secret that is removed, unless a manifest still refers to it.
fn removed(tx: &mut Tx<'_>, name: &str) -> Result<(), Problem> {
    let kinds: Vec<&'static str> = tx.kernel().kinds().map(|kind| kind.name).collect();
    for kind in kinds {
        for resource in tx.resources(kind)? {
            if reference::named(&resource.spec).contains(name) {
                return Err(dangling(&resource.reference(), name));
            }
        }
    }
    vault::drop_value(tx, name);
    Ok(())
}

fn dangling(from: &ResourceRef, name: &str) -> Problem {
    let to = format!("secret/{}", shown(name));
    crate::Error::Reference { from: from.to_string(), to }.into()
}

/// `secret.set`. Says nothing about what it was given, whatever is wrong with it.
fn set(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let limit = tx.kernel().config().secret_bytes_max;
    let value = value_of(call)?;
    if limit < value.expose().len() {
        let what = "the value of a secret".into();
        return Err(crate::Error::TooLarge { what, limit: limit as u64 }.into());
    }
    let name = &call.resource.name;
    let Set { version, at, by } = vault::keep(tx, name, &call.actor.to_string(), &value)?;
    Ok(Reply::Value(json!({"name": name, "version": version, "set_at": at, "set_by": by})))
}

fn value_of(call: &Call) -> Result<SecretValue, Error> {
    let wrong = |reason: &'static str| Error::Value { reason };
    let fields = call.args.as_object().ok_or_else(|| wrong("the body is a JSON object"))?;
    if fields.keys().any(|name| name != "value" && name != "encoding") {
        return Err(wrong("there is something beside `value` and `encoding`"));
    }
    let text = call.text("value").ok_or_else(|| wrong("`value` is a text"))?;
    let bytes = match fields.get("encoding").map(|encoding| encoding.as_str()) {
        None | Some(Some("text")) => text.as_bytes().to_vec(),
        Some(Some("base64")) => {
            STANDARD.decode(text).map_err(|_| wrong("`value` is not base64"))?
        }
        Some(_) => return Err(wrong("`encoding` is `text` or `base64`")),
    };
    if bytes.is_empty() {
        return Err(wrong("it is empty"));
    }
    Ok(SecretValue::new(bytes))
}

/// `secret.read`. It is a change, though it changes nothing: its audit line is durable before the value leaves.
fn read_value(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let name = &call.resource.name;
    let (version, value) = tx.kernel().value(tx, name)?;
    let (text, encoding) = match value.expose_text() {
        Some(text) => (text.to_owned(), "text"),
        None => (STANDARD.encode(value.expose()), "base64"),
    };
    Ok(Reply::Value(json!({"name": name, "version": version, "value": text, "encoding": encoding})))
}

/// `secret.use`: no door offers it. The policies are asked about it by [`crate::Kernel::secret`].
fn usable(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let (version, _) = reader.kernel().value(reader, &call.resource.name)?;
    Ok(Reply::Value(json!({"name": call.resource.name, "version": version})))
}

/// `secret.get`.
fn get(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let name = &call.resource.name;
    let missing = || crate::Error::NotFound { resource: call.resource.to_string() };
    let resource = reader.resource("secret", name)?.ok_or_else(missing)?;
    let places = reference::places(reader)?;
    let row = row(reader, &resource, &places)?;
    let mut shown = serde_json::to_value(&row)
        .map_err(|error| crate::Error::Internal { detail: error.to_string() })?;
    shown["sets"] = json!(vault::sets(reader, name, usize::MAX)?);
    Ok(Reply::Value(shown))
}

/// `secret.list`.
fn list(reader: &Reader) -> Result<Reply, Problem> {
    Reply::of(&json!({ "items": rows(reader)? }))
}

fn rows(reader: &Reader) -> Result<Vec<Row>, Problem> {
    let places = reference::places(reader)?;
    let mut rows = Vec::new();
    for resource in reader.resources("secret")? {
        if reader.allows("resource.get", &resource.reference())? {
            rows.push(row(reader, &resource, &places)?);
        }
    }
    Ok(rows)
}

fn row(
    reader: &Reader,
    resource: &Resource,
    places: &BTreeMap<String, Vec<ResourceRef>>,
) -> Result<Row, Problem> {
    let name = &resource.name;
    let standing = vault::standing(reader, name)?;
    let set = vault::sets(reader, name, 1)?.into_iter().next().filter(|_| standing.is_some());
    let mut used_by = Vec::new();
    for place in places.get(name).into_iter().flatten() {
        if reader.allows("resource.get", place)? {
            used_by.push(place.to_string());
        }
    }
    Ok(Row {
        name: name.clone(),
        summary: resource.spec["summary"].as_str().unwrap_or_default().to_owned(),
        hosts: resource.spec.get("hosts").cloned().unwrap_or_else(|| json!([])),
        version: standing.map(|(version, _)| version),
        set_at: set.as_ref().map(|set| set.at),
        set_by: set.map(|set| set.by),
        key: standing.map(|(_, key)| key),
        used_by,
    })
}

fn relation() -> Relation {
    use ColumnType::{Int, Text, Time};
    let columns = vec![
        Column::new("name", Text, "The name."),
        Column::new("summary", Text, "What it is for."),
        Column::new("hosts", Text, "Where `secret.fetch` may send it, as JSON."),
        Column::new("version", Int, "The version of its value; null where it has none."),
        Column::new("set_at", Time, "When the value was set, wall time."),
        Column::new("set_by", Text, "Who set it."),
        Column::new("key", Int, "The number of the unit's secret key under which it is sealed."),
        Column::new("used_by", Text, "The resources that refer to it, as JSON."),
    ];
    let rows =
        |reader: &Reader, _: &Scan, each: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            let int = |number: Option<u64>| {
                number.map_or(Cell::Null, |number| Cell::Int(number.cast_signed()))
            };
            for row in rows(reader)? {
                let cells = vec![
                    Cell::Text(row.name),
                    Cell::Text(row.summary),
                    Cell::json(&row.hosts),
                    int(row.version),
                    Cell::time(row.set_at),
                    Cell::text(row.set_by),
                    int(row.key),
                    Cell::json(&json!(row.used_by)),
                ];
                if !each(cells)? {
                    break;
                }
            }
            Ok(())
        };
    let summary = "Secrets without their values.";
    Relation::system("secrets", summary, columns, Arc::new(rows))
}
