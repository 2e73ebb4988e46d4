//! Fetches an address into a file without a name: the whole content is here, and checked, before its first row goes out.
//!
//! The certificates that a server is checked against are those of the system, or of `SSL_CERT_FILE`. No credential is sent but what
//! stands in the address itself, and a secret in an address is never shown. With `--header-secret` the unit fetches: it has the
//! secret, sends it to the hosts that the secret is for, and gives nobody the value.

use super::error::Error;
use super::limits::{CONNECT_SECONDS_MAX, FETCH_BYTES_MAX, REDIRECTS_MAX, STALL_SECONDS_MAX};
use crate::error::Error as CommandError;
use crate::{client::Client, routes};
use ::unit::Reach;
use base::{Problem, percent_decode};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{Read, Write};
use std::time::Duration;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;

/// An address of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address as it is asked for.
    text: String,
    /// The address without what may be a secret: user, password and query.
    pub shown: String,
    /// The last part of its path, which names the file.
    pub name: String,
}

impl Address {
    /// Reads an address; nothing where the text is none of HTTP.
    ///
    /// # Errors
    /// `import.address` where it has no host.
    pub fn read(text: &str) -> Option<Result<Self, Error>> {
        let lower = text.to_ascii_lowercase();
        let scheme = ["http://", "https://"].into_iter().find(|start| lower.starts_with(start))?;
        let rest = &text[scheme.len()..];
        let rest = rest.split('#').next().unwrap_or_default();
        let bare = rest.split('?').next().unwrap_or_default();
        let (authority, path) = bare.split_once('/').unwrap_or((bare, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let shown = format!("{scheme}{host}/{path}");
        if host.is_empty() {
            return Some(Err(Error::Address { address: shown, reason: "it has no host".into() }));
        }
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = if last.is_empty() { host.to_owned() } else { decoded(last) };
        Some(Ok(Self { text: format!("{scheme}{rest}"), shown, name }))
    }

    fn failed(&self, reason: impl Into<String>) -> Error {
        Error::Address { address: self.shown.clone(), reason: reason.into() }
    }
}

/// The content of an address.
#[derive(Debug)]
pub struct Fetched {
    /// The content. The file has no name: it is gone with this program, however that ends.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// Its media type, in lower case and without parameters.
    pub media: Option<String>,
}

/// Fetches an address.
///
/// # Errors
/// `import.address` where its content does not come, or not as a whole; `cli.too_large`; `cli.file` where the temporary file
/// cannot be written.
pub fn fetch(address: &Address) -> Result<Fetched, Problem> {
    let response =
        agent(address)?.get(&address.text).call().map_err(|error| of_ureq(address, &error))?;
    let status = response.status();
    if !status.is_success() {
        let reason = status.canonical_reason().unwrap_or("no success");
        return Err(address.failed(format!("it answered {}, {reason}", status.as_u16())).into());
    }
    let coding = response.headers().get("content-encoding").and_then(|value| value.to_str().ok());
    if let Some(coding) = coding.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        let reason = format!("it came in the coding `{coding}`, which was not asked for");
        return Err(address.failed(reason).into());
    }
    let media = response.body().mime_type().map(|media| media.trim().to_ascii_lowercase());
    let expected = response.body().content_length();
    if expected.is_some_and(|bytes| FETCH_BYTES_MAX < bytes) {
        return Err(too_large(address));
    }
    let bar = bar(address, expected);
    let mut content = response.into_body().into_reader();
    let (file, bytes) = kept(address, &mut content, expected, &bar)?;
    bar.finish_and_clear();
    Ok(Fetched { file, bytes, media })
}

/// Has the unit fetch an address with a secret in a header.
///
/// # Errors
/// What the unit says; `import.address` where the content does not come as a whole; `cli.too_large`; `cli.file`.
pub fn fetch_by(client: &Client, secret: &str, address: &Address) -> Result<Fetched, Problem> {
    let body = serde_json::json!({"url": address.text});
    let answer = client.open(&routes::secret_fetch(secret).json(&body))?;
    let media = answer.media().map(str::to_owned);
    let bar = bar(address, None);
    let (file, bytes) = kept(address, &mut answer.into_body(), None, &bar)?;
    bar.finish_and_clear();
    Ok(Fetched { file, bytes, media })
}

/// Keeps the content in a file without a name.
fn kept(
    address: &Address,
    content: &mut dyn Read,
    expected: Option<u64>,
    bar: &ProgressBar,
) -> Result<(File, u64), Problem> {
    let folder = std::env::temp_dir();
    let unwritable = |error| Problem::from(CommandError::unwritable(&folder, error));
    let mut file = tempfile::tempfile_in(&folder).map_err(unwritable)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let read =
            content.read(&mut piece).map_err(|error| cut(address, bytes, expected, &error))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if FETCH_BYTES_MAX < bytes {
            return Err(too_large(address));
        }
        file.write_all(&piece[..read]).map_err(unwritable)?;
        bar.inc(read as u64);
    }
    match expected {
        Some(expected) if bytes != expected => {
            let reason = format!("it broke off after {bytes} of {expected} bytes");
            Err(address.failed(reason).into())
        }
        _ => Ok((file, bytes)),
    }
}

