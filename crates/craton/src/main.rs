//! The command line `craton`: reads what the user wants, asks the unit over its public door, shows the answer.
//!
//! It has no powers of its own: whatever changes a running unit goes through the HTTP door, under the token of the caller.
//! Only `init`, `up`, `verify`, `restore` and `backup` of a unit that does not run touch a unit's folder, through the `unit` crate.

mod arguments;
mod cancel;
mod client;
mod commands;
mod commerce;
mod connect;
mod error;
mod export;
mod import;
mod layout;
mod lineage;
mod manifests;
mod output;
mod pack;
mod profile;
mod prompt;
mod replay;
mod report;
mod routes;
mod simulate;
mod supervise;
mod top;

use std::process::ExitCode;

/// A unit makes and drops many small values on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = arguments::read().and_then(|wanted| match wanted {
        arguments::Wanted::Run(arguments) => commands::run(*arguments),
        arguments::Wanted::Help(text) => {
            output::print(&text);
            Ok(ExitCode::SUCCESS)
        }
    });
    outcome.unwrap_or_else(|problem| {
        report::show(&problem);
        ExitCode::from(problem.kind.exit_code())
    })
}
