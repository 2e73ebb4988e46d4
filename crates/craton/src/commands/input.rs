//! What users hand to commands: variables, files, business times, idempotency keys, consent.

use crate::{client::Request, error::Error, output};
use base::{Problem, Time};
use serde_json::{Map, Value};
use std::io::{IsTerminal, Read};
use std::path::Path;

/// The largest input that is read into memory, in bytes.
pub const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Options of everything that changes data.
#[derive(Debug, Clone, clap::Args)]
pub struct Change {
    /// The business time at which it happens; the unit's business clock where absent
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The idempotency key: the same request with the same key is done once
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Change {
    /// Puts the options into a request.
    ///
    /// # Errors
    /// `time.invalid`
    pub fn put(self, request: Request) -> Result<Request, Problem> {
        let at = self.at.map(|at| Time::parse(&at)).transpose()?;
        Ok(request.query("at", at).key(self.key))
    }

    /// Returns the options without the idempotency key.
    pub fn without_key(&self) -> Self {
        Self { at: self.at.clone(), key: None }
    }
}

/// Variables of a process, a task or an incident.
#[derive(Debug, Clone, clap::Args)]
pub struct Variables {
    /// A variable; the value is JSON where it reads as JSON, else text
    #[arg(long = "var", value_name = "NAME=VALUE")]
    each: Vec<String>,
    /// All variables as a JSON object; `@FILE` reads a file, `-` standard input
    #[arg(long = "variables", value_name = "JSON|@FILE|-")]
    all: Option<String>,
}

impl Variables {
    /// Returns the variables as a JSON object.
    ///
    /// # Errors
    /// `cli.usage` where they cannot be read.
    pub fn value(&self) -> Result<Value, Problem> {
        let mut variables = match &self.all {
            Some(all) => object(all)?,
            None => Map::new(),
        };
        for text in &self.each {
            let (name, value) = pair(text)?;
            variables.insert(name.into(), value);
        }
        Ok(Value::Object(variables))
    }
}

/// Reads `NAME=VALUE`; the value is JSON where it reads as JSON, else text.
///
/// # Errors
/// `cli.usage` where there is no `=`.
pub fn pair(text: &str) -> Result<(&str, Value), Problem> {
    let Some((name, value)) = text.split_once('=') else {
        let hint = "write `--var NAME=VALUE`";
        return Err(Error::usage(format!("`{text}` is not a variable"), hint).into());
    };
    Ok((name, self::value(value)))
}

/// Reads a value: JSON where it reads as JSON, else text.
pub fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()))
}

/// Reads a JSON object given as text, as `@FILE`, or as `-` for standard input.
///
/// # Errors
/// `cli.usage` where it is none, `cli.file` where a file cannot be read.
pub fn object(text: &str) -> Result<Map<String, Value>, Problem> {
    let text = match text {
        "-" => read(None)?,
        other => match other.strip_prefix('@') {
            Some(file) => read(Some(Path::new(file)))?,
            None => other.as_bytes().to_vec(),
        },
    };
    serde_json::from_slice(&text).map_err(|error| {
        let reason = format!("this is not a JSON object: {error}");
        Error::usage(reason, "write it like '{\"order\": \"o1\", \"total\": 12.5}'").into()
    })
}

/// Reads a file, or standard input, as text.
///
/// # Errors
/// `cli.usage` where it is not UTF-8; what [`read`] says.
pub fn text(file: Option<&Path>) -> Result<String, Problem> {
    String::from_utf8(read(file)?).map_err(|_| {
        let what = file.map_or("standard input".into(), |file| format!("`{}`", file.display()));
        Error::usage(format!("{what} is not UTF-8"), "write the statements as text").into()
    })
}

/// Reads a file, or standard input.
///
/// # Errors
/// `cli.file` where it cannot be read, `cli.too_large`.
pub fn read(file: Option<&Path>) -> Result<Vec<u8>, Problem> {
    let path = file.unwrap_or_else(|| Path::new("standard input"));
    let mut bytes = Vec::new();
    let result = match file {
        Some(path) => std::fs::File::open(path)
            .and_then(|file| file.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)),
        None => std::io::stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes),
    };
    result.map_err(|error| Error::unreadable(path, error))?;
    if INPUT_BYTES_MAX < bytes.len() as u64 {
        let what = format!("`{}`", path.display());
        return Err(Error::TooLarge { what, limit: INPUT_BYTES_MAX }.into());
    }
    Ok(bytes)
}

/// Asks at the terminal whether something shall be done; nothing where nobody is there to answer. Only `y` and `yes` mean yes.
pub fn is_agreed(what: &str) -> Option<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return None;
    }
    output::error_text(&format!("{what}? [y/N] "));
    let mut answer = String::new();
    let is_read = stdin.read_line(&mut answer).is_ok();
    Some(is_read && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_are_json_where_they_read_as_json() {
        let variables = Variables {
            each: vec![
                "total=12.5".into(),
                "name=ana".into(),
                "is_vip=true".into(),
                "a={\"b\":1}".into(),
            ],
            all: Some("{\"name\": \"x\", \"kept\": null}".into()),
        };
        let expected =
            json!({"total": 12.5, "name": "ana", "is_vip": true, "a": {"b": 1}, "kept": null});
        assert_eq!(variables.value().expect("reads"), expected);
    }

    #[test]
    fn a_variable_without_a_value_is_refused() {
        let variables = Variables { each: vec!["total".into()], all: None };
        assert_eq!(variables.value().expect_err("refused").code, "cli.usage");
    }
}
