//! Pages that people read: every link leads to a file, and the index of `docs/` names every guide and reference.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the pages in a folder and all below it.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = |path: PathBuf| if path.is_dir() { pages(&path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// Returns where the links of a page lead, those to other places of the same page and to the network left out.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    files.filter(|file| !file.is_empty() && !file.contains("://"))
}

#[test]
fn every_link_leads_to_a_file() {
    let own = ["README.md", "ARCHITECTURE.md"].map(|name| root().join(name));
    let below = ["docs", "examples", "tests"].map(|folder| pages(&root().join(folder))).concat();
    let mut count = 0;
    for path in own.into_iter().chain(below) {
        let page = std::fs::read_to_string(&path).expect("a page");
        let folder = path.parent().expect("a folder");
        for link in links(&page) {
            assert!(folder.join(link).exists(), "{} links to `{link}`", path.display());
            count += 1;
        }
    }
    assert!(100 < count, "{count} links were found");
}

#[test]
fn the_index_names_every_guide_and_reference() {
    let docs = root().join("docs");
    let index = std::fs::read_to_string(docs.join("README.md")).expect("an index");
    for path in ["guides", "reference"].map(|folder| pages(&docs.join(folder))).concat() {
        let page = path.strip_prefix(&docs).expect("a page of the folder").display().to_string();
        assert!(index.contains(&format!("]({page})")), "the index leaves out `{page}`");
    }
}
