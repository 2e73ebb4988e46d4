//! Packages that are whole, and what becomes of those that are not: nothing but a clear refusal.

use super::layer::{self, Files};
use super::layout::{self, Layout};
use super::oci::{self, Descriptor, Manifest};
use super::package::Config;
use super::{Content, Draft, Package, Signing, installed, limits};
use base::{Entropy, Problem, SeededEntropy, Time};
use exchange::Identity;
use serde_json::json;
use std::path::Path;
use tar::{Builder, EntryType, Header};
use unit::PackageSignature;

const NOW: Time = Time(1_700_000_000_500);

const CRATON: &str = "apiVersion: craton/v1\nkind: Application\nmetadata: {name: shop}\nspec:\n  version: 1.2.0\n  summary: Sells\n  \
                      parameters:\n    - {name: partner, type: name}\n  contracts:\n    - {name: pay, peer: '${partner}'}\n";

const MANIFESTS: &str = r#"apiVersion: craton/v1
kind: Role
metadata: {name: clerk}
spec:
  summary: Sells things
  policies: |
    @id("notes")
    permit (principal in Role::"clerk", action == Action::"stream.append", resource in Kind::"stream")
    when { resource.name == "orders" };
---
apiVersion: craton/v1
kind: Stream
metadata: {name: orders}
spec: {schema: [{name: id, type: text, required: true}, {name: buyer, type: text, subject: true}]}
---
apiVersion: craton/v1
kind: Offer
metadata: {name: orders}
spec: {relation: {name: orders, columns: [id]}, version: "1", to: ['${partner}']}
---
apiVersion: craton/v1
kind: User
metadata: {name: ana}
spec: {roles: [clerk]}
"#;

fn content() -> Content {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("writes");
    };
    write("craton.yaml", CRATON);
    write("app.yaml", MANIFESTS);
    write("README.md", "What it does.\n");
    write("data.csv", "a,b\n");
    write(".hidden.yaml", "kind: Secret\n");
    Content::of(folder.path()).expect("content")
}

fn draft() -> Draft {
    Draft::make(Path::new("shop"), &content(), None, None).expect("a draft")
}

fn identity() -> Identity {
    Identity::generate("maker", &SeededEntropy::new(7), NOW)
}

fn signed() -> Layout {
    let mut draft = draft();
    let signature = PackageSignature::make(&identity(), &draft.stated(), NOW).expect("signs");
    draft.sign(&signature).expect("signs");
    draft.finish().expect("a layout")
}

fn opened(layout: &Layout) -> Result<Package, Problem> {
    Package::of(Path::new("shop.tar"), layout)
}

#[track_caller]
fn code(result: Result<Package, Problem>) -> String {
    result.expect_err("refused").code
}

/// Returns a layout of an application whose parts are as given, consistent in all digests.
fn forged(config: &Config, layer: Vec<u8>) -> Layout {
    let mut layout = Layout::empty();
    let config = layout.add_document(oci::CONFIG, config).expect("a config");
    let layer = layout.add(oci::LAYER, layer);
    let manifest = Manifest::application(config, layer, Default::default());
    let manifest = layout.add_document(oci::MANIFEST, &manifest).expect("a manifest");
    layout.set_index(vec![manifest]).expect("an index");
    layout
}

#[test]
fn a_package_carries_what_it_says_and_no_users() {
    let content = content();
    let carried: Vec<&str> = content.files.keys().map(String::as_str).collect();
    assert_eq!(carried, ["README.md", "app.yaml", "craton.yaml"]);
    assert_eq!((content.users, content.left.as_slice()), (1, &["data.csv".to_owned()][..]));
    assert!(!String::from_utf8_lossy(&content.files["app.yaml"]).contains("ana"));
    let package = opened(&signed()).expect("a package");
    let config = &package.config;
    assert_eq!(
        json!([config.name, config.version, config.summary, config.kinds, config.users_left_out]),
        json!(["shop", "1.2.0", "Sells", {"Offer": 1, "Role": 1, "Stream": 1}, 1])
    );
    let rows: Vec<String> = config.asks.rows().into_iter().map(|row| row.join("|")).collect();
    assert_eq!(
        rows,
        [
            "role|clerk|Sells things",
            "  right|notes|permit Role::\"clerk\" to stream.append on Kind::\"stream\", under conditions",
            "stream|orders|2 columns, about persons by buyer",
            "offer|orders|orders (id) version 1 to ${partner}, free",
            "contract|pay|with ${partner}: ",
        ]
    );
    let Signing::By(signatures) = &package.signing else { panic!("it is signed") };
    assert_eq!(signatures[0].card.unit, identity().unit());
    let folder = package.folder(&Default::default(), &["partner=bank".into()]).expect("a folder");
    let asks = Package::asks(&folder).expect("asks");
    assert_eq!((asks.offers[0].to[0].as_str(), asks.contracts[0].peer.as_str()), ("bank", "bank"));
    assert_eq!(package.folder(&Default::default(), &[]).expect_err("refused").code, "cli.usage");
}

