//! The way back of a browser from an identity provider: one port of this machine, asked over HTTP, until the sign-in is there.
//!
//! Whatever else asks there gets a short answer and changes nothing; only who knows the `state` of the sign-in ends the waiting.

use crate::error::Error;
use base::{Code, Kind, Problem, percent_decode};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How long a browser may take to send its request.
const BROWSER_TIME: Duration = Duration::from_secs(5);
/// The largest request of a browser in bytes.
const BROWSER_BYTES_MAX: u64 = 32 << 10;

/// A port at which a browser comes back.
#[derive(Debug)]
pub struct WayBack(TcpListener);

/// What a browser brings back from the provider.
#[derive(Debug)]
pub struct Brought {
    /// What the session is made with.
    pub code: String,
    /// Who has given it, where that is said.
    pub issuer: Option<String>,
}

impl WayBack {
    /// Opens a port that only this machine reaches.
    ///
    /// # Errors
    /// `cli.file` where the system gives none.
    pub fn open() -> Result<Self, Problem> {
        TcpListener::bind("127.0.0.1:0").map(Self).map_err(no_port)
    }

    /// Returns its number.
    ///
    /// # Errors
    /// `cli.file` where the system does not say it.
    pub fn port(&self) -> Result<u16, Problem> {
        self.0.local_addr().map(|address| address.port()).map_err(no_port)
    }

    /// Waits for the browser to come back from the provider.
    ///
    /// # Errors
    /// `sign_in.rejected` where the provider has not signed anybody in.
    pub fn wait(&self, state: &str) -> Result<Brought, Problem> {
        loop {
            let (stream, _) = self.0.accept().map_err(no_port)?;
            // Browsers open connections and send nothing, or ask for a picture: the next one may be it.
            let Some(query) = callback(&stream) else { continue };
            let find = |name: &str| {
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                pairs.find(|(given, _)| *given == name).and_then(|(_, value)| decoded(value))
            };
            if find("state").as_deref() != Some(state) {
                answer(stream, "This is not the sign-in that the command line waits for.");
                continue;
            }
            let Some(code) = find("code") else {
                answer(stream, "Nobody was signed in. The command line says more.");
                let error = find("error").unwrap_or_else(|| "its answer cannot be read".into());
                let message = format!("the identity provider did not sign anybody in ({error})");
                return Err(Problem::new(Code("sign_in.rejected", Kind::Unauthenticated), message));
            };
            answer(stream, "You are signed in. This window can be closed.");
            return Ok(Brought { code, issuer: find("iss") });
        }
    }
}

fn no_port(error: std::io::Error) -> Problem {
    Error::File { path: "a port of this machine".into(), action: "opened", source: error }.into()
}

/// Reads a browser's request; returns the query of the way back from the provider.
fn callback(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(BROWSER_TIME)).ok()?;
    let mut reader = BufReader::new(stream.take(BROWSER_BYTES_MAX));
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    // The rest is read and thrown away: a connection that is closed before may lose the answer.
    let mut line = String::new();
    while 0 < reader.read_line(&mut line).ok()? && !line.trim().is_empty() {
        line.clear();
    }
    let target = first.strip_prefix("GET ")?.split(' ').next()?;
    target.strip_prefix("/callback?").map(str::to_owned)
}

fn answer(mut stream: TcpStream, text: &str) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    // Whoever has closed the window reads nothing.
    let _ = stream.write_all(head.as_bytes());
}

/// Returns the value of a parameter; nothing where it is malformed.
fn decoded(text: &str) -> Option<String> {
    String::from_utf8(percent_decode(&text.replace('+', " "))?.into_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has a browser ask for one path after the other; returns what became of the waiting, and the last answer.
    fn browse(paths: &'static [&str]) -> (Result<Brought, Problem>, String) {
        let way_back = WayBack::open().expect("opens");
        let port = way_back.port().expect("a port");
        let browser = std::thread::spawn(move || {
            let ask = |path: &str| {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
                write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("writes");
                let mut text = String::new();
                let _ = stream.read_to_string(&mut text);
                text
            };
            paths.iter().fold(String::new(), |_, path| ask(path))
        });
        let brought = way_back.wait("s");
        (brought, browser.join().expect("ends"))
    }

    #[test]
    fn the_browser_brings_the_code_back() {
        let (brought, said) = browse(&[
            "/favicon.ico",
            "/callback?code=x&state=other",
            "/callback?code=x&state=%zz",
            "/callback?code=a%2Fb+c&state=s&iss=https%3A%2F%2Fid.example",
        ]);
        let Brought { code, issuer } = brought.expect("a code");
        assert_eq!((code.as_str(), issuer.as_deref()), ("a/b c", Some("https://id.example")));
        assert!(said.contains("You are signed in"), "{said}");
    }

    #[test]
    fn what_the_provider_refuses_is_said() {
        for (path, reason) in [
            (&["/callback?state=s&error=access_denied"], "access_denied"),
            (&["/callback?state=s&code=%F"], "its answer cannot be read"),
        ] {
            let (brought, said) = browse(path);
            let problem = brought.map(|brought| brought.code).expect_err("nobody");
            assert_eq!(problem.code, "sign_in.rejected");
            assert!(problem.message.contains(reason), "{}", problem.message);
            assert!(said.contains("Nobody was signed in"), "{said}");
        }
    }
}
