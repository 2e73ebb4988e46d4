//! Backups of a unit that does not run: taken, cut off, damaged, dropped, restored. Those of one that runs are tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

use base::{SystemEntropy, Time};
use exchange::canonical::canonical;
use exchange::{Identity, Root};
use serde_json::json;
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use unit::backup::{
    Folder, Keys, Manifest, Restore, Restored, SignedManifest, restore, stopped, unit_of,
};
use unit::{Clock, Options, Start, init, verify};

const PASSPHRASE: &str = "correct horse battery";

/// A place of its own for a test.
fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backup").join(name);
    if place.exists() {
        std::fs::remove_dir_all(&place).unwrap();
    }
    std::fs::create_dir_all(&place).unwrap();
    place
}

/// Makes a unit.
fn shop(place: &Path) -> PathBuf {
    let folder = place.join("shop");
    let options = Options {
        name: "shop".into(),
        listen: "127.0.0.1:0".into(),
        listen_peers: "127.0.0.1:0".into(),
        listen_postgres: "127.0.0.1:0".into(),
        clock: Clock::System,
        database: None,
    };
    init(&folder, &options).unwrap();
    folder
}

/// Returns a backup of a unit as it travels.
fn frames(unit: &Path, folder: &Folder) -> Vec<u8> {
    let previous = folder.newest_of(&unit_of(unit).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let known = folder.pieces().unwrap();
    stopped(unit, known, previous).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn back_up(unit: &Path, folder: &Folder) -> unit::backup::Taken {
    let bytes = frames(unit, folder);
    let lock = folder.lock().unwrap();
    folder.take(&lock, &mut bytes.as_slice()).unwrap()
}

fn try_restore(folder: &Folder, to: &Path, keys: Keys) -> Result<Restored, String> {
    restore(&Restore { from: folder, at: None, to, keys }).map_err(|problem| problem.code)
}

/// Returns who may do what with a file or folder.
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn a_folder_that_was_there_before_is_closed_where_a_unit_comes_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = place("modes");
    let open = |name: &str| {
        let folder = place.join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    };
    for folder in [open("shop"), open("backups"), open("again")] {
        assert_eq!(mode(&folder), 0o755);
    }
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    back_up(&unit, &folder);
    let to = place.join("again");
    try_restore(&folder, &to, Keys::Later).unwrap();
    assert_eq!([unit.as_path(), folder.root(), to.as_path()].map(mode), [0o700; 3]);
    // What somebody has opened on purpose stays open.
    std::fs::set_permissions(folder.root(), std::fs::Permissions::from_mode(0o750)).unwrap();
    back_up(&unit, &folder);
    assert_eq!(mode(folder.root()), 0o750);
}

/// Changes one byte in the middle of a file.
fn tamper(file: &Path) -> Vec<u8> {
    let whole = std::fs::read(file).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
    whole
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn a_unit_comes_back_from_a_backup_with_its_keys() {
    let place = place("round");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&unit, &folder);
    assert_eq!(taken.signed.manifest.unit, unit_of(&unit).unwrap());
    assert_eq!(taken.signed.manifest.previous, "");
    assert_eq!(folder.check(None).unwrap(), Vec::new());
    folder.seal_keys(&taken.signed.manifest.unit, &unit, PASSPHRASE).unwrap();

    let to = place.join("again");
    let restored = try_restore(&folder, &to, Keys::Sealed(PASSPHRASE.into())).unwrap();
    assert_eq!((restored.name, restored.has_keys), (taken.name, true));
    let has_secret_key = [&unit, &to].map(|folder| folder.join("secret.key").exists());
    assert_eq!(has_secret_key, [true, false], "the secret key is in no backup");
    assert_eq!(verify(&to).unwrap(), Vec::<String>::new());
    for file in ["unit.key", "tls.key", "tls.pem", "unit.toml"] {
        let [old, new] = [&unit, &to].map(|folder| std::fs::read(folder.join(file)).unwrap());
        assert_eq!(old, new, "{file}");
    }
    for folder in [&unit, &to] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
        assert_eq!(mode(&folder.join("unit.key")), 0o600);
    }
    assert_eq!(mode(folder.root()), 0o700);

    assert_eq!(try_restore(&folder, &to, Keys::Later).unwrap_err(), "restore.not_empty");
    let without = place.join("without");
    assert!(!try_restore(&folder, &without, Keys::Later).unwrap().has_keys);
    assert!(!without.join("unit.key").exists(), "keys are in no backup by themselves");
    assert!(unit::run(&without, Start::default()).is_err(), "a unit without keys does not run");
}

