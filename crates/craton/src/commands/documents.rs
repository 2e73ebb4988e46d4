//! `completion`, `man`, `reference`, `version`: what is made from the definitions themselves.

use crate::{arguments, arguments::Globals, connect, error::Error, output, output::Format, routes};
use base::Problem;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    /// GNU Bash
    Bash,
    /// Zsh
    Zsh,
    /// fish
    Fish,
}

/// Prints what a shell needs to complete commands
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  source <(craton completion bash)\n  craton completion zsh > ~/.zfunc/_craton\n  craton completion fish > ~/.config/fish/completions/craton.fish"
)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    /// Prints it.
    pub fn run(self) -> Result<(), Problem> {
        use clap_complete::{generate, shells};
        let (mut command, mut bytes) = (arguments::command(), Vec::new());
        match self.shell {
            Shell::Bash => generate(shells::Bash, &mut command, "craton", &mut bytes),
            Shell::Zsh => generate(shells::Zsh, &mut command, "craton", &mut bytes),
            Shell::Fish => generate(shells::Fish, &mut command, "craton", &mut bytes),
        }
        output::print(&String::from_utf8_lossy(&bytes));
        Ok(())
    }
}

/// Prints the manual page, or writes those of all commands into a folder
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton man | man -l -\n  craton man --folder /usr/local/share/man/man1"
)]
pub struct Man {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Man {
    /// Prints or writes.
    pub fn run(self) -> Result<(), Problem> {
        let mut command = arguments::command();
        command.build();
        match self.folder {
            None => output::print(&String::from_utf8_lossy(&page(command)?)),
            Some(folder) => write_pages(&folder, &command, "craton")?,
        }
        Ok(())
    }
}

fn write_pages(folder: &Path, command: &clap::Command, name: &str) -> Result<(), Problem> {
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command.clone())?)
        .map_err(|error| Error::unwritable(&path, error))?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_pages(folder, inner, &format!("{name}-{}", inner.get_name()))?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let name = command.get_name().to_owned();
    let man = clap_mangen::Man::new(command);
    man.render(&mut bytes).map_err(|error| Error::unwritable(Path::new(&name), error))?;
    Ok(bytes)
}

/// Prints the reference of all operations of a unit, as Markdown
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton reference > operations.md\n  craton reference -o json          the OpenAPI 3.1 document"
)]
pub struct Reference {}

impl Reference {
    /// Prints it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let document = connect::client(globals)?.send(&routes::openapi())?;
        match globals.output {
            Format::Json | Format::Yaml | Format::Dot => {
                output::print(&output::document(globals.output, &document)?)
            }
            Format::Table | Format::Csv => {
                output::print(&format!("# Operations\n\n{}", api::reference(&document)))
            }
        }
        Ok(())
    }
}

/// Prints the version
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton version\n  craton version -o json")]
pub struct Version {}

impl Version {
    /// Prints it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let version = env!("CARGO_PKG_VERSION");
        if globals.output == Format::Table {
            output::line(format!("craton {version}"));
            return Ok(());
        }
        output::one(globals.output, &json!({"name": "craton", "version": version}))
    }
}
