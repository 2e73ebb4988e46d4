//! What is offered and what was agreed: the manifest of an offer, the signed document of a contract, and its terms compiled.

use crate::Error;
use crate::canonical::canonical_text;
use crate::price::{Cents, Formula};
use base::{Period, Time, hex, nearest, sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The currency code of ISO 4217 for what has no price.
const NO_CURRENCY: &str = "XXX";

/// A field of an input, an output or a lent relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name.
    pub name: String,
    /// `bool`, `int`, `float`, `decimal(p,s)`, `text`, `time` or `json`.
    #[serde(rename = "type")]
    pub field_type: String,
    /// Whether it must be there and not null.
    #[serde(default)]
    pub required: bool,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// The price: of a call, as FEEL over `input` and, at the answer, `output`; of a lent relation, over `rows` and `bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The currency, ISO 4217.
    pub currency: String,
    /// What is owed when a call is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "formula_text")]
    pub on_accept: Option<String>,
    /// What is owed when a call is answered.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "formula_text")]
    pub on_answer: Option<String>,
    /// What is owed for what a query has read of a lent relation: so many `rows` in so many `bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "formula_text")]
    pub on_read: Option<String>,
}

/// What the provider promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceLevel {
    /// The longest time from call to answer, an ISO 8601 duration.
    pub answer_within: String,
}

/// A relation that is lent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lent {
    /// The table or view, as SQL names it.
    pub name: String,
    /// The columns that are lent; the others do not exist for the peer.
    pub columns: Vec<String>,
    /// Which rows are lent: a SQL condition over the relation, in which `current_user` is the name of the peer. All where it is
    /// absent. The peer does not see the condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
}

/// To whom something is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum To {
    /// To every peer.
    Any(AnyWord),
    /// To these peers.
    Names(Vec<String>),
}

/// The word `any`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnyWord {
    /// Every peer.
    Any,
}

/// Whether a person must approve a contract over an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The unit agrees by itself.
    #[default]
    None,
    /// A person accepts or rejects.
    Required,
}

/// What becomes of open calls when a contract is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRevoke {
    /// They are finished, and billed.
    #[default]
    Finish,
    /// They are cancelled; nothing more is billed.
    Cancel,
}

/// The manifest of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferSpec {
    /// The process that a call starts; its end is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The relation that is lent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<Lent>,
    /// The version that a contract names.
    #[serde(deserialize_with = "version_text")]
    pub version: String,
    /// What it does, in a sentence.
    #[serde(default)]
    pub summary: String,
    /// What a call must bring. Without it any object will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<Field>>,
    /// What an answer has: these fields travel, others stay here. For a lent relation the types of its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Vec<Field>>,
    /// The price; without it calls cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What the provider promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_level: Option<ServiceLevel>,
    /// To whom: names of peers, or `any`.
    pub to: To,
    /// Whether a person must approve.
    #[serde(default)]
    pub approval: Approval,
    /// What becomes of open calls when the contract is revoked.
    #[serde(default)]
    pub on_revoke: OnRevoke,
}

/// What a contract says about one of its capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The name of the offer.
    pub capability: String,
    /// The version of the offer.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// What a call must bring; absent where any object will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<Field>>,
    /// What an answer has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Vec<Field>>,
    /// The columns of a lent relation; absent where it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Field>>,
    /// The price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What the provider promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_level: Option<ServiceLevel>,
    /// What becomes of open calls when the contract is revoked.
    pub on_revoke: OnRevoke,
}

/// What both sign, as canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The version of this form.
    pub v: u32,
    /// The name of the contract on both sides.
    pub name: String,
    /// The unit that provides.
    pub provider: String,
    /// The unit that consumes.
    pub consumer: String,
    /// When the provider wrote it, wall time.
    pub agreed_at: Time,
    /// Makes the document, and so the contract's id, unique.
    pub nonce: String,
    /// What is agreed, by capability.
    pub offers: Vec<Term>,
}

/// A capability with its formulas compiled.
#[derive(Debug)]
pub struct Capability {
    /// What the contract says.
    pub term: Term,
    on_accept: Option<Formula>,
    on_answer: Option<Formula>,
    on_read: Option<Formula>,
}

/// A contract's document, compiled. It never changes, so it is kept by the contract's id.
#[derive(Debug)]
pub struct Terms {
    /// The document.
    pub document: Document,
    /// The capabilities.
    pub capabilities: BTreeMap<String, Capability>,
}

