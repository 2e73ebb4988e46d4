//! Under which names and addresses this machine is reached: for the certificate that the unit makes for itself, and for what it tells
//! people to open. Where the system does not say them as Linux does there are none, and the loopback is left.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Names and addresses of the machine that count.
const NAMES_MAX: usize = 16;

/// The longest name of a machine that counts, in bytes.
const NAME_BYTES_MAX: usize = 253;

/// Addresses of a door that people are told.
const TOLD_MAX: usize = 4;

/// Returns the names and addresses of this machine that others can reach it by: its name first, then those of IPv4, then of IPv6.
pub(crate) fn of_machine() -> Vec<String> {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let name = text("/proc/sys/kernel/hostname").trim().to_owned();
    let v4 = v4_of(&text("/proc/net/fib_trie")).into_iter().map(|address| address.to_string());
    let v6 = v6_of(&text("/proc/net/if_inet6")).into_iter().map(|address| address.to_string());
    let name = Some(name).filter(|name| is_name(name));
    let mut all: Vec<String> = Vec::new();
    for one in name.into_iter().chain(v4).chain(v6) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all.truncate(NAMES_MAX);
    all
}

/// Returns the addresses of a door as a browser can open them. One that listens everywhere is at home on this machine first, and then
/// under the machine's names.
pub(crate) fn told(scheme: &str, listen: &str, machine: &[String]) -> String {
    let everywhere = listen
        .strip_prefix("0.0.0.0:")
        .map(|port| (port, false))
        .or_else(|| listen.strip_prefix("[::]:").map(|port| (port, true)));
    let Some((port, has_v6)) = everywhere else { return format!("{scheme}://{listen}") };
    let is_told = |name: &&String| has_v6 || name.parse::<Ipv6Addr>().is_err();
    let names = machine.iter().filter(is_told).take(TOLD_MAX);
    let also: Vec<String> = names
        .map(|name| match name.parse::<Ipv6Addr>() {
            Ok(address) => format!("{scheme}://[{address}]:{port}"),
            Err(_) => format!("{scheme}://{name}:{port}"),
        })
        .collect();
    let home = format!("{scheme}://127.0.0.1:{port}");
    if also.is_empty() { home } else { format!("{home} (also {})", also.join(", ")) }
}

/// Returns whether a text can stand as a name in a certificate.
fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= NAME_BYTES_MAX && text.split('.').all(is_part)
}

/// Reads the addresses of the machine out of the kernel's table of routes: each has a line, and below it what it is for.
fn v4_of(table: &str) -> Vec<Ipv4Addr> {
    let (mut found, mut last) = (Vec::new(), None);
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last.filter(|address| !address.is_loopback())
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Reads the addresses of the machine that hold beyond one link.
fn v6_of(table: &str) -> Vec<Ipv6Addr> {
    let global = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        (words.nth(2)? == "00").then_some(Ipv6Addr::from(address))
    };
    table.lines().filter_map(global).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.168.1.0\n        /24 link UNICAST\nLocal:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.168.1.7\n        /32 host LOCAL\n     |-- 192.168.1.255\n        /32 link BROADCAST\nLocal:\n     |-- 192.168.1.7\n        /32 host LOCAL\n";

    #[test]
    fn the_addresses_of_the_machine_are_read() {
        assert_eq!(v4_of(ROUTES), [Ipv4Addr::new(192, 168, 1, 7)]);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
                  20010db8000000000000000000000007 02 40 00 80     eth0\n\
                  fe800000000000000000000000000007 02 40 20 80     eth0\n";
        assert_eq!(v6_of(v6), ["2001:db8::7".parse::<Ipv6Addr>().expect("an address")]);
        assert!(v4_of("").is_empty() && v6_of("nonsense").is_empty());
    }

    #[test]
    fn people_are_told_what_a_browser_can_open() {
        let machine = ["box".to_owned(), "192.168.1.7".to_owned(), "2001:db8::7".to_owned()];
        let told = |listen: &str| told("https", listen, &machine);
        assert_eq!(told("127.0.0.1:8443"), "https://127.0.0.1:8443");
        assert_eq!(
            told("0.0.0.0:8443"),
            "https://127.0.0.1:8443 (also https://box:8443, https://192.168.1.7:8443)"
        );
        assert!(
            told("[::]:8443").ends_with("https://[2001:db8::7]:8443)"),
            "{}",
            told("[::]:8443")
        );
        assert_eq!(super::told("https", "0.0.0.0:1", &[]), "https://127.0.0.1:1");
    }

    #[test]
    fn what_no_certificate_can_say_is_no_name() {
        assert!(is_name("box") && is_name("box-1.lan"));
        assert!(!is_name("") && !is_name("a box") && !is_name("büro") && !is_name("a..b"));
    }
}
