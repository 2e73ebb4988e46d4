//! Values that differ from unit to unit: declared in `craton.yaml`, written `${name}` in manifests.
//!
//! A value is put in after YAML was read, so that none can change what a manifest consists of. `$${` stands for `${` itself.

use crate::error::Error;
use base::{Name, nearest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest text of a value in bytes.
const VALUE_BYTES_MAX: usize = 256;
/// Parameters of one application.
const PARAMETERS_MAX: usize = 100;

/// The values of an application's parameters, by name.
pub type Values = BTreeMap<String, Value>;

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Text without control characters.
    Text,
    /// The name of a resource, a peer or a contract.
    Name,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Name => "name",
            Self::Number => "number",
            Self::Bool => "bool",
        }
    }
}

/// A value that differs from unit to unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The name.
    pub name: Name,
    /// What it takes.
    #[serde(rename = "type")]
    pub value_type: Type,
    /// What it is where nobody says anything; without it somebody must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl Parameter {
    fn takes(&self, value: &Value) -> bool {
        let is_text =
            |text: &str| text.len() <= VALUE_BYTES_MAX && !text.chars().any(char::is_control);
        match (self.value_type, value) {
            (Type::Text, Value::String(text)) => is_text(text),
            (Type::Name, Value::String(text)) => Name::new(text.as_str()).is_ok(),
            (Type::Number, Value::Number(_)) | (Type::Bool, Value::Bool(_)) => true,
            _ => false,
        }
    }

    /// Reads a value as it was written behind `--set NAME=`.
    fn parse(&self, text: &str) -> Option<Value> {
        let value = match self.value_type {
            Type::Text | Type::Name => Value::String(text.to_owned()),
            Type::Number | Type::Bool => serde_json::from_str(text).ok()?,
        };
        self.takes(&value).then_some(value)
    }

    /// Returns a value for looking at manifests before anybody has said one.
    fn stand_in(&self) -> Value {
        match (&self.default, self.value_type) {
            (Some(default), _) => default.clone(),
            (None, Type::Text | Type::Name) => Value::String(self.name.as_str().to_owned()),
            (None, Type::Number) => 1.into(),
            (None, Type::Bool) => false.into(),
        }
    }
}

/// Checks what is declared. Returns what is wrong, and the number of the parameter.
pub fn wrong(parameters: &[Parameter]) -> Option<(usize, String)> {
    if PARAMETERS_MAX < parameters.len() {
        return Some((0, format!("an application has {PARAMETERS_MAX} parameters at most")));
    }
    parameters.iter().enumerate().find_map(|(number, parameter)| {
        let name = &parameter.name;
        if parameters[..number].iter().any(|earlier| earlier.name == *name) {
            return Some((number, format!("the parameter `{name}` is declared twice")));
        }
        let is_odd = parameter.default.as_ref().is_some_and(|value| !parameter.takes(value));
        let wanted = parameter.value_type.as_str();
        is_odd.then(|| (number, format!("the default of `{name}` is no {wanted}")))
    })
}

/// Returns the value of each parameter: what is said now (`NAME=VALUE`), else what was said before, else the default.
///
/// # Errors
/// `cli.usage` where a parameter is not there, a value does not fit, or one has none.
pub fn settle(parameters: &[Parameter], before: &Values, said: &[String]) -> Result<Values, Error> {
    let mut values = Values::new();
    for pair in said {
        let hint = "write `--set NAME=VALUE`";
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| Error::usage(format!("`{pair}` is no value of a parameter"), hint))?;
        let parameter = parameters.iter().find(|parameter| parameter.name.as_str() == name);
        let parameter = parameter.ok_or_else(|| unknown(parameters, name))?;
        let value = parameter.parse(text).ok_or_else(|| {
            let wanted = parameter.value_type.as_str();
            let reason = format!("the parameter `{name}` takes a {wanted}, and this is none");
            Error::usage(reason, hint)
        })?;
        if values.insert(name.to_owned(), value).is_some() {
            return Err(Error::usage(format!("the parameter `{name}` is set twice"), hint));
        }
    }
    for parameter in parameters {
        let name = parameter.name.as_str();
        if values.contains_key(name) {
            continue;
        }
        let held = before.get(name).filter(|value| parameter.takes(value));
        let value = held.or(parameter.default.as_ref()).cloned().ok_or_else(|| {
            let reason = format!("the parameter `{name}` has no value");
            let what = Some(&parameter.description).filter(|text| !text.is_empty());
            let what = what.map(|text| format!(": {text}")).unwrap_or_default();
            Error::usage(reason, format!("write `--set {name}=VALUE`{what}"))
        })?;
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Returns values for looking at manifests before anybody has said any.
pub fn stand_ins(parameters: &[Parameter]) -> Values {
    let pair = |parameter: &Parameter| (parameter.name.as_str().to_owned(), parameter.stand_in());
    parameters.iter().map(pair).collect()
}

fn unknown(parameters: &[Parameter], name: &str) -> Error {
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it has no parameters".into(),
        None => format!("the parameters are {}", names.join(", ")),
    };
    Error::usage(format!("there is no parameter `{name}`"), hint)
}