impl OfferSpec {
    /// Checks what can be checked without looking at other resources.
    ///
    /// # Errors
    /// `offer.invalid`, `offer.price`.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |pointer: &str, reason: String| {
            Err(Error::Offer { reason, pointer: format!("/spec/{pointer}") })
        };
        if self.process.is_some() == self.relation.is_some() {
            return wrong("", "it names either a process or a relation".into());
        }
        if let Some(lent) = &self.relation {
            if lent.columns.is_empty() {
                return wrong("relation/columns", "it lends no column".into());
            }
            let is_again = |(place, name): &(usize, &String)| lent.columns[..*place].contains(name);
            if let Some((place, name)) = lent.columns.iter().enumerate().find(is_again) {
                let reason = format!("it lends `{name}` twice");
                return wrong(&format!("relation/columns/{place}"), reason);
            }
        }
        for (place, fields) in [("input", &self.input), ("output", &self.output)] {
            for (i, field) in fields.iter().flatten().enumerate() {
                if !is_type(&field.field_type) {
                    let types = "bool, int, float, decimal(p,s), text, time, json";
                    let reason = format!("`{}` is no type; there are {types}", field.field_type);
                    return wrong(&format!("{place}/{i}/type"), reason);
                }
            }
        }
        if let Some(level) = &self.service_level
            && Period::parse(&level.answer_within).is_err()
        {
            let reason = format!("`{}` is not a duration such as P30D", level.answer_within);
            return wrong("service_level/answer_within", reason);
        }
        if let Some(price) = &self.price {
            if price.currency.len() != 3
                || !price.currency.bytes().all(|byte| byte.is_ascii_uppercase())
            {
                return wrong(
                    "price/currency",
                    format!("`{}` is no currency such as EUR", price.currency),
                );
            }
            price.on_accept.as_deref().map(Formula::compile).transpose()?;
            price.on_answer.as_deref().map(Formula::compile).transpose()?;
            if let Some(formula) = price.on_read.as_deref().map(Formula::compile).transpose()? {
                // A formula that sees only rows and bytes shows here whether it gives an amount.
                formula.read(1, 1_000, Time(0))?;
            }
            let is_lent = self.relation.is_some();
            if is_lent && (price.on_accept.is_some() || price.on_answer.is_some()) {
                return wrong(
                    "price",
                    "a lent relation is read, not called: its price is `on_read`".into(),
                );
            }
            if !is_lent && price.on_read.is_some() {
                return wrong("price/on_read", "a process is called, not read".into());
            }
        }
        Ok(())
    }

    /// Returns whether it is offered to a peer.
    pub fn is_to(&self, peer: &str) -> bool {
        match &self.to {
            To::Any(_) => true,
            To::Names(names) => names.iter().any(|name| name == peer),
        }
    }

    /// Returns what a contract over it says. `columns` are the lent ones with their types.
    pub fn term(&self, name: &str, columns: Option<Vec<Field>>) -> Term {
        Term {
            capability: name.into(),
            version: self.version.clone(),
            summary: self.summary.clone(),
            input: self.input.clone(),
            output: self.output.clone().filter(|_| columns.is_none()),
            columns,
            price: self.price.clone(),
            service_level: self.service_level.clone(),
            on_revoke: self.on_revoke,
        }
    }
}

impl Document {
    /// Returns the text that is signed.
    ///
    /// # Errors
    /// `exchange.internal`, a defect.
    pub fn text(&self) -> Result<String, Error> {
        Ok(canonical_text(&serde_json::to_value(self).map_err(Error::internal)?))
    }

    /// Reads the text that is signed; it must be canonical.
    ///
    /// # Errors
    /// `contract.document`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Document { reason };
        let document: Self =
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if document.v != 1 {
            return Err(wrong(format!("its version is {}, known is 1", document.v)));
        }
        if document.text()? != text {
            return Err(wrong("it is not canonical JSON (RFC 8785)".into()));
        }
        Ok(document)
    }
}

/// Returns the id of a contract: the hash of its document.
pub fn id_of(document: &str) -> String {
    hex(&sha256(document.as_bytes()))
}

impl Terms {
    /// Compiles a document.
    ///
    /// # Errors
    /// `contract.document`, `offer.price`.
    pub fn compile(text: &str) -> Result<Self, Error> {
        let document = Document::parse(text)?;
        let mut capabilities = BTreeMap::new();
        for term in &document.offers {
            let price = term.price.as_ref();
            let formula =
                |text: Option<&String>| text.map(|text| Formula::compile(text)).transpose();
            let capability = Capability {
                on_accept: formula(price.and_then(|price| price.on_accept.as_ref()))?,
                on_answer: formula(price.and_then(|price| price.on_answer.as_ref()))?,
                on_read: formula(price.and_then(|price| price.on_read.as_ref()))?,
                term: term.clone(),
            };
            capabilities.insert(term.capability.clone(), capability);
        }
        if capabilities.len() != document.offers.len() || capabilities.is_empty() {
            return Err(Error::Document { reason: "it covers nothing, or something twice".into() });
        }
        Ok(Self { document, capabilities })
    }