#[test]
fn the_next_backup_brings_only_what_has_changed() {
    let place = place("next");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let first = back_up(&unit, &folder);
    let second = back_up(&unit, &folder);
    assert!(0 < first.bytes_new);
    assert!(second.bytes_new <= first.bytes_new);
    assert_ne!(second.signed.manifest.previous, "", "it names the one before");
    assert_eq!(folder.list().unwrap().len(), 2);
    let pieces = folder.pieces().unwrap().len();
    let lock = folder.lock().unwrap();
    assert_eq!(folder.keep(&lock, &second.signed.manifest.unit, 1).unwrap(), 1);
    drop(lock);
    assert!(folder.pieces().unwrap().len() <= pieces);
    assert_eq!(folder.list().unwrap()[0].name, second.name);
    assert_eq!(folder.check(None).unwrap(), Vec::new(), "the newest is whole");
    let named: HashSet<String> =
        second.signed.manifest.files.iter().flat_map(|file| file.pieces.clone()).collect();
    assert_eq!(folder.pieces().unwrap(), named, "nothing is left that nothing needs");
}

#[test]
fn a_backup_that_breaks_off_is_none() {
    let place = place("cut");
    let unit = shop(&place);
    let whole = frames(&unit, &Folder::new(place.join("backups")));
    for part in [0, 3, 5, 1_000, whole.len() / 2, whole.len() - 1] {
        let folder = Folder::new(place.join(format!("cut-{part}")));
        let lock = folder.lock().unwrap();
        let problem = folder.take(&lock, &mut &whole[..part]).unwrap_err();
        assert_eq!(problem.code, "backup.cut", "{part} bytes");
        assert!(folder.list().unwrap().is_empty(), "{part} bytes are no backup");
        drop(lock);
        assert_eq!(
            try_restore(&folder, &place.join("x"), Keys::Later).unwrap_err(),
            "backup.not_found"
        );
        // What came is used by the next attempt.
        let taken = back_up(&unit, &folder);
        assert_eq!(folder.check(Some(&taken.name)).unwrap(), Vec::new());
    }
}

#[test]
fn one_changed_byte_in_any_file_is_refused() {
    let place = place("tamper");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&unit, &folder);
    folder.seal_keys(&taken.signed.manifest.unit, &unit, PASSPHRASE).unwrap();
    let mut all = Vec::new();
    for part in ["pieces", "manifests", "keys"] {
        files(&folder.root().join(part), &mut all);
    }
    assert!(taken.signed.manifest.files.len() <= all.len());
    let to = place.join("to");
    for file in &all {
        let whole = tamper(file);
        let code = try_restore(&folder, &to, Keys::Sealed(PASSPHRASE.into())).unwrap_err();
        let is_keys = file.starts_with(folder.root().join("keys"));
        assert!(code == "backup.damaged" || is_keys && code == "backup.passphrase", "{code}");
        assert!(!to.exists(), "{}: nothing is left", file.display());
        std::fs::write(file, whole).unwrap();
    }
    let piece = all.iter().find(|file| file.starts_with(folder.root().join("pieces"))).unwrap();
    std::fs::remove_file(piece).unwrap();
    assert_eq!(try_restore(&folder, &to, Keys::Later).unwrap_err(), "backup.damaged");
    let findings = folder.check(None).unwrap();
    let name = piece.strip_prefix(folder.root()).unwrap().to_string_lossy();
    assert!(findings.iter().any(|finding| finding.file == name), "{findings:?}");
}

#[test]
fn a_changed_piece_that_was_set_aside_is_brought_again() {
    let place = place("aside");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let first = back_up(&unit, &folder);
    let entry = first.signed.manifest.files.iter().find(|file| file.path == "unit.toml").unwrap();
    let hash = entry.pieces[0].clone();
    let piece = folder.root().join("pieces").join(&hash[..2]).join(&hash);
    let whole = tamper(&piece);
    back_up(&unit, &folder);
    assert_ne!(std::fs::read(&piece).unwrap(), whole, "a name is believed until somebody checks");
    let findings = folder.check(None).unwrap();
    let lock = folder.lock().unwrap();
    let aside = folder.set_aside(&lock, &findings).unwrap();
    assert_eq!(aside, [format!("pieces/{}/{hash}", &hash[..2])]);
    assert_eq!(folder.set_aside(&lock, &findings).unwrap(), Vec::<String>::new(), "once");
    drop(lock);
    assert!(!folder.pieces().unwrap().contains(&hash));
    let third = back_up(&unit, &folder);
    assert_eq!(std::fs::read(&piece).unwrap(), whole);
    assert_eq!(folder.check(None).unwrap(), Vec::new(), "the backups before are whole as well");
    let lock = folder.lock().unwrap();
    folder.keep(&lock, &third.signed.manifest.unit, 3).unwrap();
    let mut left = Vec::new();
    files(&folder.root().join("pieces"), &mut left);
    assert!(left.iter().all(|file| file.extension().is_none()), "what was set aside is gone");
}