#[test]
fn an_installation_says_which_kinds_stay_and_names_no_resource_that_was_there() {
    let package = opened(&signed()).expect("a package");
    let folder = package.folder(&Default::default(), &["partner=bank".into()]).expect("a folder");
    let body = |is_data_removed: bool| {
        installed::body(&package, &folder, None, installed::kept(is_data_removed), false)
    };
    assert_eq!((&body(false)["keep"], &body(true)["keep"]), (&json!(["stream"]), &json!([])));
    let manifests = body(false)["manifests"].clone();
    let manifests = manifests.as_array().expect("manifests").iter();
    let mut kinds: Vec<&str> = manifests.filter_map(|manifest| manifest["kind"].as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["Offer", "Package", "Role", "Stream"]);
}

#[test]
fn the_same_folder_gives_the_same_bytes() {
    let bytes = || signed().to_tar().expect("a tar");
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_package_is_a_folder_or_a_tar() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = |path: &Path| Package::open(path).expect("opens").digest().to_owned();
    let (tar, plain) = (folder.path().join("shop.tar"), folder.path().join("shop"));
    signed().save(&tar).expect("saves");
    signed().save(&plain).expect("saves");
    assert_eq!(digest(&tar), digest(&plain));
    assert!(plain.join("oci-layout").is_file() && plain.join("index.json").is_file());
    assert_eq!(signed().save(&plain).expect_err("refused").code, "cli.usage");
    let link = plain.join("blobs/sha256").join("0".repeat(64));
    std::os::unix::fs::symlink("/etc/hostname", link).expect("links");
    assert_eq!(code(Package::open(&plain)), "package.content");
    assert_eq!(code(Package::open(&folder.path().join("nowhere"))), "cli.file");
    std::fs::write(folder.path().join("text.tar"), "no tar at all").expect("writes");
    assert_eq!(code(Package::open(&folder.path().join("text.tar"))), "package.layout");
    assert_eq!(code(Package::open(folder.path())), "package.layout");
}

#[test]
fn a_changed_byte_in_any_blob_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("shop");
    signed().save(&whole).expect("saves");
    let blobs = std::fs::read_dir(whole.join("blobs/sha256")).expect("blobs");
    let blobs: Vec<_> = blobs.map(|entry| entry.expect("an entry").path()).collect();
    // Manifest, config and layer; manifest and statement of the signature, and its config that says nothing.
    assert_eq!(blobs.len(), 6);
    for blob in blobs {
        let good = std::fs::read(&blob).expect("reads");
        let is_empty_config = good == oci::EMPTY_BYTES;
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&blob, &bad).expect("writes");
            match Package::open(&whole) {
                Err(problem) => assert_eq!(problem.code, "package.damaged", "{}", blob.display()),
                Ok(_) => assert!(is_empty_config, "{}", blob.display()),
            }
        }
        std::fs::write(&blob, &good[..good.len() - 1]).expect("writes");
        assert!(Package::open(&whole).is_err() || is_empty_config);
        std::fs::remove_file(&blob).expect("removes");
        assert!(Package::open(&whole).is_err() || is_empty_config);
        std::fs::write(&blob, &good).expect("writes");
    }
    Package::open(&whole).expect("it is whole again");
}

