//! The text of a query: names of parameters become numbers, and values are bound to them.

use super::check::wrong;
use super::spec::{ParameterSpec, QuerySpec};
use crate::sql::guard::place;
use crate::sql::parameters::Parameter;
use crate::{Config, Error};
use base::{Problem, nearest};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use kernel::Resource;
use serde_json::{Map, Value};

/// A query that can be run.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) spec: QuerySpec,
    /// The statement with `$1`, `$2` … where names stood. What follows a name stays at its line and column.
    pub(crate) sql: String,
}

impl Text {
    /// Returns the text of a query.
    ///
    /// # Errors
    /// `query.invalid` for a parameter that is not declared.
    pub(crate) fn of(query: &Resource, config: &Config) -> Result<Self, Problem> {
        let name = query.name.clone();
        let spec: QuerySpec = serde_json::from_value(query.spec.clone())
            .map_err(|error| wrong(&name, error.to_string(), "/spec", None))?;
        let limit = config.query_text_bytes_max;
        if limit < spec.sql.len() {
            let reason = format!("its SQL is longer than {limit} bytes");
            return Err(wrong(&name, reason, "/spec/sql", None));
        }
        let sql = numbered(&name, &spec)?;
        Ok(Self { name, spec, sql })
    }

    /// Returns the values that are bound: those that are given, and what the query says of the others.
    ///
    /// # Errors
    /// `query.parameter` for one that is missing, unknown or no value of its type.
    pub(crate) fn bound(&self, mut given: Map<String, Value>) -> Result<Vec<Parameter>, Error> {
        let refuse = |reason: String, hint: Option<String>| Error::Given {
            query: self.name.clone(),
            reason,
            hint,
        };
        let mut bound = Vec::with_capacity(self.spec.parameters.len());
        for (number, parameter) in self.spec.parameters.iter().enumerate() {
            let name = &parameter.name;
            let value = given.remove(name).or_else(|| parameter.default.clone());
            let missing = || {
                let hint = format!("it holds {}", parameter.parameter_type.as_str());
                refuse(format!("parameter `{name}` is missing"), Some(hint))
            };
            let value = value.ok_or_else(missing)?;
            let value = read(parameter, number + 1, value)
                .map_err(|reason| refuse(format!("parameter `{name}`: {reason}"), None))?;
            bound.push(value);
        }
        let Some((unknown, _)) = given.iter().next() else { return Ok(bound) };
        let shown: String = unknown.chars().take(80).collect();
        let known: Vec<&str> = self.names().collect();
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => Some("it takes none".into()),
            None => Some(format!("it takes {}", known.join(", "))),
        };
        Err(refuse(format!("it has no parameter `{shown}`"), hint))
    }

    /// Returns values to plan with: none is known.
    pub(crate) fn unbound(&self) -> Vec<Parameter> {
        let parameters = self.spec.parameters.iter();
        parameters.map(|parameter| Parameter::null(parameter.parameter_type.bound())).collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.spec.parameters.iter().map(|parameter| parameter.name.as_str())
    }
}

/// Reads a value of a parameter.
///
/// # Errors
/// Why it is none.
pub(crate) fn read(
    parameter: &ParameterSpec,
    number: usize,
    value: Value,
) -> Result<Parameter, String> {
    let kind = parameter.parameter_type;
    if value.is_array() || value.is_object() {
        return Err(format!("it holds one value, of type {}", kind.as_str()));
    }
    let shown: String = value.to_string().chars().take(80).collect();
    let bound = Parameter { kind: kind.bound(), value };
    match bound.scalar(number) {
        Ok(_) => Ok(bound),
        Err(_) => Err(format!("`{}` is no {}", shown.trim_matches('"'), kind.as_str())),
    }
}

