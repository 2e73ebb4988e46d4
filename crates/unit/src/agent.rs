//! HTTP agents that start no thread for a request to an address that is a number.
//!
//! The library looks every name up on a thread of its own where a time limit is set, also for `127.0.0.1` and also when the
//! connection is there already. Two units that talk thousands of times in a second would start as many threads.

use std::net::SocketAddr;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Returns an agent with a configuration.
pub fn agent(config: Config) -> ureq::Agent {
    ureq::Agent::with_parts(config, DefaultConnector::new(), NumbersFirst::default())
}

#[derive(Debug, Default)]
struct NumbersFirst(DefaultResolver);

impl Resolver for NumbersFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let port = uri.port_u16().or_else(|| match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        let host = uri.host().map(|host| host.trim_matches(['[', ']']));
        match (host.and_then(|host| host.parse().ok()), port) {
            (Some(address), Some(port)) => {
                let mut found = self.empty();
                found.push(SocketAddr::new(address, port));
                Ok(found)
            }
            _ => self.0.resolve(uri, config, timeout),
        }
    }
}
