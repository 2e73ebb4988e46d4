//! Where the exchange keeps what can be watched.

use crate::consume::CALLS;
use crate::state::{
    all_calls_key, all_unsettled_key, batches_key, calls_key, contract_key, peer_key,
};
use base::Key;
use kernel::{Site, key};

/// Returns where what belongs to a kind is kept, or to one thing of the kind.
pub(crate) fn sites(kind: &str, name: Option<&str>) -> Vec<Site> {
    match (kind, name) {
        ("contract", None) => {
            vec![keys(key(b'e')), keys(key(b'h').text("open")), keys(all_unsettled_key())]
        }
        ("contract", Some(name)) => {
            vec![keys(contract_key(name)), keys(calls_key(name)), keys(batches_key(name))]
        }
        ("call", None) => vec![keys(all_calls_key()), Site::Log(CALLS.into())],
        ("receipt", None) => vec![keys(key(b'g'))],
        ("ledger", None) => {
            vec![keys(key(b'g')), keys(key(b'h').text("sum")), keys(all_unsettled_key())]
        }
        // With what was told to them and by them: how a link is, is shown with its peer.
        ("peer", None) => vec![keys(key(b'a')), keys(key(b'c'))],
        ("peer", Some(name)) => vec![keys(peer_key(name))],
        // What peers offer is kept with them.
        ("offer", None) => vec![keys(key(b'a'))],
        ("key", None) => vec![keys(key(b'h').text("keys"))],
        _ => Vec::new(),
    }
}

fn keys(key: Key) -> Site {
    Site::Keys(key.bytes())
}
