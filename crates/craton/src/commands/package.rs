//! `package`: what is installed, and what a package that is not installed yet says of itself.

use super::apply::{plan_text, summary};
use super::install::{consent, removal, show_asks};
use crate::pack::{Package as Packed, Signing};
use crate::{arguments::Globals, connect, output, output::Column, output::Format, routes};
use base::Problem;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How lists of packages are shown.
const PACKAGES: &[Column] = &[
    Column("NAME", &["name"]),
    Column("VERSION", &["/spec/version"]),
    Column("SIGNED BY", &["/spec/signature/card/name"]),
    Column("INSTALLED", &["changed_at"]),
    Column("BY", &["changed_by"]),
    Column("SUMMARY", &["/spec/summary"]),
];

/// Shows and removes packages that are installed, and looks into those that are not
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton package list\n  craton package show logistics-1.0.0.tar\n  craton package remove logistics"
)]
pub struct Package {
    #[command(subcommand)]
    command: PackageCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PackageCommand {
    /// Shows what is installed
    #[command(after_help = "Examples:\n  craton package list\n  craton package list -o json")]
    List,
    /// Shows an installed package: version, digest, signer, parameters
    #[command(after_help = "Examples:\n  craton package get logistics -o yaml")]
    Get {
        /// The name
        name: String,
    },
    /// Checks a package and shows what it asks for; no unit is asked
    #[command(
        after_help = "Examples:\n  craton package show logistics-1.0.0.tar\n  craton package show logistics-1.0.0.tar -o json"
    )]
    Show {
        /// The package: a .tar or a folder
        package: PathBuf,
    },
    /// Removes what a package has made; its streams stay with their rows
    #[command(
        after_help = "Examples:\n  craton package remove logistics --dry-run\n  craton package remove logistics --yes\n  craton package remove logistics --with-data"
    )]
    Remove {
        /// The name
        name: String,
        /// Remove its streams as well, with all their rows
        #[arg(long)]
        with_data: bool,
        /// Show what would go and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

impl Package {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        match self.command {
            PackageCommand::List => {
                let answer = connect::client(globals)?.send(&routes::resource_list("package"))?;
                output::list(globals.output, &answer, PACKAGES)
            }
            PackageCommand::Get { name } => {
                let request = routes::resource_get("package", &name);
                output::one(globals.output, &connect::client(globals)?.send(&request)?)
            }
            PackageCommand::Show { package } => show(globals, &package),
            PackageCommand::Remove { name, with_data, dry_run, yes } => {
                remove(globals, &name, with_data, dry_run, yes)
            }
        }
    }
}

fn show(globals: &Globals, path: &Path) -> Result<(), Problem> {
    let package = Packed::open(path)?;
    let signers = match &package.signing {
        Signing::Nobody => Vec::new(),
        Signing::By(signatures) => signatures
            .iter()
            .map(|signature| {
                json!({
                    "unit": signature.card.unit, "name": signature.card.name,
                    "key": signature.key, "at": signature.at,
                })
            })
            .collect(),
    };
    let config = &package.config;
    if globals.output != Format::Table {
        let said = json!({
            "digest": package.digest(), "size": package.size(), "signed_by": signers, "config": config,
        });
        return output::one(globals.output, &said);
    }
    output::line(format!("{} {}   {}", config.name, config.version, config.summary));
    output::line(format!("digest      {}", package.digest()));
    for signer in &signers {
        let (name, unit) = (output::plain(&signer["name"]), output::plain(&signer["unit"]));
        output::line(format!("signed by   {name} ({unit}), key {}", signer["key"]));
    }
    if signers.is_empty() {
        output::line("signed by   nobody");
    }
    for parameter in &config.parameters {
        let default = parameter.default.as_ref().map_or("must be set".into(), output::plain);
        output::line(format!(
            "parameter   {} ({default})   {}",
            parameter.name, parameter.description
        ));
    }
    show_asks(&config.asks);
    Ok(())
}

fn remove(
    globals: &Globals,
    name: &str,
    is_data_removed: bool,
    is_dry_run: bool,
    is_consented: bool,
) -> Result<(), Problem> {
    let client = connect::client(globals)?;
    client.send(&routes::resource_get("package", name))?;
    let plan = removal(&client, name, is_data_removed, true)?;
    let is_table = globals.output == Format::Table;
    if is_table {
        output::print(&plan_text(&plan));
    }
    let answer: Value = if is_dry_run {
        plan
    } else {
        consent(&format!("remove the package {name}"), is_consented, is_table)?;
        removal(&client, name, is_data_removed, false)?
    };
    if !is_table {
        return output::one(globals.output, &answer);
    }
    output::line(summary(&answer, is_dry_run));
    Ok(())
}
