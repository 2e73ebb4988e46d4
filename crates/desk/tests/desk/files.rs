//! Files that people add to forms.

use crate::world::{World, code, of};
use desk::Config;
use kernel::{Call, Reply};
use serde_json::json;
use std::sync::atomic::Ordering;

/// The milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

fn photo(rest: &[u8]) -> Vec<u8> {
    [b"\xff\xd8\xff\xe0".as_slice(), rest].concat()
}

fn upload(who: &str, bytes: Vec<u8>) -> Call {
    let mut call = of(who, "file.create", ("file", ""));
    call.media = "image/png".into();
    call.body = bytes;
    call
}

fn add(world: &mut World, who: &str, bytes: Vec<u8>) -> String {
    let added = world.call(upload(who, bytes)).expect("the file is added");
    added["file"].as_str().expect("a name").to_owned()
}

/// Returns the media type and the bytes of a file.
fn read(world: &World, who: &str, name: &str) -> (String, Vec<u8>) {
    match world.look(who, "file.read", ("file", name)).expect("the file is read") {
        Reply::Stream { media, pieces } => {
            let pieces: Vec<Vec<u8>> = pieces.map(|piece| piece.expect("a piece")).collect();
            (media.to_owned(), pieces.concat())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_named_by_its_bytes_and_comes_back_as_it_was() {
    let mut world = World::new();
    let bytes = photo(&vec![7; 700_000]);
    let added = world.call(upload("user:paul", bytes.clone())).expect("the file is added");
    assert_eq!(added["media"], "image/jpeg", "by its first bytes, not by what the client says");
    assert_eq!(added["bytes"], 700_004);
    let name = added["file"].as_str().expect("a name");
    assert_eq!(name.len(), 64);
    assert_eq!(read(&world, "user:paul", name), ("image/jpeg".into(), bytes.clone()));
    let again = add(&mut world, "user:paul", bytes);
    assert_eq!(again, name, "the same bytes are one file");
    let shown = world.shown("user:paul", "file.get", ("file", name)).expect("it is shown");
    assert_eq!((&shown["owner"], &shown["bytes"]), (&json!("user:paul"), &json!(700_004)));
    assert_eq!(world.desk.verify(&world.reader()).expect("a look"), Vec::<String>::new());
}

#[test]
fn the_name_of_a_file_is_the_sha256_of_its_bytes() {
    let mut world = World::new();
    let name = add(&mut world, "user:paul", b"%PDF-".to_vec());
    // As `printf '%%PDF-' | sha256sum` says.
    assert_eq!(name, SHA256_OF_PDF_HEAD);
}

const SHA256_OF_PDF_HEAD: &str = "38523c087796e5d5dd1cf9bad1fb026781a838dd9dd2cf8af58b9f6502a46778";

#[test]
fn a_file_is_read_by_whom_it_is_from_and_by_those_who_judge() {
    let mut world = World::new();
    let name = add(&mut world, "user:paul", photo(b"1"));
    for who in ["user:paul", "user:petra", "user:otto", "user:olga"] {
        assert_eq!(code(world.look(who, "file.read", ("file", &name))), "ok", "{who}");
    }
    for who in ["user:vera", "user:dora"] {
        let seen = code(world.look(who, "file.read", ("file", &name)));
        let unknown = code(world.look(who, "file.read", ("file", &"0".repeat(64))));
        assert_eq!((seen.as_str(), unknown.as_str()), ("resource.not_found", "resource.not_found"));
    }
    assert_eq!(code(world.look("anonymous", "file.read", ("file", &name))), "token.invalid");
}

#[test]
fn what_is_no_picture_and_no_document_is_refused() {
    let mut world = World::new();
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    assert_eq!(code(world.call(upload("user:paul", page))), "file.media");
    assert_eq!(code(world.call(upload("user:paul", Vec::new()))), "file.media");
}

#[test]
fn one_file_one_user_and_the_unit_have_their_limits() {
    let mut world = World::with(Config {
        file_bytes_max: 100,
        files_user_bytes_max: 150,
        files_bytes_max: 200,
        ..Config::default()
    });
    assert_eq!(code(world.call(upload("user:paul", photo(&[0; 97])))), "file.too_large");
    let first = photo(&[1; 96]);
    add(&mut world, "user:paul", first.clone());
    add(&mut world, "user:paul", first);
    let refused = world.call(upload("user:paul", photo(&[2; 96]))).expect_err("over his share");
    assert_eq!(refused.code, "file.limit");
    assert!(refused.hint.is_some_and(|hint| hint.contains("files_user_bytes_max")));
    add(&mut world, "user:petra", photo(&[3; 96]));
    let refused = world.call(upload("user:otto", photo(b""))).expect_err("over all shares");
    assert!(refused.hint.is_some_and(|hint| hint.contains("files_bytes_max")));
}

#[test]
fn who_manages_files_deletes_one_and_makes_room() {
    let mut world = World::with(Config { files_bytes_max: 150, ..Config::default() });
    let name = add(&mut world, "user:paul", photo(&[1; 96]));
    let delete = |who: &str| of(who, "file.delete", ("file", &name));
    for (who, refused) in [
        ("user:paul", "resource.not_found"),
        ("user:petra", "policy.forbidden"),
        ("user:otto", "policy.forbidden"),
    ] {
        assert_eq!(code(world.call(delete(who))), refused, "{who}");
    }
    assert_eq!(world.call(delete("user:olga")).expect("it is deleted"), json!({"file": name}));
    assert_eq!(code(world.call(delete("user:olga"))), "resource.not_found");
    assert_eq!(code(world.look("user:olga", "file.read", ("file", &name))), "resource.not_found");
    add(&mut world, "user:petra", photo(&[2; 96]));
    assert_eq!(world.desk.verify(&world.reader()).expect("a look"), Vec::<String>::new());
}

#[test]
fn old_files_go_where_the_configuration_says_so() {
    let mut world = World::with(Config { files_days: Some(10), ..Config::default() });
    let (old, kept) = (photo(b"old"), photo(b"kept"));
    let old = add(&mut world, "user:paul", old);
    let kept_name = add(&mut world, "user:paul", kept.clone());
    world.clock.0.store(6 * DAY_MS, Ordering::SeqCst);
    // Added again, it is as young as the last time.
    add(&mut world, "user:paul", kept);
    world.clock.0.store(12 * DAY_MS, Ordering::SeqCst);
    world.writer.turn(&[]);
    assert_eq!(code(world.look("user:paul", "file.read", ("file", &old))), "resource.not_found");
    assert_eq!(code(world.look("user:paul", "file.read", ("file", &kept_name))), "ok");
    assert_eq!(world.desk.verify(&world.reader()).expect("a look"), Vec::<String>::new());
}