/// Puts the numbers of parameters where their names stand.
fn numbered(query: &str, spec: &QuerySpec) -> Result<String, Problem> {
    let tokens = Tokenizer::new(&GenericDialect {}, &spec.sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| {
        let place = place(error.location.line, error.location.column);
        let (name, place, hint) = (query.into(), Some(place), None);
        Error::Declared { kind: "query", name, reason: error.message, place, hint }
    })?;
    let mut found = Vec::new();
    for token in &tokens {
        let Token::Placeholder(text) = &token.token else { continue };
        let at = token.span.start;
        let number = number_of(text, spec).map_err(|(reason, hint)| {
            let (name, place) = (query.into(), Some(place(at.line, at.column)));
            Error::Declared { kind: "query", name, reason, place, hint }
        })?;
        let length = text.chars().count();
        found.push(((at.line, at.column), length, format!("{:<length$}", format!("${number}"))));
    }
    let mut found = found.into_iter().peekable();
    let (mut sql, mut at, mut skip) = (String::with_capacity(spec.sql.len()), (1, 1), 0);
    for letter in spec.sql.chars() {
        if let Some((_, length, text)) = found.next_if(|(place, ..)| *place == at) {
            sql.push_str(&text);
            skip = length;
        }
        match skip {
            0 => sql.push(letter),
            _ => skip -= 1,
        }
        at = if letter == '\n' { (at.0 + 1, 1) } else { (at.0, at.1 + 1) };
    }
    Ok(sql)
}

/// Returns the number of the parameter that a text such as `$state` or `$2` means.
fn number_of(text: &str, spec: &QuerySpec) -> Result<usize, (String, Option<String>)> {
    let count = spec.parameters.len();
    let name = text.strip_prefix('$').unwrap_or_default();
    let known = || spec.parameters.iter().map(|parameter| parameter.name.as_str());
    let by_name = known().position(|known| known == name).map(|at| at + 1);
    let by_number = || name.parse().ok().filter(|number| (1..=count).contains(number));
    by_name.or_else(by_number).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        let hint = match nearest(name, known()) {
            Some(near) => format!("did you mean `${near}`?"),
            None => format!("declare it: `parameters: [{{name: {}}}]`", name.to_lowercase()),
        };
        (format!("`{shown}` is no parameter of it"), Some(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(sql: &str) -> QuerySpec {
        serde_json::from_value(json!({"sql": sql, "parameters": [
            {"name": "state"},
            {"name": "least", "type": "decimal", "default": 0},
            {"name": "since", "type": "date", "default": null},
        ]}))
        .expect("a spec")
    }

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let shown = numbered("q", &query(sql)).unwrap_or_else(|problem| {
            let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
            format!("{place} {} ({})", problem.message, problem.hint.unwrap_or_default())
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn names_become_numbers_where_they_stand() {
        check("SELECT $state", "SELECT $1    ");
        check(
            "SELECT $2, $least\n, '$state' -- $x\n, $since",
            "SELECT $2, $2    \n, '$state' -- $x\n, $3    ",
        );
        check("SELECT 'Grüße', $state::text", "SELECT 'Grüße', $1    ::text");
        check(
            "SELECT $4",
            "1:8 query `q`: `$4` is no parameter of it (declare it: `parameters: [{name: 4}]`)",
        );
        check(
            "SELECT 1,\n$stat",
            "2:1 query `q`: `$stat` is no parameter of it (did you mean `$state`?)",
        );
        check(
            "SELECT ?",
            "1:8 query `q`: `?` is no parameter of it (declare it: `parameters: [{name: }]`)",
        );
    }

    #[test]
    fn values_are_those_given_or_those_of_the_query() {
        let text = Text { name: "q".into(), spec: query("SELECT 1"), sql: "SELECT 1".into() };
        let bound = |given: Value| {
            let given = given.as_object().cloned().expect("an object");
            match text.bound(given) {
                Ok(bound) => {
                    let values = bound.into_iter().map(|parameter| parameter.value.to_string());
                    values.collect::<Vec<_>>().join(" ")
                }
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(bound(json!({"state": "SP"})), "\"SP\" 0 null");
        assert_eq!(
            bound(json!({"state": "SP", "least": "1.5", "since": "2018-01-31"})),
            "\"SP\" \"1.5\" \"2018-01-31\""
        );
        assert_eq!(bound(json!({})), "query `q`: parameter `state` is missing");
        assert_eq!(
            bound(json!({"state": "SP", "least": "x"})),
            "query `q`: parameter `least`: `x` is no decimal"
        );
        assert_eq!(
            bound(json!({"state": ["SP"]})),
            "query `q`: parameter `state`: it holds one value, of type text"
        );
        assert_eq!(
            bound(json!({"state": "SP", "sate": 1})),
            "query `q`: it has no parameter `sate`"
        );
    }
}