/// Returns where the piece lies that a file of a backup begins with.
fn piece_of(folder: &Folder, taken: &unit::backup::Taken, path: &str) -> PathBuf {
    let entry = taken.signed.manifest.files.iter().find(|file| file.path == path).unwrap();
    let hash = &entry.pieces[0];
    folder.root().join("pieces").join(&hash[..2]).join(hash)
}

#[test]
fn a_piece_of_another_length_is_brought_again_by_the_next_backup() {
    let place = place("short");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&unit, &folder);
    let piece = piece_of(&folder, &taken, "unit.toml");
    let whole = std::fs::read(&piece).unwrap();
    for bytes in [&whole[1..], &[]] {
        std::fs::write(&piece, bytes).unwrap();
        back_up(&unit, &folder);
        assert_eq!(std::fs::read(&piece).unwrap(), whole);
        assert_eq!(folder.check(None).unwrap(), Vec::new());
    }
}

#[test]
fn what_a_backup_that_broke_off_has_left_is_read_before_it_is_used() {
    let place = place("left");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&unit, &folder);
    let piece = piece_of(&folder, &taken, "unit.toml");
    let whole = tamper(&piece);
    std::fs::remove_dir_all(folder.root().join("manifests")).unwrap();
    back_up(&unit, &folder);
    assert_eq!(std::fs::read(&piece).unwrap(), whole);
    assert_eq!(folder.check(None).unwrap(), Vec::new());
}

#[test]
fn no_backup_is_dropped_for_one_that_cannot_be_restored() {
    let place = place("rotten");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&unit, &folder);
    let id = &taken.signed.manifest.unit;
    // Of the same length: nothing but reading it finds it out.
    tamper(&piece_of(&folder, &taken, "unit.toml"));
    back_up(&unit, &folder);
    let pieces = folder.pieces().unwrap();
    let lock = folder.lock().unwrap();
    assert_eq!(folder.keep(&lock, id, 2).unwrap(), 0, "nothing is to be dropped");
    let problem = folder.keep(&lock, id, 1).unwrap_err();
    assert_eq!(problem.code, "backup.damaged");
    assert!(problem.message.contains("no backup was dropped"), "{}", problem.message);
    assert!(problem.hint.is_some_and(|hint| hint.contains("craton backup check")));
    assert_eq!((folder.list().unwrap().len(), folder.pieces().unwrap()), (2, pieces));
    // As the hint says.
    folder.set_aside(&lock, &folder.check(None).unwrap()).unwrap();
    drop(lock);
    back_up(&unit, &folder);
    let lock = folder.lock().unwrap();
    assert_eq!(folder.keep(&lock, id, 1).unwrap(), 2);
    assert_eq!(folder.check(None).unwrap(), Vec::new());
}

#[test]
fn of_several_units_one_has_to_be_named() {
    let place = place("several");
    let unit = shop(&place);
    std::fs::create_dir_all(place.join("other")).unwrap();
    let other = shop(&place.join("other"));
    let folder = Folder::new(place.join("backups"));
    let [first, _] = [&unit, &other].map(|unit| back_up(unit, &folder).name);
    let to = place.join("to");
    assert_eq!(try_restore(&folder, &to, Keys::Later).unwrap_err(), "backup.several");
    assert!(!to.exists());
    let wanted = Restore { from: &folder, at: Some(&first), to: &to, keys: Keys::Later };
    assert_eq!(restore(&wanted).unwrap().unit, unit_of(&unit).unwrap());
}

#[test]
fn one_changed_byte_anywhere_in_a_manifest_is_refused() {
    let place = place("manifest");
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&shop(&place), &folder);
    let file = folder.root().join("manifests").join(format!("{}.json", taken.name));
    let whole = std::fs::read(&file).unwrap();
    for (number, byte) in whole.iter().enumerate() {
        // What only separates words may not become another such sign either.
        let other = if byte.is_ascii_whitespace() { b'\t' } else { byte ^ 1 };
        let mut changed = whole.clone();
        changed[number] = other;
        std::fs::write(&file, changed).unwrap();
        let refused = folder.get(None).map(|(name, _)| name).map_err(|problem| problem.code);
        assert_eq!(refused, Err("backup.damaged".into()), "byte {number}: {byte} became {other}");
    }
    std::fs::write(&file, whole).unwrap();
    assert!(folder.get(None).is_ok());
}

