//! `pack`: makes a package of an application's folder.

use crate::manifests::application;
use crate::pack::{Content, Draft};
use crate::{arguments::Globals, connect, output, output::Format, routes};
use ::unit::PackageSignature;
use base::{Name, Problem};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Makes a signed package of an application's folder, for others to install
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton --unit shop pack examples/commerce/logistics --to logistics-1.0.0.tar\n  craton --unit shop pack logistics --to layout/logistics\n  craton pack logistics --to logistics.tar --unsigned\n\nThe unit signs the package with its signing key. Users are left out; so is what is no manifest, diagram or text."
)]
pub struct Pack {
    /// The folder of the application
    folder: PathBuf,
    /// The package: a tar where the name ends with .tar, else a folder (an OCI image layout both)
    #[arg(long, value_name = "FILE.tar|DIR")]
    to: PathBuf,
    /// The name; that of `craton.yaml` where absent, else that of the folder
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The version; that of `craton.yaml` where absent
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Make a package that nobody has signed; no unit is asked
    #[arg(long)]
    unsigned: bool,
}

impl Pack {
    /// Makes the package.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let content = Content::of(&self.folder)?;
        let name =
            self.name.clone().map_or_else(|| folder_name(&self.folder), |name| Ok(Some(name)))?;
        let mut draft =
            Draft::make(&self.folder, &content, name.as_deref(), self.version.as_deref())?;
        let stated = draft.stated();
        let mut signer = None;
        if !self.unsigned {
            let client = connect::client(globals)?;
            let body = json!({
                "name": stated.name, "version": stated.version,
                "digest": stated.digest, "size": stated.size,
            });
            let answer = client.send(&routes::package_sign().json(&body))?;
            let signature: PackageSignature = serde_json::from_value(answer)
                .map_err(|error| answered_oddly(client.url(), &error))?;
            signature.check(&stated)?;
            draft.sign(&signature)?;
            signer = Some(signature);
        }
        let (kinds, users) = (draft.config.kinds.clone(), draft.config.users_left_out);
        draft.finish()?.save(&self.to)?;
        let signed_by = signer.as_ref().map(|signature| json!({
            "unit": signature.card.unit, "name": signature.card.name, "key": signature.key, "at": signature.at,
        }));
        let said = json!({
            "package": self.to.display().to_string(), "name": stated.name, "version": stated.version,
            "digest": stated.digest, "signed_by": signed_by, "kinds": kinds,
            "users_left_out": users, "files": content.files.keys().collect::<Vec<_>>(),
            "files_left_out": content.left,
        });
        if globals.output != Format::Table {
            return output::one(globals.output, &said);
        }
        say(&said);
        Ok(())
    }
}

/// Returns the name of a folder without `craton.yaml`, which would say it.
fn folder_name(folder: &Path) -> Result<Option<String>, Problem> {
    if folder.join(application::FILE).is_file() {
        return Ok(None);
    }
    let full =
        folder.canonicalize().map_err(|error| crate::error::Error::unreadable(folder, error))?;
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
    Name::new(name.unwrap_or_default())
        .map(|name| Some(name.into()))
        .map_err(|problem| problem.with_hint("name the application with `--name`"))
}

fn answered_oddly(url: &str, error: &serde_json::Error) -> Problem {
    crate::error::Error::Answer { url: url.to_owned(), reason: error.to_string() }.into()
}

fn say(said: &serde_json::Value) {
    let text = |name: &str| output::plain(&said[name]);
    output::line(format!("{} {} -> {}", text("name"), text("version"), text("package")));
    output::line(format!("digest     {}", text("digest")));
    let signer = &said["signed_by"];
    if signer.is_null() {
        output::line("signed by  nobody");
    } else {
        let (name, unit) = (output::plain(&signer["name"]), output::plain(&signer["unit"]));
        output::line(format!("signed by  {name} ({unit}), key {}", signer["key"]));
    }
    if said["users_left_out"] != 0 {
        output::line(format!("left out   {} users", said["users_left_out"]));
    }
    for file in said["files_left_out"].as_array().into_iter().flatten() {
        output::line(format!("left out   {}", output::plain(file)));
    }
}