/// Changes some bytes: replaces, removes, inserts, doubles, cuts off.
fn damage(bytes: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
    let below = |limit: usize| {
        usize::try_from(entropy.number() % limit.max(1) as u64).expect("a small number")
    };
    let mut bad = bytes.to_vec();
    for _ in 0..=below(3) {
        let at = below(bad.len());
        match below(6) {
            0 => bad.truncate(at),
            1 if at < bad.len() => bad[at] ^= 1 << below(8),
            2 if at < bad.len() => bad[at] = u8::try_from(below(256)).expect("a byte"),
            3 => drop(bad.splice(at..(at + below(600)).min(bad.len()), [])),
            4 => {
                let piece: Vec<u8> = bad[at..(at + below(600)).min(bad.len())].to_vec();
                drop(bad.splice(at..at, piece));
            }
            _ => drop(bad.splice(at..at, vec![0xff; below(600)])),
        }
    }
    bad
}

#[test]
fn a_damaged_archive_is_refused_or_is_the_same_package() {
    let good = signed();
    let digest = opened(&good).expect("a package").digest().to_owned();
    let tar = good.to_tar().expect("a tar");
    let entropy = SeededEntropy::new(20_260);
    let mut refused = 0;
    for round in 0..3_000 {
        let bad = damage(&tar, &entropy);
        let result = layout::of_tar("bad.tar".into(), &bad).and_then(|layout| opened(&layout));
        match result {
            // What was hit is not part of the package: what fills a block, or an annotation of the index.
            Ok(package) => {
                assert_eq!(package.digest(), digest, "round {round}");
            }
            Err(problem) => {
                refused += 1;
                assert!(problem.code.starts_with("package."), "round {round}: {}", problem.code);
            }
        }
    }
    assert!(1_000 < refused, "{refused}");
}

#[test]
fn a_damaged_layer_under_good_digests_is_refused_or_says_the_same() {
    let draft = draft();
    let plain = layer::tar_of(
        content().files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())),
    )
    .expect("a tar");
    let entropy = SeededEntropy::new(4);
    let mut refused = 0;
    for round in 0..1_500 {
        // Half of the time below the compression: that is what a forger would do.
        let layer = if round % 2 == 0 {
            layer::zipped(&damage(&plain, &entropy)).expect("zips")
        } else {
            damage(&layer::zipped(&plain).expect("zips"), &entropy)
        };
        match opened(&forged(&draft.config, layer)) {
            Ok(package) => assert_eq!(package.config, draft.config, "round {round}"),
            Err(problem) => {
                refused += 1;
                assert_ne!(problem.kind, base::Kind::Internal, "{}", problem.code);
            }
        }
    }
    assert!(400 < refused, "{refused}");
}

/// Returns a compressed tar with one more entry, whose path and type are written as they are.
fn layer_with(path: &[u8], entry_type: EntryType, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in &content().files {
        let mut header = Header::new_ustar();
        header.set_path(path).expect("a path");
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).expect("appends");
    }
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_entry_type(entry_type);
    header.set_size(size);
    header.set_cksum();
    builder.append(&header, bytes).expect("appends");
    layer::zipped(&builder.into_inner().expect("a tar")).expect("zips")
}

#[test]
fn paths_that_lead_out_and_anything_but_files_are_refused() {
    let config = draft().config;
    let refused = |path: &[u8], entry_type: EntryType| {
        code(opened(&forged(&config, layer_with(path, entry_type, 0, b""))))
    };
    for path in [
        &b"../escape.yaml"[..],
        b"/etc/cron.d/x.yaml",
        b"a/../../b.yaml",
        b"a//b.yaml",
        b"a\\..\\b.yaml",
        b"c:b.yaml",
        b".hidden.yaml",
        b"a/.git/b.yaml",
        b"app.yaml",
        b"bell\x07.yaml",
    ] {
        let shown = String::from_utf8_lossy(path);
        assert_eq!(refused(path, EntryType::Regular), "package.content", "{shown}");
    }
    for entry_type in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::GNUSparse,
    ] {
        assert_eq!(refused(b"x.yaml", entry_type), "package.content", "{entry_type:?}");
    }
    assert_eq!(refused(b"a/b/c/d/e/f/g/h/i.yaml", EntryType::Regular), "package.too_large");
    assert_eq!(refused(b"not \xff text", EntryType::Regular), "package.damaged");
}