#[test]
fn an_older_backup_never_stands_in_for_a_damaged_one_that_nobody_named() {
    let place = place("stand-in");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let [first, second] = [(); 2].map(|()| back_up(&unit, &folder).name);
    assert_ne!(first, second);
    tamper(&folder.root().join("manifests").join(format!("{second}.json")));
    let to = place.join("to");
    assert_eq!(try_restore(&folder, &to, Keys::Later).unwrap_err(), "backup.damaged");
    assert!(!to.exists());
    let wanted = Restore { from: &folder, at: Some(&first), to: &to, keys: Keys::Later };
    assert_eq!(restore(&wanted).unwrap().name, first, "it comes where it is asked for");
}

#[test]
fn a_manifest_that_another_unit_signed_is_refused() {
    let place = place("forged");
    let unit = shop(&place);
    std::fs::create_dir_all(place.join("other")).unwrap();
    let other = shop(&place.join("other"));
    let folder = Folder::new(place.join("backups"));
    let [mut own, foreign] = [&unit, &other].map(|unit| back_up(unit, &folder));
    own.signed.manifest.card = foreign.signed.manifest.card.clone();
    own.signed.signed = foreign.signed.signed.clone();
    let file = folder.root().join("manifests").join(format!("{}.json", own.name));
    std::fs::write(&file, serde_json::to_vec(&own.signed).unwrap()).unwrap();
    let wanted =
        Restore { from: &folder, at: Some(&own.name), to: &place.join("to"), keys: Keys::Later };
    assert_eq!(restore(&wanted).unwrap_err().code, "backup.damaged");
}

/// Signs a manifest as a unit does, and puts it into a folder. Returns its name.
fn put(folder: &Folder, keys: &Identity, manifest: Manifest) -> String {
    let statement = canonical(&json!({"type": "craton/backup", "manifest": manifest}));
    let signed = keys.sign(manifest.wall, &statement).unwrap();
    let name = format!("made-{}", manifest.wall.0);
    let signed = SignedManifest { manifest, signed };
    let text = serde_json::to_string_pretty(&signed).unwrap() + "\n";
    std::fs::write(folder.root().join(format!("manifests/{name}.json")), text).unwrap();
    name
}

#[test]
fn what_a_key_signs_after_it_was_revoked_is_no_backup() {
    let place = place("revoked");
    let unit = shop(&place);
    let folder = Folder::new(place.join("backups"));
    let first = back_up(&unit, &folder);
    let manifest = &first.signed.manifest;
    let later = |days: i64| Time(manifest.wall.0 + days * 86_400_000);
    let text = std::fs::read_to_string(unit.join("unit.key")).unwrap();
    let [mut stolen, mut keys] = [(); 2].map(|()| Identity::from_text(&text).unwrap());
    // The second key on the first day, and the end of the first one on the second.
    keys.rotate(&SystemEntropy, later(1)).unwrap();
    let root = Root::from_text(&stolen.take_root().unwrap()).unwrap();
    let mut card = keys.card(None, None);
    card.keys[0].until = later(2);
    let signature = root.sign(&card.keys[0]);
    card.keys[0].signature = signature;

    let forged = put(&folder, &stolen, Manifest { wall: later(5), ..manifest.clone() });
    let got =
        |name: Option<&str>| folder.get(name).map(|(name, _)| name).map_err(|problem| problem.code);
    assert_eq!(got(None), Ok(forged.clone()), "nothing in the folder knows of the revocation");
    let newest = put(&folder, &keys, Manifest { wall: later(3), card, ..manifest.clone() });
    assert_eq!(got(Some(&forged)), Err("backup.damaged".into()));
    assert_eq!(got(None), Err("backup.damaged".into()), "somebody has been here");
    let findings = folder.check(None).unwrap();
    let files: Vec<&str> = findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(files, [format!("manifests/{forged}.json")]);
    assert!(findings[0].reason.contains("key 1"), "{}", findings[0].reason);
    assert_eq!(got(Some(&first.name)), Ok(first.name.clone()), "it was signed before the end");
    std::fs::remove_file(folder.root().join(&findings[0].file)).unwrap();
    assert_eq!(got(None), Ok(newest));
}

