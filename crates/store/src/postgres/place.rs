//! Where the database is, how a connection to it is secured, and how its sessions are set.

use super::tls::Tls;
use crate::{Error, PostgresConfig};
use std::future::Future;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, NoTls};

/// The longest name of a schema.
pub(super) const SCHEMA_BYTES_MAX: usize = 63;

/// A connection that was just made, and the task that turns its socket.
pub(super) struct Opened {
    pub client: Client,
    pub task: JoinHandle<()>,
}

/// Where the database is.
pub(super) struct Place {
    pub config: PostgresConfig,
    /// All but the password.
    way: tokio_postgres::Config,
    /// `None` for clear text, on this machine only.
    tls: Option<Tls>,
}

/// What `sslmode` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Clear,
    /// TLS, whoever the server is.
    Encrypted,
    /// TLS with a server that proves its name.
    Verified,
}

impl Place {
    /// Reads the address of a database.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(config: &PostgresConfig) -> Result<Self, Error> {
        check_schema(&config.schema)?;
        let (url, mode) = without_mode(&config.url)?;
        let way = url.parse::<tokio_postgres::Config>().map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            wrong(format!("`url`: {error}{}", cause.unwrap_or_default()))
        })?;
        if way.get_password().is_some() {
            return Err(wrong(
                "`url` holds a password, which belongs into the file `password_file`",
            ));
        }
        if way.get_hosts().is_empty() && way.get_hostaddrs().is_empty() {
            return Err(wrong("`url` names no host"));
        }
        let tls = match security(mode.as_deref(), is_on_this_machine(&way))? {
            Security::Clear => None,
            Security::Encrypted => Some(Tls::unverified()?),
            Security::Verified => {
                let roots = config.root_certificates.as_deref().ok_or_else(|| {
                    wrong("`sslmode=verify-full` needs `root_certificates`, the file of those who may vouch for the server")
                })?;
                Some(Tls::verified(&read(roots)?)?)
            }
        };
        Ok(Self { config: config.clone(), way: adjusted(way, config, tls.is_some()), tls })
    }

    /// Returns what makes a connection.
    ///
    /// # Errors
    /// [`Error::Address`] where the password's file cannot be read.
    pub fn opening(
        &self,
    ) -> Result<
        impl Future<Output = Result<Opened, tokio_postgres::Error>> + Send + 'static + use<>,
        Error,
    > {
        let mut way = self.way.clone();
        if let Some(path) = &self.config.password_file {
            way.password(password(path)?);
        }
        let tls = self.tls.clone();
        Ok(async move {
            match tls {
                None => {
                    let (client, connection) = way.connect(NoTls).await?;
                    let task = tokio::spawn(async move { drop(connection.await) });
                    Ok(Opened { client, task })
                }
                Some(tls) => {
                    let (client, connection) = way.connect(tls).await?;
                    let task = tokio::spawn(async move { drop(connection.await) });
                    Ok(Opened { client, task })
                }
            }
        })
    }

    /// Returns how long making a connection may take: each host has its time, and what follows takes some round trips.
    pub fn connect_time_max(&self) -> Duration {
        let hosts = self.way.get_hosts().len().max(self.way.get_hostaddrs().len());
        Duration::from_millis(self.config.connect_ms_max) * u32::try_from(hosts + 1).unwrap_or(2)
    }

    pub fn statement_time_max(&self) -> Duration {
        Duration::from_millis(self.config.statement_ms_max)
    }

    pub fn lease_time(&self) -> Duration {
        Duration::from_millis(self.config.lease_ms)
    }

    pub fn transaction_time_max(&self) -> Duration {
        Duration::from_millis(self.config.transaction_ms_max)
    }

    /// Returns the statements that set a session.
    ///
    /// Every statement finds its rows by an index, in its order; a plan that sorts or reads a table as a whole would only be
    /// taken because the server guesses wrong. A server whose commits do not wait for the disk is told to wait.
    pub fn session(&self) -> String {
        let PostgresConfig { schema, statement_ms_max, transaction_ms_max, .. } = &self.config;
        format!(
            "SET search_path TO \"{schema}\"; SET default_transaction_isolation TO 'read committed';
             SET statement_timeout TO {statement_ms_max};
             SET idle_in_transaction_session_timeout TO {transaction_ms_max};
             SET plan_cache_mode TO force_generic_plan; SET enable_seqscan TO off; SET enable_bitmapscan TO off;
             SET enable_sort TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off; SET jit TO off;
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
        )
    }
}

/// Returns a way to the database that notices soon when it is cut.
fn adjusted(
    mut way: tokio_postgres::Config,
    config: &PostgresConfig,
    is_secured: bool,
) -> tokio_postgres::Config {
    let patience = Duration::from_millis(config.lease_ms / 2);
    way.ssl_mode(if is_secured { SslMode::Require } else { SslMode::Disable })
        // Of several hosts, the one that takes changes.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .application_name(format!("craton {}", config.node))
        .connect_timeout(Duration::from_millis(config.connect_ms_max))
        .tcp_user_timeout(patience)
        .keepalives_idle(patience.max(Duration::from_secs(1)))
        // The system counts in whole seconds, and refuses none.
        .keepalives_interval((patience / 4).max(Duration::from_secs(1)))
        .keepalives_retries(3);
    way
}