    /// Returns a capability.
    ///
    /// # Errors
    /// `contract.capability` with the nearest name.
    pub fn capability(&self, name: &str) -> Result<&Capability, Error> {
        self.capabilities.get(name).ok_or_else(|| Error::Capability {
            contract: self.document.name.clone(),
            capability: name.chars().take(80).collect(),
            nearest: nearest(name, self.capabilities.keys().map(String::as_str)).map(Into::into),
        })
    }
}

impl Capability {
    /// Returns the currency.
    pub fn currency(&self) -> &str {
        self.term.price.as_ref().map_or(NO_CURRENCY, |price| price.currency.as_str())
    }

    /// Returns what is owed when a call is accepted.
    ///
    /// # Errors
    /// `offer.price`.
    pub fn on_accept(&self, input: &Value, at: Time) -> Result<Cents, Error> {
        self.on_accept
            .as_ref()
            .map_or(Ok(Cents(0)), |formula| formula.amount(input, &Value::Null, at))
    }

    /// Returns what is owed when a call is answered.
    ///
    /// # Errors
    /// `offer.price`.
    pub fn on_answer(&self, input: &Value, output: &Value, at: Time) -> Result<Cents, Error> {
        self.on_answer.as_ref().map_or(Ok(Cents(0)), |formula| formula.amount(input, output, at))
    }

    /// Returns whether reading it costs something.
    pub fn is_read_priced(&self) -> bool {
        self.on_read.is_some()
    }

    /// Returns what is owed for what was read. A formula that gives no amount is the provider's fault: nothing is owed then,
    /// and both sides find that out alike.
    pub fn on_read(&self, rows: u64, bytes: u64, at: Time) -> Cents {
        let amount = self.on_read.as_ref().map(|formula| formula.read(rows, bytes, at));
        amount.and_then(Result::ok).unwrap_or_default()
    }

    /// Checks the input of a call.
    ///
    /// # Errors
    /// `contract.input` with a JSON pointer.
    pub fn check_input(&self, input: &Value) -> Result<(), Error> {
        check_fields(self.term.input.as_deref(), input)
    }

    /// Returns what the contract promises out of what a process ended with. The rest stays in this unit.
    ///
    /// # Errors
    /// `contract.output` where something that is promised is missing or has another type.
    pub fn promised(&self, mut output: Value) -> Result<Value, Error> {
        let Some(fields) = &self.term.output else { return Ok(output) };
        let mut promised = serde_json::Map::new();
        for field in fields {
            let value = output.get_mut(&field.name).map(Value::take).unwrap_or_default();
            let is_there = !value.is_null();
            let is_wrong =
                if is_there { !is_of(&field.field_type, &value) } else { field.required };
            if is_wrong {
                return Err(Error::Output {
                    field: field.name.clone(),
                    field_type: field.field_type.clone(),
                });
            }
            if is_there {
                promised.insert(field.name.clone(), value);
            }
        }
        Ok(Value::Object(promised))
    }
}

/// Checks an object against its fields.
fn check_fields(fields: Option<&[Field]>, input: &Value) -> Result<(), Error> {
    let wrong = |pointer: String, reason: String| Err(Error::Input { reason, pointer, hint: None });
    let Some(members) = input.as_object() else {
        return wrong("/input".into(), "the input is no object".into());
    };
    let Some(fields) = fields else { return Ok(()) };
    for field in fields {
        let pointer = format!("/input/{}", field.name);
        match members.get(&field.name) {
            None | Some(Value::Null) if field.required => {
                return wrong(pointer, format!("`{}` is missing", field.name));
            }
            None | Some(Value::Null) => {}
            Some(value) if is_of(&field.field_type, value) => {}
            Some(_) => {
                return wrong(
                    pointer,
                    format!("`{}` is not of type {}", field.name, field.field_type),
                );
            }
        }
    }
    let known = || fields.iter().map(|field| field.name.as_str());
    match members.keys().find(|name| !known().any(|known| known == name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Error::Input {
            reason: format!(
                "the contract knows no input `{}`",
                name.chars().take(80).collect::<String>()
            ),
            pointer: format!("/input/{}", name.chars().take(80).collect::<String>()),
            hint: nearest(name, known()).map(|nearest| format!("did you mean `{nearest}`?")),
        }),
    }
}

fn is_type(text: &str) -> bool {
    matches!(text, "bool" | "int" | "float" | "text" | "time" | "json") || scale(text).is_some()
}

