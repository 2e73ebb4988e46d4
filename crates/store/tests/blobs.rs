//! What every place for blobs promises.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

use store::{Blobs, Error, FileBlobs, MemoryBlobs, SimulatedDisk};

fn each(check: fn(&dyn Blobs)) {
    check(&MemoryBlobs::default());
    check(&SimulatedDisk::new(1).blobs());
    let folder = tempfile::tempdir().unwrap();
    check(&FileBlobs::new(folder.path().join("deep/er")));
}

fn put(blobs: &dyn Blobs, name: &str, bytes: &[u8]) {
    blobs.put(name, &mut |out| out.write_all(bytes)).unwrap();
}

#[test]
fn a_blob_is_there_under_its_name_and_can_be_replaced() {
    each(|blobs| {
        assert_eq!(blobs.size("a/b").unwrap(), None);
        put(blobs, "a/b", &[1; 20_000]);
        put(blobs, "a/b", b"second");
        assert_eq!(blobs.size("a/b").unwrap(), Some(6));
        assert_eq!(blobs.read("a/b", 1..3).unwrap(), b"ec");
        assert_eq!(blobs.read("a/b", 0..6).unwrap(), b"second");
    });
}

#[test]
fn what_is_not_there_is_not_read_as_something_else() {
    each(|blobs| {
        put(blobs, "a", b"abc");
        assert!(matches!(blobs.read("a", 1..4), Err(Error::Damaged { .. })));
        assert!(matches!(blobs.read("b", 0..1), Err(Error::Damaged { .. })));
    });
}

#[test]
fn a_folder_lists_what_stands_in_it_and_nothing_else() {
    each(|blobs| {
        assert_eq!(blobs.list("t").unwrap(), []);
        for name in ["t/b", "t/a/x", "tt/c"] {
            put(blobs, name, b"12");
        }
        assert_eq!(blobs.list("t").unwrap(), [("t/a/x".into(), 2), ("t/b".into(), 2)]);
        blobs.delete("t/b").unwrap();
        blobs.delete("t/b").unwrap();
        assert_eq!(blobs.list("t").unwrap(), [("t/a/x".into(), 2)]);
    });
}

#[test]
fn what_failed_to_be_written_leaves_the_old_blob() {
    each(|blobs| {
        put(blobs, "a", b"old");
        let failing = blobs.put("a", &mut |out| {
            out.write_all(b"ne")?;
            Err(std::io::Error::other("the source broke"))
        });
        assert!(matches!(failing, Err(Error::Unavailable { .. })));
        assert_eq!(blobs.read("a", 0..3).unwrap(), b"old");
    });
}

#[test]
fn a_blob_survives_a_power_cut_as_a_whole_and_for_sure_once_it_was_put() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        let blobs = disk.blobs();
        put(&blobs, "kept", &[1; 9_000]);
        disk.cut_after(seed % 7);
        let outcome = blobs.put("cut", &mut |out| out.write_all(&[2; 30_000]));
        disk.cut();
        disk.crash(seed);
        assert_eq!(blobs.read("kept", 0..9_000).unwrap(), [1; 9_000], "seed {seed}");
        match blobs.size("cut").unwrap() {
            None => assert!(outcome.is_err(), "seed {seed}"),
            Some(size) => {
                assert_eq!(size, 30_000, "seed {seed}");
                assert_eq!(blobs.read("cut", 0..size).unwrap(), [2; 30_000], "seed {seed}");
            }
        }
    }
}

#[test]
fn what_was_deleted_and_settled_does_not_come_back() {
    let mut came_back = 0;
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed);
        let blobs = disk.blobs();
        for name in ["t/a", "t/log/b", "t/c", "u/d"] {
            put(&blobs, name, &[3; 500]);
        }
        blobs.delete("t/a").unwrap();
        blobs.delete("t/log/b").unwrap();
        blobs.delete("u/d").unwrap();
        blobs.settle("t").unwrap();
        disk.cut();
        disk.crash(seed);
        let names: Vec<String> =
            blobs.list("t").unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["t/c"], "seed {seed}");
        came_back += u32::from(blobs.size("u/d").unwrap().is_some());
    }
    assert!(0 < came_back, "what is not settled may come back");
    each(|blobs| {
        put(blobs, "t/a", b"x");
        blobs.delete("t/a").unwrap();
        blobs.settle("t").unwrap();
        blobs.settle("nowhere").unwrap();
        assert_eq!(blobs.list("t").unwrap(), []);
    });
}