/// Takes `sslmode` out of an address: the library does not know all of its values.
fn without_mode(url: &str) -> Result<(String, Option<String>), Error> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(wrong("`url` does not begin with `postgres://`"));
    }
    let Some((address, query)) = url.split_once('?') else { return Ok((url.to_owned(), None)) };
    let mut mode = None;
    let mut kept = Vec::new();
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", _)) => {
                return Err(wrong("`sslrootcert` is given as `root_certificates`"));
            }
            _ => kept.push(part),
        }
    }
    let url = match kept.is_empty() {
        true => address.to_owned(),
        false => format!("{address}?{}", kept.join("&")),
    };
    Ok((url, mode))
}

/// Decides how a connection is secured. Nothing is sent in clear text to another machine.
fn security(mode: Option<&str>, is_on_this_machine: bool) -> Result<Security, Error> {
    match mode {
        None if is_on_this_machine => Ok(Security::Clear),
        None | Some("verify-full") => Ok(Security::Verified),
        Some("require") => Ok(Security::Encrypted),
        Some("disable") if is_on_this_machine => Ok(Security::Clear),
        Some("disable") => Err(wrong("`sslmode=disable` is for a server on this machine only")),
        Some(other) => {
            Err(wrong(format!("`sslmode={other}` is not known here: `require` or `verify-full`")))
        }
    }
}

fn is_on_this_machine(way: &tokio_postgres::Config) -> bool {
    if !way.get_hostaddrs().is_empty() {
        return way.get_hostaddrs().iter().all(IpAddr::is_loopback);
    }
    way.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    })
}

/// The name stands in statements as it is.
fn check_schema(schema: &str) -> Result<(), Error> {
    let is_plain = schema
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins = schema.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if is_plain && begins && schema.len() <= SCHEMA_BYTES_MAX && !schema.starts_with("pg_") {
        return Ok(());
    }
    Err(wrong(format!("`schema` is `{schema}`: only small letters, digits and `_` are possible")))
}

fn password(path: &Path) -> Result<String, Error> {
    let mode = std::fs::metadata(path).map(|found| found.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let path = path.display();
        return Err(wrong(format!(
            "`{path}` may be read by others than its owner: `chmod 600` it"
        )));
    }
    let text = String::from_utf8(read(path)?);
    let text = text.map_err(|_| wrong(format!("`{}` is no text", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| wrong(format!("`{}`: {error}", path.display())))
}

pub(super) fn wrong(reason: impl Into<String>) -> Error {
    Error::Address { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str) -> String {
        match Place::new(&PostgresConfig::new(url, "a")) {
            Ok(place) if place.tls.is_some() => "encrypted".into(),
            Ok(_) => "clear".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn clear_text_stays_on_this_machine() {
        assert_eq!(said("postgres://u@127.0.0.1:5/d"), "clear");
        assert_eq!(said("postgres://u@localhost/d?sslmode=disable"), "clear");
        assert_eq!(said("postgres:///d?host=/run/postgresql"), "clear");
        assert_eq!(said("postgres://u@[::1]/d"), "clear");
        assert_eq!(said("postgres://u@127.0.0.1/d?sslmode=require"), "encrypted");
        assert_eq!(
            said("postgres://u@db.example/d?connect_timeout=3&sslmode=require"),
            "encrypted"
        );
        for url in [
            "postgres://u@db.example/d",
            "postgres://u@db.example/d?sslmode=disable",
            "postgres://u@db.example/d?sslmode=prefer",
            "postgres://u@localhost,db.example/d",
            "postgres://u@localhost/d?hostaddr=10.0.0.1",
        ] {
            let said = said(url);
            assert!(said.contains("cannot be used as it is configured"), "{url}: {said}");
        }
    }

    #[test]
    fn a_password_does_not_stand_in_the_address() {
        for url in [
            "postgres://u:very-secret@127.0.0.1/d",
            "postgres://u@127.0.0.1/d?password=very-secret",
        ] {
            let said = said(url);
            assert!(said.contains("password_file") && !said.contains("very-secret"), "{said}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_says_why() {
        for (url, reason) in [
            ("mysql://u@h/d", "does not begin with"),
            ("postgres:///d", "names no host"),
            ("postgres://u@h/d?sslmode=verify-full", "root_certificates"),
            ("postgres://u@h/d?sslmode=verify-full&sslrootcert=x", "root_certificates"),
            ("postgres://u@127.0.0.1/d?nonsense=1", "nonsense"),
        ] {
            assert!(said(url).contains(reason), "{url}: {}", said(url));
        }
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        let is_right = |schema: &str| check_schema(schema).is_ok();
        assert!(["craton", "unit_7", "_x"].into_iter().all(is_right));
        assert!(!["", "7up", "a\"b", "pg_x", "Unit"].into_iter().any(is_right));
    }
}
