//! Finds the unit that a command is meant for: its address and the token to call it with.

use crate::{arguments::Globals, client::Client, error::Error, profile};
use base::Problem;
use std::path::{Path, PathBuf};

/// The name of a unit's configuration inside its folder.
pub const CONFIGURATION: &str = "unit.toml";
/// The name of the file with the first owner's token.
pub const OWNER_TOKEN: &str = "owner.token";
/// Where a unit listens when its configuration says nothing.
const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// A unit that a command is meant for.
#[derive(Debug)]
pub struct Target {
    /// Its address.
    pub url: String,
    /// What its session is saved under: the address, or the folder.
    pub key: String,
    folder: Option<PathBuf>,
    certificate: Option<PathBuf>,
}

/// Returns a client of the unit that the options name, with the token that they name, else that of the saved session, else that
/// of the owner in the unit's folder.
///
/// # Errors
/// `cli.no_unit` where there is none, `cli.file` where its folder cannot be read.
pub fn client(globals: &Globals) -> Result<Client, Problem> {
    let target = target(globals)?;
    let token = match &globals.token {
        Some(token) => Some(token.clone()),
        None => target.token()?,
    };
    target.client(token)
}

/// Returns the unit that the options name.
///
/// # Errors
/// `cli.no_unit` where there is none, `cli.file` where its folder cannot be read.
pub fn target(globals: &Globals) -> Result<Target, Problem> {
    let named = globals.unit.as_deref().unwrap_or(".");
    let certificate = globals.certificate.clone();
    if named.starts_with("https://") || named.starts_with("http://") {
        let url = named.trim_end_matches('/').to_owned();
        return Ok(Target { key: url.clone(), url, folder: None, certificate });
    }
    let folder = Path::new(named);
    expect_unit(folder)?;
    let key = folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).display().to_string();
    Ok(Target { url: address(folder)?, key, folder: Some(folder.to_owned()), certificate })
}

impl Target {
    fn token(&self) -> Result<Option<String>, Problem> {
        if let Some(saved) = profile::find(&self.key)? {
            return Ok(Some(saved.token));
        }
        self.folder.as_deref().map_or(Ok(None), owner_token)
    }

    /// Returns a client with a token.
    ///
    /// # Errors
    /// `cli.file` where the certificate cannot be read, `cli.usage` where it is none.
    pub fn client(&self, token: Option<String>) -> Result<Client, Problem> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, error))
        };
        // Without TLS there is nothing to be believed.
        let certificate = self.certificate.as_ref().filter(|_| self.url.starts_with("https://"));
        let pem = certificate.map(read).transpose()?;
        Client::new(&self.url, token, pem.as_deref())
    }
}

/// Refuses a folder that is no unit's.
///
/// # Errors
/// `cli.no_unit`.
pub fn expect_unit(folder: &Path) -> Result<(), Problem> {
    if folder.join(CONFIGURATION).is_file() {
        return Ok(());
    }
    let inside = units_inside(folder).iter().map(|unit| unit.display().to_string()).collect();
    Err(Error::NoUnit { folder: folder.display().to_string(), inside }.into())
}

/// Keeps the owner's token where only the owner of the folder can read it.
///
/// # Errors
/// `cli.file` where it cannot be written.
pub fn keep_token(folder: &Path, token: &str) -> Result<(), Problem> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join(OWNER_TOKEN);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&path).and_then(|mut file| writeln!(file, "{token}"));
    written.map_err(|error| Error::unwritable(&path, error).into())
}

/// Returns the unit folders directly inside a folder, by name.
pub fn units_inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut units: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(CONFIGURATION).is_file())
        .collect();
    units.sort();
    units
}

/// Returns the address at which the unit of a folder listens.
///
/// # Errors
/// `cli.file` where its configuration cannot be read, `cli.usage` where it is no TOML.
pub fn address(folder: &Path) -> Result<String, Problem> {
    let table = configuration(folder)?;
    let listen = table.get("listen").or_else(|| table.get("http")?.get("listen"));
    let listen = listen.and_then(toml::Value::as_str).unwrap_or(LISTEN_DEFAULT);
    Ok(format!("http://{}", reachable(listen)))
}

/// Returns the address at which the unit that the options name takes MQTT without TLS; nothing where it does not, or where the unit is
/// not named by its folder.
///
/// # Errors
/// As [`address`].
pub fn mqtt_address(globals: &Globals) -> Result<Option<String>, Problem> {
    let Some(folder) = target(globals)?.folder else { return Ok(None) };
    let table = configuration(&folder)?;
    Ok(table.get("listen_mqtt").and_then(toml::Value::as_str).map(reachable))
}

fn configuration(folder: &Path) -> Result<toml::Table, Problem> {
    let path = folder.join(CONFIGURATION);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::unreadable(&path, error))?;
    text.parse().map_err(|error: toml::de::Error| {
        let reason = format!("`{}` is not TOML: {}", path.display(), error.message());
        Error::usage(reason, "correct the file").into()
    })
}

/// Returns the address under which a listener on all interfaces is reached from this machine.
fn reachable(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("0.0.0.0" | "[::]" | "", port)) => format!("127.0.0.1:{port}"),
        _ => listen.to_owned(),
    }
}

fn owner_token(folder: &Path) -> Result<Option<String>, Problem> {
    let path = folder.join(OWNER_TOKEN);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::unreadable(&path, error).into()),
    }
}
