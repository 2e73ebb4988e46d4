//! The unit's MQTT door as a device finds it: over TCP, or over TLS.

use crate::{arguments::Globals, connect, error::Error};
use base::Problem;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// How long it may take to be connected, and how long nothing may come where an answer is awaited.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The port of MQTT where an address has none: without TLS, with it.
const PORTS: (u16, u16) = (1883, 8883);

/// A way to the unit and back.
pub trait Stream: Read + Write + Send {
    /// Has reads wait so long for bytes.
    fn wait_for(&mut self, patience: Duration) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn wait_for(&mut self, patience: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn wait_for(&mut self, patience: Duration) -> std::io::Result<()> {
        self.sock.set_read_timeout(Some(patience))
    }
}

/// Where devices of a unit connect.
pub struct Door {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl Door {
    /// Returns the door that the user names, else that of the unit's own configuration.
    ///
    /// # Errors
    /// `cli.usage` where there is none, or where it cannot be believed.
    pub fn find(globals: &Globals, named: Option<&str>) -> Result<Self, Problem> {
        let address = match named {
            Some(address) => address.to_owned(),
            None => connect::mqtt_address(globals)?.ok_or_else(|| {
                let hint = "set `listen_mqtt` in the unit's `unit.toml` and start it anew, or name the address: `--mqtt HOST:PORT`";
                Error::usage("the unit has no MQTT door that is known here", hint)
            })?,
        };
        let (rest, is_safe) = match address.split_once("://") {
            None => (address.as_str(), false),
            Some(("mqtt", rest)) => (rest, false),
            Some(("mqtts", rest)) => (rest, true),
            Some(_) => return Err(no_address(&address)),
        };
        let port = if is_safe { PORTS.1 } else { PORTS.0 };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => {
                (host, port.parse().map_err(|_| no_address(&address))?)
            }
            _ => (rest, port),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(no_address(&address));
        }
        let tls = is_safe.then(|| trusted(globals)).transpose()?;
        Ok(Self { host, port, tls })
    }

    /// Connects.
    ///
    /// # Errors
    /// `cli.unreachable`.
    pub fn open(&self) -> Result<Box<dyn Stream>, Problem> {
        let silent = |error: std::io::Error| self.silent(&error.to_string());
        let addresses = (self.host.as_str(), self.port).to_socket_addrs().map_err(silent)?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return self.through(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| self.silent("there is no such host"), silent))
    }

    fn through(&self, stream: TcpStream) -> Result<Box<dyn Stream>, Problem> {
        let set = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        set.map_err(|error| self.silent(&error.to_string()))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| self.silent(&error.to_string()))?;
        let session = ClientConnection::new(Arc::clone(tls), name)
            .map_err(|error| self.silent(&error.to_string()))?;
        Ok(Box::new(StreamOwned::new(session, stream)))
    }

    fn silent(&self, reason: &str) -> Problem {
        let url = format!("{}:{}", self.host, self.port);
        Error::Unreachable { url, reason: reason.to_owned() }.into()
    }
}

fn no_address(text: &str) -> Problem {
    let hint = "write it as HOST:PORT, or as mqtts://HOST:PORT where it has TLS";
    Error::usage(format!("`{text}` is no address of MQTT"), hint).into()
}

/// Returns TLS with whoever shows the certificate that the user names.
fn trusted(globals: &Globals) -> Result<Arc<ClientConfig>, Problem> {
    let hint = "name the file with the unit's certificate: `--certificate tls.pem`";
    let Some(path) = &globals.certificate else {
        return Err(Error::usage("with TLS it must be said whom to believe", hint).into());
    };
    let pem = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
    let odd = |error: &dyn std::fmt::Display| {
        Problem::from(Error::usage(format!("`{}`: {error}", path.display()), hint))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| odd(&error))?;
        roots.add(certificate).map_err(|error| odd(&error))?;
    }
    if roots.is_empty() {
        return Err(odd(&"it has no certificate"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| odd(&error))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    fn globals() -> Globals {
        let unit = Some("http://127.0.0.1:9".to_owned());
        Globals { unit, token: None, certificate: None, output: Format::Table }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let read =
            |text: &str| Door::find(&globals(), Some(text)).map(|door| (door.host, door.port));
        for (text, host, port) in [
            ("unit.example:1884", "unit.example", 1884),
            ("unit.example", "unit.example", 1883),
            ("mqtt://127.0.0.1:1883", "127.0.0.1", 1883),
            ("[::1]:1883", "::1", 1883),
        ] {
            assert_eq!(read(text).expect("an address"), (host.to_owned(), port), "{text}");
        }
        for text in ["http://unit.example", ":1883", "unit.example:many", "mqtt://"] {
            assert_eq!(read(text).expect_err("refused").code, "cli.usage", "{text}");
        }
    }

    #[test]
    fn tls_wants_a_certificate_and_a_unit_elsewhere_an_address() {
        let refused = |named: Option<&str>| {
            Door::find(&globals(), named).map(|_| ()).expect_err("refused").hint
        };
        assert!(
            refused(Some("mqtts://unit.example"))
                .is_some_and(|hint| hint.contains("--certificate"))
        );
        assert!(refused(None).is_some_and(|hint| hint.contains("--mqtt")));
    }
}