/// Puts values into all texts of a value.
///
/// # Errors
/// The JSON pointer of a text that is wrong, and what is wrong with it.
pub fn put(value: &mut Value, values: &Values) -> Result<(), (String, String)> {
    put_at(value, values, "")
}

fn put_at(value: &mut Value, values: &Values, at: &str) -> Result<(), (String, String)> {
    match value {
        Value::String(text) if text.contains("${") => {
            let filled = fill(text, values).map_err(|reason| (at.to_owned(), reason))?;
            *value = filled;
        }
        Value::Array(items) => {
            for (number, item) in items.iter_mut().enumerate() {
                put_at(item, values, &format!("{at}/{number}"))?;
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let name = name.replace('~', "~0").replace('/', "~1");
                put_at(field, values, &format!("{at}/{name}"))?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn fill(text: &str, values: &Values) -> Result<Value, String> {
    let find = |name: &str| {
        let missing = || format!("`${{{name}}}` is no parameter; `$${{` stands for `${{` itself");
        values.get(name).ok_or_else(missing)
    };
    let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = whole.filter(|name| !name.contains(['$', '{', '}'])) {
        return find(name).cloned();
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        if let Some(kept) = before.strip_suffix('$') {
            filled.push_str(kept);
            filled.push_str("${");
            rest = &from[2..];
            continue;
        }
        filled.push_str(before);
        let end = from.find('}').ok_or_else(|| "`${` has no `}`".to_owned())?;
        match find(&from[2..end])? {
            Value::String(text) => filled.push_str(text),
            other => filled.push_str(&other.to_string()),
        }
        rest = &from[end + 1..];
    }
    filled.push_str(rest);
    Ok(Value::String(filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameters() -> Vec<Parameter> {
        let declared = json!([
            {"name": "peer", "type": "name", "description": "who pays"},
            {"name": "share", "type": "number", "default": 0.92},
            {"name": "strict", "type": "bool", "default": true},
            {"name": "note", "type": "text", "default": ""},
        ]);
        serde_json::from_value(declared).expect("parameters")
    }

    /// Settles with what is said, the pairs parted by `|`.
    fn settled(said: &str) -> Result<Value, String> {
        let said: Vec<String> =
            said.split('|').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
        let values = settle(&parameters(), &Values::from([("share".into(), json!(0.5))]), &said);
        values.map(|values| json!(values)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_counts_before_what_was_said_and_that_before_the_default() {
        let all =
            |share: Value| json!({"peer": "bank", "share": share, "strict": true, "note": ""});
        assert_eq!(settled("peer=bank"), Ok(all(json!(0.5))));
        assert_eq!(settled("peer=bank|share=1"), Ok(all(json!(1))));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for (said, expected) in [
            ("", "the parameter `peer` has no value"),
            ("peer=Two Words", "the parameter `peer` takes a name, and this is none"),
            ("peer=a|share=much", "the parameter `share` takes a number, and this is none"),
            ("peer=a|strict=1", "the parameter `strict` takes a bool, and this is none"),
            ("peer=a|note=a\nb", "the parameter `note` takes a text, and this is none"),
            ("pear=a", "there is no parameter `pear`"),
            ("peer", "`peer` is no value of a parameter"),
            ("peer=a|peer=b", "the parameter `peer` is set twice"),
        ] {
            assert_eq!(settled(said), Err(expected.into()));
        }
    }

    #[test]
    fn placeholders_are_filled_in_texts_and_nowhere_else() {
        let values = Values::from([
            ("peer".into(), json!("bank")),
            ("share".into(), json!(0.5)),
            ("evil".into(), json!("${peer}")),
        ]);
        let check = |text: &str, expected: Value| {
            let mut value = json!({"${peer}": [text]});
            put(&mut value, &values).expect("fills");
            assert_eq!(value["${peer}"][0], expected, "{text}");
        };
        check("${peer}", json!("bank"));
        check("${share}", json!(0.5));
        check("a ${peer}/${share}.", json!("a bank/0.5."));
        check("$${peer} ${peer}", json!("${peer} bank"));
        check("$peer {peer} $", json!("$peer {peer} $"));
        check("x${evil}", json!("x${peer}"));
        for (text, expected) in [
            ("${nobody}", "`${nobody}` is no parameter; `$${` stands for `${` itself"),
            ("x ${peer", "`${` has no `}`"),
        ] {
            let wrong = put(&mut json!({"a/b": [text]}), &values).expect_err("refused");
            assert_eq!(wrong, ("/a~1b/0".to_owned(), expected.to_owned()));
        }
    }

    #[test]
    fn what_is_declared_must_fit_itself() {
        assert_eq!(wrong(&parameters()), None);
        let mut twice = parameters();
        twice.push(twice[0].clone());
        assert_eq!(wrong(&twice), Some((4, "the parameter `peer` is declared twice".into())));
        let mut odd = parameters();
        odd[1].default = Some(json!("much"));
        assert_eq!(wrong(&odd), Some((1, "the default of `share` is no number".into())));
    }
}
