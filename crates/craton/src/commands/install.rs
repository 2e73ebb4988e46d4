//! `install`: takes an application that somebody has packed.

use super::apply::{plan_text, steps, summary, warnings_text};
use super::input;
use crate::manifests::Folder;
use crate::pack::{self, Asks, Error, May, Package, installed, trust};
use crate::{arguments::Globals, client::Client, connect, output, output::Format, routes};
use ::unit::PackageSignature;
use base::Problem;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Installs a package: shows what it asks for, then does all of it or none
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton install logistics-1.0.0.tar --dry-run\n  craton install logistics-1.0.0.tar --set responsible=oskar\n  craton install logistics-1.0.0.tar --may may.yaml --yes\n  craton install logistics-1.0.0.tar --signer 3b6a… --yes\n\nTrusted are the unit itself, its peers, and whom `--signer` names. A newer version takes the place of an older one."
)]
pub struct Install {
    /// The package: a .tar or a folder
    package: PathBuf,
    /// The value of a parameter; write it several times for several
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A unit whose signature is trusted for this once, by its id or root key
    #[arg(long = "signer", value_name = "ID|KEY")]
    signers: Vec<String>,
    /// Take a package that nobody has signed
    #[arg(long)]
    unsigned: bool,
    /// The list of what the package may have; what it asks for beyond it is refused
    #[arg(long, value_name = "FILE")]
    may: Option<PathBuf>,
    /// Take an older version, or another content of the same version
    #[arg(long)]
    downgrade: bool,
    /// Remove streams that the new version does not have, with their rows
    #[arg(long)]
    with_data: bool,
    /// Show everything and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Consent to what it asks for
    #[arg(short, long)]
    yes: bool,
}

/// What is about to be installed.
struct Offer<'a> {
    package: &'a Package,
    folder: &'a Folder,
    asks: &'a Asks,
    signature: Option<&'a PackageSignature>,
    held: Option<&'a Value>,
    plan: &'a Value,
}

impl Install {
    /// Checks the package, shows it, asks, and installs it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let package = Package::open(&self.package)?;
        let may = self.may.as_deref().map(May::read).transpose()?;
        let client = connect::client(globals)?;
        let signature = trust::signer(&client, &package, &self.signers, self.unsigned)?;
        let held = installed::find(&client, &package.config.name)?;
        if let Some(held) = held.as_ref().filter(|_| !self.downgrade) {
            installed::check_follows(&package, held)?;
        }
        let folder = package.folder(&installed::values(held.as_ref()), &self.set)?;
        let asks = Package::asks(&folder)?;
        pack::check(&asks, &package.config.kinds, may.as_ref())?;
        installed::check_held(&client, &folder)?;
        let kept = installed::kept(self.with_data);
        let send = |is_dry_run| {
            let body = installed::body(&package, &folder, signature, kept, is_dry_run);
            let request = routes::resource_apply().json(&body);
            client.send(&request).map_err(|problem| folder.placed(problem))
        };
        let plan = send(true)?;
        if held.is_none() {
            installed::check_first(&package.config.name, &plan)?;
        }
        let (package, folder, asks) = (&package, &folder, &asks);
        let offer = Offer { package, folder, asks, signature, held: held.as_ref(), plan: &plan };
        self.decide(globals, &offer, || send(false))
    }

    /// Shows what is offered, asks, and goes on.
    fn decide(
        &self,
        globals: &Globals,
        offer: &Offer<'_>,
        install: impl FnOnce() -> Result<Value, Problem>,
    ) -> Result<(), Problem> {
        let is_table = globals.output == Format::Table;
        if is_table {
            offer.show();
        }
        let is_there = steps(offer.plan, "keep").count() == steps(offer.plan, "").count();
        let config = &offer.package.config;
        let answer = if self.dry_run || is_there {
            offer.plan.clone()
        } else {
            // Where a program reads the answer, nobody sees what he would consent to.
            consent(&format!("install {} {}", config.name, config.version), self.yes, is_table)?;
            install()?
        };
        if is_table {
            output::line(summary(&answer, self.dry_run));
            return Ok(());
        }
        output::one(globals.output, &offer.document(&answer))
    }
}

impl Offer<'_> {
    fn signed_by(&self) -> Value {
        self.signature.map_or(Value::Null, |signature| {
            json!({
                "unit": signature.card.unit, "name": signature.card.name,
                "key": signature.key, "at": signature.at,
            })
        })
    }

    fn document(&self, answer: &Value) -> Value {
        let config = &self.package.config;
        let held = self.held.map_or(Value::Null, |held| held["spec"]["version"].clone());
        json!({
            "name": config.name, "version": config.version, "installed": held,
            "summary": config.summary, "digest": self.package.digest(),
            "signed_by": self.signed_by(), "parameters": self.folder.values, "kinds": config.kinds,
            "asks": self.asks, "plan": answer["plan"], "applied": answer["applied"],
            "warnings": answer["warnings"],
        })
    }

    fn show(&self) {
        let config = &self.package.config;
        output::line(format!("{} {}   {}", config.name, config.version, config.summary));
        output::line(format!("digest      {}", self.package.digest()));
        output::line(format!("signed by   {}", signer_text(self.signature)));
        if let Some(held) = self.held {
            self.show_difference(held);
        }
        for (name, value) in &self.folder.values {
            output::line(format!("parameter   {name} = {}", output::plain(value)));
        }
        show_asks(self.asks);
        output::line("it changes");
        output::print(&plan_text(self.plan));
        output::error_text(&warnings_text(self.plan));
    }

    fn show_difference(&self, held: &Value) {
        let before = |pointer: &str| held.pointer(pointer).map_or("-".into(), output::plain);
        output::line(format!("installed   {}", before("/spec/version")));
        let signer = before("/spec/signature/card/unit");
        let now = self.signature.map_or("-", |signature| signature.card.unit.as_str());
        if signer != now {
            output::line(format!("beware: the installed version was signed by {signer}"));
        }
    }
}

fn signer_text(signature: Option<&PackageSignature>) -> String {
    signature.map_or_else(
        || "nobody".into(),
        |signature| {
            let (name, unit) = (&signature.card.name, &signature.card.unit);
            format!("{name} ({unit}), key {}, {}", signature.key, signature.at)
        },
    )
}

/// Shows what a package asks for as a table.
pub(super) fn show_asks(asks: &Asks) {
    let titles = ["IT ASKS FOR", "NAME", ""].map(str::to_owned);
    let rows: Vec<Vec<String>> = asks.rows().into_iter().map(Vec::from).collect();
    output::print(&output::table(&titles, &rows));
}

/// Asks whether something shall be done, where nobody has said so.
pub(super) fn consent(what: &str, is_given: bool, is_shown: bool) -> Result<(), Problem> {
    if is_given || is_shown && input::is_agreed(what) == Some(true) {
        return Ok(());
    }
    Err(Error::Consent { what: what.to_owned() }.into())
}

/// Returns what `resource.apply` answers to the removal of an application: streams stay, unless their rows go too.
pub(super) fn removal(
    client: &Client,
    name: &str,
    is_data_removed: bool,
    is_dry_run: bool,
) -> Result<Value, Problem> {
    let keep = installed::kept(is_data_removed);
    let body = json!({
        "application": name, "manifests": [], "dry_run": is_dry_run, "keep": keep,
    });
    client.send(&routes::resource_apply().json(&body))
}