#[test]
fn keys_of_another_unit_and_wrong_passphrases_are_refused() {
    let place = place("keys");
    let unit = shop(&place);
    std::fs::create_dir_all(place.join("other")).unwrap();
    let other = shop(&place.join("other"));
    let folder = Folder::new(place.join("backups"));
    let taken = back_up(&unit, &folder);
    let id = taken.signed.manifest.unit.as_str();
    let to = place.join("to");
    let refused = |keys: Keys| try_restore(&folder, &to, keys).unwrap_err();
    assert_eq!(refused(Keys::Sealed(PASSPHRASE.into())), "backup.no_keys");
    assert_eq!(refused(Keys::Folder(other)), "unit.key");
    assert_eq!(folder.seal_keys(id, &unit, "short").unwrap_err().code, "backup.passphrase");
    folder.seal_keys(id, &unit, PASSPHRASE).unwrap();
    assert_eq!(refused(Keys::Sealed("another passphrase".into())), "backup.passphrase");
    assert!(!to.exists());
    assert!(try_restore(&folder, &to, Keys::Folder(unit)).unwrap().has_keys);
}

#[test]
fn two_backups_do_not_write_into_one_folder_at_a_time() {
    let folder = Folder::new(place("busy").join("backups"));
    let lock = folder.lock().unwrap();
    let busy = folder.lock().err().map(|problem| problem.code);
    assert_eq!(busy.as_deref(), Some("backup.busy"));
    drop(lock);
    assert!(folder.lock().is_ok());
}

#[test]
fn a_store_of_this_version_is_left_as_it_is() {
    let unit = shop(&place("upgrade"));
    assert_eq!(unit::upgrade(&unit, &unit::Upgrade::default()).unwrap(), None);
    assert!(!unit.join("backups").exists());
}

#[test]
fn a_newer_store_is_refused_and_an_older_one_backed_up_first() {
    let unit = shop(&place("formats"));
    let store = unit.join("store.db");
    let whole = std::fs::read(&store).unwrap();
    // The number of the format stands at byte 60 (SQLite, Database File Format, 1.3).
    let with_format = |format: u32| {
        let mut bytes = whole.clone();
        bytes[60..64].copy_from_slice(&format.to_be_bytes());
        std::fs::write(&store, bytes).unwrap();
    };
    with_format(9);
    let newer = unit::upgrade(&unit, &unit::Upgrade::default()).unwrap_err();
    assert_eq!(newer.code, "store.newer");
    assert!(!unit.join("backups").exists());
    with_format(0);
    let refused = unit::Upgrade { is_refused: true, ..unit::Upgrade::default() };
    assert_eq!(unit::upgrade(&unit, &refused).unwrap_err().code, "store.older");
    // No step leads from a format that never was; the backup was taken before that was found out.
    let older = unit::upgrade(&unit, &unit::Upgrade::default()).unwrap_err();
    assert_eq!(older.code, "store.older");
    let backups = Folder::new(unit.join("backups"));
    assert_eq!(backups.list().unwrap().len(), 1);
    assert_eq!(backups.check(None).unwrap(), Vec::new());
}

#[test]
fn an_older_store_is_backed_up_and_then_brought_forward() {
    let unit = shop(&place("forward"));
    let store = unit.join("store.db");
    let mut bytes = std::fs::read(&store).unwrap();
    bytes[60..64].fill(0);
    std::fs::write(&store, bytes).unwrap();
    const STEP: store::Step =
        store::Step { from: 0, sqlite: "CREATE TABLE brought (number INTEGER)", postgres: "" };
    let formats = store::Formats { newest: 1, steps: &[STEP] };
    let wanted = unit::Upgrade { formats, ..unit::Upgrade::default() };
    let done = unit::upgrade(&unit, &wanted).unwrap().unwrap();
    assert_eq!((done.from, done.to), (0, 1));
    // It is sound and runs; what was backed up is what it was before.
    assert_eq!(verify(&unit).unwrap(), Vec::<String>::new());
    assert_eq!(unit::upgrade(&unit, &unit::Upgrade::default()).unwrap(), None);
    let backups = Folder::new(unit.join("backups"));
    let taken = backups.list().unwrap();
    assert_eq!(taken.iter().map(|taken| taken.name.clone()).collect::<Vec<_>>(), [done.backup]);
    assert_eq!(taken[0].signed.as_ref().unwrap().manifest.format, 0);
    assert_eq!(backups.check(None).unwrap(), Vec::new());
}
