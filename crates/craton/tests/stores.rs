//! Units that earlier versions made: each is opened by this version, brought forward, and answers as it did.
//!
//! `format-1-early` is of a version before secrets, sessions and traces, and was killed.
//! `tests/fixtures/stores/make.sh` makes the one of the current format.

mod binary;

use binary::{Up, said};
use std::path::{Path, PathBuf};

/// Returns the fixtures: archives with a unit's folder `shop` each.
fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/stores");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect();
    found.sort();
    found
}

#[test]
fn units_of_every_format_are_opened_and_answer() {
    for fixture in fixtures() {
        let name = fixture.file_name().expect("a name").to_string_lossy().into_owned();
        let folder = binary::folder("stores", &name);
        let file = std::fs::File::open(&fixture).expect("opens");
        tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(&folder).expect("unpacks");
        free_ports(&folder.join("shop/unit.toml"));
        let mut up = Up::start(&folder, "shop");
        up.read_until("is up");
        let ask = |sql: &str| {
            said(&folder, &["--unit", "shop", "sql", sql, "-o", "csv"]).replace('\r', "")
        };
        assert_eq!(ask("SELECT count(*) AS n FROM requests"), "n\n40\n", "{name}");
        assert_eq!(ask("SELECT count(*) AS n FROM answers"), "n\n10\n", "{name}");
        assert_eq!(ask("SELECT count(*) AS n FROM desk.waiting"), "n\n30\n", "{name}");
        let row = "{\"id\": \"new\", \"customer\": \"bo\", \"subject\": \"Still there?\"}";
        said(&folder, &["--unit", "shop", "stream", "append", "requests", "--row", row]);
        assert_eq!(ask("SELECT count(*) AS n FROM requests"), "n\n41\n", "{name}");
        up.stop();
        assert_eq!(said(&folder, &["verify", "shop"]), "the store is sound\n", "{name}");
    }
}

#[test]
fn the_current_format_has_a_fixture() {
    let format = store_format();
    let is_there = |path: &PathBuf| path.ends_with(format!("format-{format}.tar.gz"));
    assert!(fixtures().iter().any(is_there), "run tests/fixtures/stores/make.sh");
}

/// Returns the format that this version writes, as a new unit has it.
fn store_format() -> u32 {
    let folder = binary::folder("stores", "current");
    binary::init(&folder, "shop", &["--bare"]);
    let bytes = std::fs::read(folder.join("shop/store.db")).expect("reads");
    // SQLite, Database File Format, 1.3.
    u32::from_be_bytes(bytes[60..64].try_into().expect("four bytes"))
}

/// Gives a unit ports that are free.
fn free_ports(configuration: &Path) {
    let text = std::fs::read_to_string(configuration).expect("reads");
    let lines = text.lines().map(|line| {
        let Some((name, _)) = line.split_once(" = \"127.0.0.1:") else { return line.to_owned() };
        format!("{name} = \"{}\"", binary::address())
    });
    let changed = lines.collect::<Vec<_>>().join("\n") + "\n";
    std::fs::write(configuration, changed).expect("writes");
}
