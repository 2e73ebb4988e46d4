//! Makes a unit in a folder.

use crate::config::template;
use crate::{Clock, Error, files, tls};
use base::{Clock as _, Problem, SystemClock, SystemEntropy};
use exchange::Identity;
use kernel::{Call, Principal, ResourceRef};
use serde_json::json;
use std::path::Path;

/// How a unit is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it calls itself.
    pub name: String,
    /// See [`crate::Config::listen`].
    pub listen: String,
    /// See [`crate::Config::listen_peers`].
    pub listen_peers: String,
    /// See [`crate::Config::listen_postgres`].
    pub listen_postgres: String,
    /// Where business time comes from.
    pub clock: Clock,
    /// The database that holds the store; a file in the folder where absent.
    pub database: Option<Database>,
}

/// A database that holds a unit's store.
#[derive(Debug, Clone)]
pub struct Database {
    /// See [`store::PostgresConfig::url`].
    pub url: String,
    /// See [`store::PostgresConfig::node`].
    pub node: String,
    /// See [`store::PostgresConfig::schema`].
    pub schema: String,
}

/// A unit that was just made.
#[derive(Debug)]
pub struct Made {
    /// Its id: the hash of its root key.
    pub unit_id: String,
    /// The first owner's token.
    pub owner_token: String,
}

/// Makes a unit in a folder: configuration, key, certificate, store, and the first owner's token.
///
/// # Errors
/// `unit.exists`, `unit.file`, or what the store says.
pub fn init(folder: &Path, options: &Options) -> Result<Made, Problem> {
    if folder.join("unit.toml").exists() {
        return Err(Error::Exists { path: folder.to_owned() }.into());
    }
    base::Name::new(options.name.as_str())?;
    files::make_folder(folder)?;
    // Also where somebody has made it before: keys and rows come into it.
    files::close(folder)?;
    let identity = Identity::generate(&options.name, &SystemEntropy, SystemClock::new().wall());
    files::write(&folder.join(files::KEY), &identity.to_text(), true)?;
    tls::make(folder, tls::names(&[&options.listen_peers, &options.listen_postgres], &[]))?;
    files::write(&folder.join("unit.toml"), &template(options), false)?;
    let owner_token = first_owner(folder).inspect_err(|_| {
        // A database that cannot be used is told before anything stands: the next try finds no half of a unit.
        if options.database.is_some() {
            files::remove(
                folder,
                &["unit.toml", files::KEY, files::CERTIFICATE, files::CERTIFICATE_KEY],
            );
        }
    })?;
    Ok(Made { unit_id: identity.unit().to_owned(), owner_token })
}

/// Declares the user `owner` and makes a token of it, as the part `init`, which no door can be.
fn first_owner(folder: &Path) -> Result<String, Problem> {
    let (_, mut writer) = crate::assembly::assemble(folder)?.into_writer();
    let init = || Principal::Unit("init".into());
    let owner = json!({
        "apiVersion": "craton/v1",
        "kind": "User",
        "metadata": {"name": "owner"},
        "spec": {"summary": "The first person of the unit.", "roles": ["owner"]},
    });
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), init())
        .with(json!({"manifests": [owner]}));
    writer.turn(&[apply]).remove(0)?;
    let token = Call::new("token.create", ResourceRef::new("token", ""), init())
        .with(json!({"user": "owner", "summary": "made with the unit"}));
    let made = writer.turn(&[token]).remove(0)?.into_value();
    made["token"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| kernel::Error::Internal { detail: "a token has a secret".into() }.into())
}
