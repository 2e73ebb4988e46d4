//! The table of operations in `docs/reference/http.md` is that of the engines. `UPDATE_EXPECT=1` writes it anew.

use base::{DrivenClock, SystemClock, SystemEntropy, Time};
use data::Data;
use exchange::{Exchange, Identity};
use expect_test::expect_file;
use kernel::{Kernel, Parts};
use process::Processes;
use std::sync::Arc;
use store::MemoryStore;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/http.md");
const BEGIN: &str =
    "<!-- operations: begin; UPDATE_EXPECT=1 cargo test -p unit --test reference writes it -->\n";
const END: &str = "<!-- operations: end -->";

/// Returns a kernel with every engine of a unit.
fn kernel() -> Arc<Kernel> {
    let identity = Identity::generate("probe", &SystemEntropy, Time(0));
    let card = identity.card(None, None);
    let entropy = Arc::new(SystemEntropy);
    let exchange = Exchange::new(identity, card, exchange::Config::default(), entropy.clone());
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy,
        engines: vec![
            Data::new(data::Config::default(), Arc::new(store::MemoryBlobs::default())),
            Arc::new(Processes::new(process::Config::default())),
            Arc::new(exchange),
        ],
        config: kernel::Config::default(),
    };
    Kernel::new(parts).expect("a kernel").0
}

#[test]
fn the_page_about_http_lists_every_operation() {
    let document = api::document(&api::lines(&kernel()), "probe", "0");
    let table = api::reference(&document);
    let page = expect_file![PAGE];
    let text = page.data();
    let (before, rest) = text.split_once(BEGIN).expect("the page says where the table begins");
    let (_, after) = rest.split_once(END).expect("the page says where the table ends");
    page.assert_eq(&format!("{before}{BEGIN}\n{table}\n{END}{after}"));
}

#[test]
fn what_is_open_is_said_to_be() {
    let document = api::document(&api::lines(&kernel()), "probe", "0");
    let table = api::reference(&document);
    let open: Vec<&str> = table.lines().filter(|line| line.contains(", open |")).collect();
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].starts_with("| `exchange.card` | `GET /v1/exchange/card` |"), "{open:?}");
}