fn cut(address: &Address, bytes: u64, expected: Option<u64>, error: &std::io::Error) -> Problem {
    let whole = expected.map_or_else(String::new, |expected| format!(" of {expected}"));
    address.failed(format!("it broke off after {bytes}{whole} bytes: {error}")).into()
}

fn too_large(address: &Address) -> Problem {
    let what = format!("the content of `{}`", address.shown);
    CommandError::TooLarge { what, limit: FETCH_BYTES_MAX }.into()
}

fn agent(address: &Address) -> Result<ureq::Agent, Problem> {
    let stall = Some(Duration::from_secs(STALL_SECONDS_MAX));
    let reach = Reach {
        redirects_max: REDIRECTS_MAX,
        connect: Some(Duration::from_secs(CONNECT_SECONDS_MAX)),
        answer: stall,
        stall,
        ..Reach::to(&address.text)
    };
    ::unit::agent(&reach).map_err(|reason| address.failed(reason).into())
}

/// Says in words why an address did not answer.
fn of_ureq(address: &Address, error: &ureq::Error) -> Problem {
    let reason = match error {
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nobody listens there".into()
        }
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::HostNotFound => "there is no such host".into(),
        ureq::Error::Timeout(_) => "it took too long".into(),
        ureq::Error::TooManyRedirects => format!("it redirects more than {REDIRECTS_MAX} times"),
        ureq::Error::RequireHttpsOnly(_) => "it redirects to an address without TLS".into(),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "this is not an address".into(),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::Tls(error) => format!("TLS: {error}"),
        other => other.to_string(),
    };
    address.failed(reason).into()
}

/// Returns a bar that follows the bytes that came; it shows nothing where standard error is no terminal.
fn bar(address: &Address, expected: Option<u64>) -> ProgressBar {
    let message = format!("fetching {}", address.name);
    let (bar, template) = match expected {
        Some(bytes) => {
            (ProgressBar::new(bytes), "{msg} {bar:32} {bytes}/{total_bytes}  {bytes_per_sec}")
        }
        None => (ProgressBar::no_length(), "{msg} {bytes}  {bytes_per_sec}"),
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(message)
}

/// Returns text without percent signs, or as it is where it cannot be read so; without control characters in any case.
fn decoded(text: &str) -> String {
    let read = percent_decode(text).and_then(|bytes| String::from_utf8(bytes.into_owned()).ok());
    let name = read.unwrap_or_else(|| text.to_owned());
    name.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::read(text).expect("an address").expect("with a host")
    }

    #[test]
    fn an_address_names_a_file_and_hides_its_secrets() {
        let address =
            read("HTTPS://ana:secret@data.example:8443/a/My%20Orders.csv.gz?key=hidden#top");
        assert_eq!(address.shown, "https://data.example:8443/a/My%20Orders.csv.gz");
        assert_eq!(address.name, "My Orders.csv.gz");
        assert_eq!(
            address.text,
            "https://ana:secret@data.example:8443/a/My%20Orders.csv.gz?key=hidden"
        );
        assert_eq!(read("http://data.example").name, "data.example");
        assert_eq!(read("http://data.example/export/").name, "export");
        assert_eq!(read("http://data.example/100%").name, "100%");
        assert!(Address::read("data/orders.csv").is_none());
        assert!(Address::read("ftp://data.example/a.csv").is_none());
        assert!(Address::read("http:///a.csv").is_some_and(|read| read.is_err()));
    }

    #[test]
    fn content_that_breaks_off_is_an_error() {
        let address = read("http://data.example/a.csv");
        let check = |bytes: &[u8], expected| {
            kept(&address, &mut &bytes[..], expected, &ProgressBar::hidden())
                .map(|(_, bytes)| bytes)
        };
        assert_eq!(check(b"id\n1\n", Some(5)).expect("whole"), 5);
        assert_eq!(check(b"id\n1\n", None).expect("whole"), 5);
        let problem = check(b"id\n", Some(5)).expect_err("refused");
        assert_eq!(problem.code, "import.address");
        assert!(problem.message.contains("after 3 of 5 bytes"), "{}", problem.message);
    }
}
