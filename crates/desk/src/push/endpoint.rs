//! Addresses of push services. They come from browsers, so from strangers: none leads into the network that the unit stands in, unless
//! the configuration names its host.

use crate::{Config, Desk, Error};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest address in bytes.
const ENDPOINT_BYTES_MAX: usize = 2_048;

/// Ends of names that no public server has.
const PRIVATE_NAMES: [&str; 7] =
    ["localhost", "local", "internal", "intranet", "lan", "home", "arpa"];

/// The server of an address.
struct Server<'a> {
    /// In lower case, without brackets.
    host: String,
    /// As written, with the port.
    authority: &'a str,
}

/// Checks an address that a browser gave.
///
/// # Errors
/// `subscription.invalid`.
pub(crate) fn check(endpoint: &str, config: &Config) -> Result<(), Error> {
    let wrong = |reason: &str| Error::Subscription { field: "endpoint", reason: reason.into() };
    if ENDPOINT_BYTES_MAX < endpoint.len() {
        return Err(wrong("it is longer than 2048 bytes"));
    }
    let server = server(endpoint).ok_or_else(|| wrong("it is no https address"))?;
    if !is_named(&server, config) && !is_public_host(&server.host) {
        return Err(wrong("its host is of this machine or of a private network"));
    }
    Ok(())
}

/// Returns the push service of an address, `https://HOST[:PORT]`; empty where the address is none.
pub fn service_of(endpoint: &str) -> String {
    server(endpoint).map_or_else(String::new, |server| {
        format!("https://{}", server.authority.to_ascii_lowercase())
    })
}

impl Desk {
    /// Returns whether the configuration lets an address of a browser lead to this machine or into a private network.
    pub fn may_be_private(&self, endpoint: &str) -> bool {
        is_named_in(endpoint, &self.config)
    }
}

fn is_named_in(endpoint: &str, config: &Config) -> bool {
    server(endpoint).is_some_and(|server| is_named(&server, config))
}

/// Returns whether an address is one of the public internet.
pub fn is_public(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Reads an address. Whatever could be read in two ways is no address.
fn server(endpoint: &str) -> Option<Server<'_>> {
    let (scheme, rest) = endpoint.split_at_checked(8)?;
    let is_plain = endpoint.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !scheme.eq_ignore_ascii_case("https://") || !is_plain {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("443"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "443")),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
    let is_whole = !host.is_empty() && host.bytes().all(is_host) && port.parse::<u16>().is_ok();
    is_whole.then(|| Server { host: host.to_ascii_lowercase(), authority })
}

/// Returns whether the configuration names a server, with its port or as a whole host.
fn is_named(server: &Server<'_>, config: &Config) -> bool {
    config.push_hosts_private.iter().any(|named| {
        named.eq_ignore_ascii_case(server.authority)
            || named.trim_matches(['[', ']']).eq_ignore_ascii_case(&server.host)
    })
}

fn is_public_host(host: &str) -> bool {
    if let Ok(address) = host.parse() {
        return is_public(&address);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let Some((_, last)) = name.rsplit_once('.') else { return false };
    // What ends in a number is another way to write an address.
    last.starts_with(|first: char| first.is_ascii_alphabetic()) && !PRIVATE_NAMES.contains(&last)
}

/// By the registry of special addresses (RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = first == 0
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (second == 18 || second == 19))
        || 224 <= first;
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, .., seventh, eighth] = address.segments();
    if (first, second) == (0x64, 0xff9b) {
        // A translator stands between: the address behind it counts (RFC 6052).
        let [high, low, third, fourth] = [seventh.to_be_bytes(), eighth.to_be_bytes()].concat()[..]
        else {
            return false;
        };
        return is_public_v4(Ipv4Addr::new(high, low, third, fourth));
    }
    // Global unicast is 2000::/3; 2001:db8::/32 is for documents, 2002::/16 and 2001::/32 carry addresses of version 4.
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && (second == 0xdb8 || second == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(named: &[&str]) -> Config {
        let push_hosts_private = named.iter().map(|host| (*host).to_owned()).collect();
        Config { push_hosts_private, ..Config::default() }
    }

    #[test]
    fn push_services_are_public_and_have_tls() {
        let config = config(&[]);
        for url in [
            "https://fcm.googleapis.com/fcm/send/abc:APA91b",
            "https://updates.push.services.mozilla.com/wpush/v2/gAAAA?x=1",
            "HTTPS://web.push.apple.com:443/QG",
            "https://8.8.8.8/a",
            "https://[2606:4700::1111]:8443/a",
        ] {
            assert!(check(url, &config).is_ok(), "{url}");
        }
        for url in [
            "http://fcm.googleapis.com/a",
            "https:/fcm.googleapis.com/a",
            "https://",
            "https:///a",
            "https://user@fcm.googleapis.com/a",
            "https://a.example\\@evil.example/",
            "https://a.example:0x1/",
            "https://a.example:99999/",
            "https://a.example/ b",
            "https://ä.example/",
            "https://[::1/",
            "ftp://a.example/",
            "",
        ] {
            assert!(check(url, &config).is_err(), "{url}");
        }
        assert!(check(&format!("https://a.example/{}", "x".repeat(2_048)), &config).is_err());
    }

    #[test]
    fn nothing_leads_into_the_network_of_the_unit() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "unit",
            "db.local",
            "metadata.google.internal",
            "1.0.0.127.in-addr.arpa",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.01",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::a00:1]",
            "[fe80::1]",
            "[fd00::1]",
            "[ff02::1]",
            "[2002:7f00:1::]",
        ] {
            assert!(check(&format!("https://{host}/a"), &config(&[])).is_err(), "{host}");
        }
        assert!(check("https://[64:ff9b::808:808]/a", &config(&[])).is_ok());
    }

    #[test]
    fn a_host_that_the_configuration_names_may_be_private() {
        let named = config(&["127.0.0.1:8443", "push.lan", "[::1]"]);
        for url in ["https://127.0.0.1:8443/a", "https://PUSH.lan:9/a", "https://[::1]:7/a"] {
            assert!(check(url, &named).is_ok() && is_named_in(url, &named), "{url}");
        }
        for url in ["https://127.0.0.1:8444/a", "https://127.0.0.1/a", "https://x.push.lan/"] {
            assert!(check(url, &named).is_err() && !is_named_in(url, &named), "{url}");
        }
    }

    #[test]
    fn a_service_is_told_apart_by_scheme_host_and_port() {
        assert_eq!(service_of("https://Push.Example:8443/a?b"), "https://push.example:8443");
        assert_eq!(service_of("https://[2606:4700::1111]/a"), "https://[2606:4700::1111]");
        assert_eq!(service_of("none"), "");
    }
}
