//! `screen` and `file`: the pages of applications, and what people have added to forms.

use super::input::{self, Change};
use super::work::bare;
use crate::{
    arguments::Globals, client::Client, connect, error::Error, export::Draft, output,
    output::Column, routes,
};
use base::Problem;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

const SCREENS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("TITLE", &["/title/en", "title"]),
    Column("UNDER", &["/heading/en", "heading"]),
    Column("APPLICATION", &["application"]),
    Column("ON", &["on"]),
];
const FILES: &[Column] = &[
    Column("FILE", &["file"]),
    Column("BYTES", &["bytes"]),
    Column("MEDIA", &["media"]),
    Column("OWNER", &["owner"]),
    Column("ADDED", &["at"]),
];

/// What a file is by the ending of its name. The unit looks at its first bytes.
const MEDIA: [(&str, &str); 5] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("pdf", "application/pdf"),
];

/// Shows the screens of applications that are for you
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton screen list\n  craton screen get order\n\n`craton get screen` shows the manifests of all screens, and `craton lineage order` on what one stands."
)]
pub struct Screen {
    #[command(subcommand)]
    command: ScreenCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ScreenCommand {
    /// Shows the screens in your menu
    #[command(after_help = "Examples:\n  craton screen list\n  craton screen list -o json")]
    List,
    /// Shows what a screen is made of
    #[command(
        after_help = "Examples:\n  craton screen get order\n  craton screen get order -o yaml"
    )]
    Get {
        /// The screen
        name: String,
    },
}

impl Screen {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            ScreenCommand::List => {
                output::list(globals.output, &client.send(&routes::screen_list())?, SCREENS)
            }
            ScreenCommand::Get { name } => {
                output::one(globals.output, &client.send(&routes::screen_get(bare(&name)))?)
            }
        }
    }
}

/// Shows, adds, reads and deletes the pictures and documents that forms name
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton file list\n  craton file put parcel.jpg\n  craton file get FILE\n  craton file read FILE --to parcel.jpg\n  craton file delete FILE\n\nFILE is the SHA-256 hash of the bytes, as a variable of a form has it. Files are never changed; old ones go by `desk.files_days`."
)]
pub struct File {
    #[command(subcommand)]
    command: FileCommand,
}

#[derive(Debug, clap::Subcommand)]
enum FileCommand {
    /// Shows the files that you may read, the newest first
    #[command(after_help = "Examples:\n  craton file list\n  craton file list --limit 10 -o csv")]
    List {
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Adds a JPEG, PNG or WebP picture or a PDF, and says under which name it is read
    #[command(
        after_help = "Examples:\n  craton file put parcel.jpg\n  craton task complete 42 --var photo=$(craton file put parcel.jpg -o json | jq -r .file)"
    )]
    Put {
        /// The file on this machine
        path: PathBuf,
        #[command(flatten)]
        change: Change,
    },
    /// Shows how large a file is, what it is, and who added it
    #[command(after_help = "Examples:\n  craton file get FILE")]
    Get {
        /// The file
        name: String,
    },
    /// Reads the bytes of a file
    #[command(
        after_help = "Examples:\n  craton file read FILE --to parcel.jpg\n  craton file read FILE > parcel.jpg"
    )]
    Read {
        /// The file
        name: String,
        /// Where to write it; to standard output where absent
        #[arg(long, value_name = "PATH")]
        to: Option<PathBuf>,
    },
    /// Deletes a file, whoever has added it; what names it names nothing then
    #[command(after_help = "Examples:\n  craton file delete FILE")]
    Delete {
        /// The file
        name: String,
        #[command(flatten)]
        change: Change,
    },
}

impl File {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            FileCommand::List { limit } => {
                let sql = format!("SELECT * FROM system.files ORDER BY at DESC LIMIT {limit}");
                let answer = client.send(&routes::sql_query().json(&json!({ "sql": sql })))?;
                output::list(globals.output, &answer, FILES)
            }
            FileCommand::Put { path, change } => {
                let media = media_of(&path)?;
                let bytes = input::read(Some(&path))?;
                let request = change.put(routes::file_create())?.bytes(media, bytes);
                output::one(globals.output, &client.send(&request)?)
            }
            FileCommand::Get { name } => {
                output::one(globals.output, &client.send(&routes::file_get(bare(&name)))?)
            }
            FileCommand::Read { name, to: Some(path) } => save(&client, bare(&name), &path),
            FileCommand::Read { name, to: None } => client.pass_on(&routes::file_read(bare(&name))),
            FileCommand::Delete { name, change } => {
                let request = change.put(routes::file_delete(bare(&name)))?;
                output::one(globals.output, &client.send(&request)?)
            }
        }
    }
}

/// Writes the bytes of a file under a name on this machine, where they appear as a whole.
fn save(client: &Client, name: &str, path: &Path) -> Result<(), Problem> {
    let bytes = client.read(client.open(&routes::file_read(name))?)?;
    let draft = Draft::begin(path)?;
    draft.file()?.write_all(&bytes).map_err(|error| draft.unwritable(error))?;
    draft.keep()?;
    output::line(format!("{}: {} bytes", path.display(), bytes.len()));
    Ok(())
}

/// Returns what a file is by its ending.
fn media_of(path: &Path) -> Result<&'static str, Problem> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let found = MEDIA.iter().find(|(known, _)| *known == ending);
    found.map(|(_, media)| *media).ok_or_else(|| {
        let reason = format!("the ending of `{}` names no picture and no document", path.display());
        Error::usage(reason, "files end in .jpg, .png, .webp or .pdf").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_ending_says() {
        let check = |path: &str| media_of(Path::new(path)).map_err(|problem| problem.code);
        assert_eq!(check("a/parcel.JPG"), Ok("image/jpeg"));
        assert_eq!(check("form.pdf"), Ok("application/pdf"));
        for path in ["parcel.gif", "parcel", ".png", "a.png/b"] {
            assert_eq!(check(path), Err("cli.usage".into()), "{path}");
        }
    }
}