#[test]
fn what_is_too_large_is_refused_before_memory_is_taken() {
    let config = draft().config;
    let huge = layer_with(b"x.yaml", EntryType::Regular, u64::from(u32::MAX), b"");
    assert_eq!(code(opened(&forged(&config, huge))), "package.too_large");
    let short = layer_with(b"x.yaml", EntryType::Regular, 5_000, b"short");
    assert_eq!(code(opened(&forged(&config, short))), "package.damaged");
    let limit = usize::try_from(limits::FILES_BYTES_MAX).expect("a size");
    let bomb = layer::zipped(&vec![0; limit + (4 << 20)]).expect("zips");
    assert!(bomb.len() < 1 << 20, "it is small");
    assert_eq!(code(opened(&forged(&config, bomb))), "package.too_large");
    let many: Files = (0..=limits::FILES_MAX).map(|n| (format!("f{n}.md"), Vec::new())).collect();
    let tar = layer::tar_of(many.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
    let many = layer::zipped(&tar.expect("a tar")).expect("zips");
    assert_eq!(code(opened(&forged(&config, many))), "package.too_large");
    let mut followed = layer::pack(&content().files).expect("packs");
    followed.extend(b"behind its end");
    assert_eq!(code(opened(&forged(&config, followed))), "package.damaged");
}

#[test]
fn a_package_cannot_hide_what_it_asks_for() {
    let files = layer::pack(&content().files).expect("packs");
    let lie: [fn(&mut Config); 5] = [
        |config| config.asks.roles.clear(),
        |config| config.asks.roles[0].policies[0].actions = vec!["task.list".into()],
        |config| config.asks.offers[0].to = vec!["nobody".into()],
        |config| config.parameters.clear(),
        |config| {
            config.kinds.insert("Stream".into(), 7);
        },
    ];
    for (number, change) in lie.into_iter().enumerate() {
        let mut config = draft().config;
        change(&mut config);
        let problem = opened(&forged(&config, files.clone())).expect_err("refused");
        assert_eq!(problem.code, "package.config", "{number}: {}", problem.message);
    }
    opened(&forged(&draft().config, files)).expect("the truth is a package");
}

#[test]
fn users_and_records_are_not_smuggled_in() {
    for kind in ["User", "IdentityProvider", "Package"] {
        let mut content = content();
        let smuggled =
            format!("apiVersion: craton/v1\nkind: {kind}\nmetadata: {{name: eve}}\nspec: {{}}\n");
        content.files.insert("more.yaml".into(), smuggled.into_bytes());
        let refused = Draft::make(Path::new("shop"), &content, None, None).expect_err("refused");
        assert_eq!(refused.code, "package.content");
        let layer = layer::pack(&content.files).expect("packs");
        assert_eq!(code(opened(&forged(&draft().config, layer))), "package.content");
    }
}

#[test]
fn a_broken_signature_is_refused_and_none_is_not_one() {
    assert_eq!(
        opened(&draft().finish().expect("a layout")).expect("a package").signing,
        Signing::Nobody
    );
    let good = PackageSignature::make(&identity(), &draft().stated(), NOW).expect("signs");
    let other = Identity::generate("eve", &SeededEntropy::new(8), NOW);
    let break_it: [fn(&mut PackageSignature, &Identity); 4] = [
        |signature, _| signature.at = Time(NOW.0 + 60_000),
        |signature, _| signature.signature = signature.signature.replace(['A', 'B', 'C'], "D"),
        |signature, other| signature.card = other.card(None, None),
        |signature, _| signature.v = 2,
    ];
    for (number, change) in break_it.into_iter().enumerate() {
        let (mut draft, mut signature) = (draft(), good.clone());
        change(&mut signature, &other);
        if signature == good {
            // There was no such letter in it.
            signature.signature = "A".repeat(86) + "==";
        }
        draft.sign(&signature).expect("signs");
        let layout = draft.finish().expect("a layout");
        assert_eq!(code(opened(&layout)), "package.signature", "{number}");
    }
    // One good signature does not make up for a broken one, and one for another package is none.
    let mut both = signed();
    let mut manifests = both.manifests().expect("manifests");
    let subject = Descriptor::of(oci::MANIFEST, b"something else");
    let blob = both.add_document(oci::SIGNED, &good).expect("a blob");
    let stray = Manifest::signature(subject, blob);
    manifests.push(both.add_document(oci::MANIFEST, &stray).expect("a manifest"));
    both.set_index(manifests).expect("an index");
    assert_eq!(code(opened(&both)), "package.layout");
}
