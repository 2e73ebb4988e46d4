//! Puts the example business into the binary, so that `craton demo` needs nothing but itself.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?)
        .join("../../examples/commerce")
        .canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());
    let mut code = String::from("[\n");
    for unit in ["retail", "payment", "logistics"] {
        let mut files: Vec<_> = std::fs::read_dir(root.join(unit))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.sort();
        for path in files.iter().filter(|path| path.is_file()) {
            println!("cargo::rerun-if-changed={}", path.display());
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            writeln!(
                code,
                "    ({unit:?}, {name:?}, include_str!({:?})),",
                path.display().to_string()
            )?;
        }
    }
    code.push_str("]\n");
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("commerce.rs"), code)?;
    Ok(())
}