/// Returns the digits behind the point of `decimal(p,s)`.
pub(crate) fn scale(text: &str) -> Option<u8> {
    let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
    let (precision, scale): (u8, u8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=38).contains(&precision) && scale <= precision).then_some(scale)
}

fn is_of(field_type: &str, value: &Value) -> bool {
    match field_type {
        "bool" => value.is_boolean(),
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "text" => value.is_string(),
        "time" => value.as_str().is_some_and(|text| Time::parse(text).is_ok()),
        "json" => true,
        _ => {
            value.is_number()
                || value.as_str().is_some_and(|text| text.parse::<rust_decimal::Decimal>().is_ok())
        }
    }
}

/// Accepts a formula that YAML reads as a number, such as `0.30`.
fn formula_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text_or_number(deserializer).map(Some)
}

fn version_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_or_number(deserializer)
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("expected text or a number")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(change: Value) -> Result<(), String> {
        let mut spec = json!({
            "process": "authorise", "version": 1, "summary": "…", "to": "any",
            "input": [{"name": "order", "type": "text", "required": true}],
            "price": {"currency": "EUR", "on_accept": 0.3, "on_answer": "output.value * 0.015"},
        });
        for (name, value) in change.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let spec: OfferSpec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        spec.check().map_err(|error| error.to_string())
    }

    #[test]
    fn an_offer_that_cannot_work_is_refused_with_its_place() {
        spec(json!({})).unwrap();
        spec(json!({"to": ["retail"], "approval": "required", "service_level": {"answer_within": "P3D"}})).unwrap();
        let lent = json!({"name": "shipments", "columns": []});
        let twice = json!({"name": "shipments", "columns": ["a", "b", "a"]});
        let one = json!({"name": "shipments", "columns": ["a"], "rows": "a = current_user"});
        let read = json!({"currency": "EUR", "on_read": "0.01 + rows * 0.001 + bytes / 1000000"});
        let wrong = json!({"currency": "EUR", "on_read": "\"much\""});
        spec(json!({"process": null, "relation": one, "price": read})).unwrap();
        let cases = [
            (json!({"process": null}), "either a process or a relation"),
            (json!({"process": null, "relation": lent}), "lends no column"),
            (json!({"process": null, "relation": twice, "price": read}), "twice"),
            (json!({"process": null, "relation": one}), "its price is `on_read`"),
            (json!({"process": null, "relation": one, "price": wrong}), "instead of a number"),
            (json!({"price": read}), "called, not read"),
            (json!({"input": [{"name": "a", "type": "int32"}]}), "is no type"),
            (json!({"service_level": {"answer_within": "soon"}}), "not a duration"),
            (json!({"price": {"currency": "Euro"}}), "is no currency"),
            (json!({"to": 7}), "did not match"),
            (json!({"colour": 7}), "unknown field"),
        ];
        for (change, expected) in cases {
            let message = spec(change).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn input_is_checked_against_the_fields_of_the_contract() {
        let fields: Vec<Field> = serde_json::from_value(json!([
            {"name": "order", "type": "text", "required": true}, {"name": "value", "type": "decimal(18,2)"},
            {"name": "at", "type": "time"}, {"name": "items", "type": "json"}, {"name": "n", "type": "int"},
        ]))
        .unwrap();
        let check =
            |input: Value| check_fields(Some(&fields), &input).map_err(|error| error.to_string());
        check(
            json!({"order": "a", "value": 1.5, "at": "2018-01-01T00:00:00Z", "items": [1], "n": 3}),
        )
        .unwrap();
        check(json!({"order": "a", "value": "1.50", "n": null})).unwrap();
        for bad in [
            json!([]),
            json!({}),
            json!({"order": 1}),
            json!({"order": "a", "n": 1.5}),
            json!({"order": "a", "oder": 1}),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
        check_fields(None, &json!({"anything": 1})).unwrap();
    }

    #[test]
    fn only_what_is_promised_leaves_the_unit() {
        let spec = json!({
            "process": "p", "version": 1, "to": "any",
            "output": [{"name": "value", "type": "decimal(18,2)", "required": true}, {"name": "note", "type": "text"}],
        });
        let spec: OfferSpec = serde_json::from_value(spec).unwrap();
        let term = spec.term("p", None);
        let capability = Capability { term, on_accept: None, on_answer: None, on_read: None };
        let promised =
            capability.promised(json!({"value": 1.5, "secret": 1, "note": null})).unwrap();
        assert_eq!(promised, json!({"value": 1.5}));
        for bad in
            [json!({}), json!({"value": "much"}), json!(null), json!({"value": 1, "note": 7})]
        {
            assert!(capability.promised(bad).is_err());
        }
    }
}
