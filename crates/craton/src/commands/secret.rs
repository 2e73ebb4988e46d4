//! `secret`: values that are set by name and never shown.

use super::input;
use crate::{
    arguments::Globals, connect, error::Error, output, output::Column, output::Format, routes,
};
use base::{Name, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// How lists of secrets are shown.
const SECRETS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("VERSION", &["version"]),
    Column("SET", &["set_at"]),
    Column("BY", &["set_by"]),
    Column("USED BY", &["used_by"]),
    Column("SUMMARY", &["summary"]),
];

/// Declares secrets, sets their values, and shows everything about them but the values
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton secret create mail --summary 'Password of the mail server'\n  craton secret set mail\n  craton secret list"
)]
pub struct Secret {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SecretCommand {
    /// Declares a secret; its value is set apart
    #[command(
        after_help = "Examples:\n  craton secret create mail --summary 'Password of the mail server'\n  craton secret create feed --host data.example --header X-Api-Key --scheme ''"
    )]
    Create {
        /// The name
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        summary: Option<String>,
        /// A host that it may be sent to in a header; write it several times for several
        #[arg(long = "host", value_name = "HOST[:PORT]")]
        hosts: Vec<String>,
        /// The header in which it is sent; `Authorization` where absent
        #[arg(long, value_name = "NAME")]
        header: Option<String>,
        /// What stands before it in that header; `Bearer` where absent, empty for nothing
        #[arg(long, value_name = "WORD")]
        scheme: Option<String>,
    },
    /// Sets the value: asked for without showing it, or read from standard input or a file
    #[command(
        after_help = "Examples:\n  craton secret set mail                      asks for it\n  pass show mail | craton secret set mail    a line feed at the end is left out\n  craton secret set key --from-file key.der  the bytes as they are\n\nThe value never stands on the command line: others on the machine could see it there."
    )]
    Set {
        /// The name
        name: String,
        /// The file that holds the value
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
    /// Shows secrets without their values
    #[command(after_help = "Examples:\n  craton secret list")]
    List,
    /// Shows when a secret was set, by whom, and what refers to it
    #[command(after_help = "Examples:\n  craton secret get mail")]
    Get {
        /// The name
        name: String,
    },
    /// Seals every secret under the unit's next secret key
    #[command(
        after_help = "Examples:\n  craton secret rotate\n\nWhere the key comes from a file the unit makes the next one itself; elsewhere put it behind the one in use first."
    )]
    Rotate,
}

impl Secret {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            SecretCommand::Create { name, summary, hosts, header, scheme } => {
                let name = Name::new(name)?;
                let manifest = manifest(name.as_str(), summary, &hosts, header, scheme);
                let body = json!({ "manifests": [manifest] });
                client.send(&routes::resource_apply().json(&body))?;
                output::line(format!("secret/{name} declared; `craton secret set {name}` sets it"));
                Ok(())
            }
            SecretCommand::Set { name, from_file } => {
                let body = body(value(&name, from_file.as_deref())?);
                let answer = client.send(&routes::secret_set(&name).json(&body))?;
                if globals.output != Format::Table {
                    return output::one(globals.output, &answer);
                }
                output::line(format!("secret/{name} set, version {}", answer["version"]));
                Ok(())
            }
            SecretCommand::List => {
                output::list(globals.output, &client.send(&routes::secret_list())?, SECRETS)
            }
            SecretCommand::Get { name } => {
                output::one(globals.output, &client.send(&routes::secret_get(&name))?)
            }
            SecretCommand::Rotate => {
                output::one(globals.output, &client.send(&routes::secret_rotate())?)
            }
        }
    }
}

fn manifest(
    name: &str,
    summary: Option<String>,
    hosts: &[String],
    header: Option<String>,
    scheme: Option<String>,
) -> Value {
    let mut spec = json!({});
    for (field, text) in [("summary", summary), ("header", header), ("scheme", scheme)] {
        if let Some(text) = text {
            spec[field] = text.into();
        }
    }
    if !hosts.is_empty() {
        spec["hosts"] = json!(hosts);
    }
    json!({"apiVersion": "craton/v1", "kind": "Secret", "metadata": {"name": name}, "spec": spec})
}

/// Returns the value: of the file as it is, of standard input without its last line end, or what somebody types unseen.
fn value(name: &str, file: Option<&Path>) -> Result<Vec<u8>, Problem> {
    let value = match file {
        Some(file) => input::read(Some(file))?,
        None if std::io::stdin().is_terminal() => {
            let typed = rpassword::prompt_password(format!("value of secret/{name}: "));
            let terminal = Path::new("the terminal");
            typed.map_err(|error| Error::unreadable(terminal, error))?.into_bytes()
        }
        None => without_line_end(input::read(None)?),
    };
    if value.is_empty() {
        let hint = "type it, pipe it in, or name a file with `--from-file`";
        return Err(Error::usage("the value is empty", hint).into());
    }
    Ok(value)
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

fn body(value: Vec<u8>) -> Value {
    match String::from_utf8(value) {
        Ok(text) => json!({"value": text}),
        Err(error) => json!({"value": STANDARD.encode(error.as_bytes()), "encoding": "base64"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_no_part_of_a_value() {
        let check = |text: &str| String::from_utf8(without_line_end(text.into())).expect("text");
        for (text, value) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("", "")]
        {
            assert_eq!(check(text), value);
        }
    }

    #[test]
    fn bytes_that_are_no_text_travel_as_base64() {
        assert_eq!(body(b"text".to_vec()), json!({"value": "text"}));
        assert_eq!(body(vec![0xff, 0]), json!({"value": "/wA=", "encoding": "base64"}));
    }
}
