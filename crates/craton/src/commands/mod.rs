//! The commands: one file for each group, with its arguments, its examples and what it asks of the unit.

mod access;
mod apply;
mod audit;
mod backup;
mod browser;
mod data;
mod desk;
mod device;
mod documents;
mod exchange;
mod export;
mod import;
pub mod input;
mod install;
mod key;
mod kpi;
mod lineage;
mod pack;
mod package;
mod quality;
mod query;
mod repair;
mod resource;
mod running;
mod secret;
mod sign_in;
mod sql;
mod stream;
mod support;
mod table;
mod top;
mod trace;
mod unit;
mod work;

use crate::{arguments::Arguments, commerce, error::Error, output::Format, replay};
use base::Problem;
use std::process::ExitCode;

/// A command.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a unit in a folder: configuration, key, the owner's token, a starter application
    Init(unit::Init),
    /// Runs a unit, or every unit of a folder
    Up(unit::Up),
    /// Checks the store of a unit that is not running
    Verify(unit::Verify),
    /// Takes a backup of a unit, also while it runs; lists and checks backups
    Backup(backup::Backup),
    /// Makes a unit out of a backup
    Restore(backup::Restore),
    /// Shows what a unit that was restored has got back from its peers
    Reconcile(backup::Reconcile),
    /// Declares the manifests of a folder: shows the plan, then does all of it or none
    Apply(apply::Apply),
    /// Makes a signed package of an application's folder, for others to install
    Pack(pack::Pack),
    /// Installs a package: shows what it asks for, then does all of it or none
    Install(install::Install),
    /// Shows and removes packages that are installed, and looks into those that are not
    Package(package::Package),
    /// Shows resources
    Get(resource::Get),
    /// Shows everything about a resource
    Describe(resource::Describe),
    /// Shows the versions of a resource
    History(resource::History),
    /// Removes a resource; its history stays
    Delete(resource::Delete),
    /// Shows, starts, suspends and resumes processes
    Process(work::Process),
    /// Shows and repairs instances: changes variables, moves tokens, suspends, resumes, migrates, cancels
    Instance(repair::Instance),
    /// Repairs many instances at once: what a filter finds, up to a limit, in the background
    Bulk(repair::Bulk),
    /// Shows, claims and completes the tasks of people
    Task(work::Task),
    /// Shows, fetches, completes and fails the jobs of programs
    Job(work::Job),
    /// Shows and resolves incidents: instances that cannot go on
    Incident(work::Incident),
    /// Shows the screens of applications that are for you
    Screen(desk::Screen),
    /// Shows, adds and reads the pictures and documents that forms name
    File(desk::File),
    /// Appends to streams and reads them
    Stream(stream::Stream),
    /// Shows devices and their twins, tells them what is desired and what to do, and plays fleets
    Device(device::Device),
    /// Shows the tables that other engines read, and has work done on them
    Table(table::Table),
    /// Imports CSV, NDJSON and Parquet into streams, which are made where they do not exist
    Import(import::Import),
    /// Writes a relation or the answer of a query into a file
    Export(export::Export),
    /// Asks in SQL
    Sql(sql::Sql),
    /// Shows, runs, saves and deletes queries that have a name
    Query(query::Query),
    /// Shows metrics, by any of their dimensions
    Metric(kpi::Metric),
    /// Shows KPIs, their values, and the rows behind them
    Kpi(kpi::Kpi),
    /// Shows what quality rules found, and runs them
    Quality(quality::Quality),
    /// Shows what something stands on and what stands on it
    Lineage(lineage::Lineage),
    /// Erases the rows of a person, and shows how far that is
    Data(data::Data),
    /// Declares secrets, sets their values, and shows everything about them but the values
    Secret(secret::Secret),
    /// Shows, changes and revokes the keys with which a unit signs what it says to others
    Key(key::Key),
    /// Shows other units, and gets to know them
    Peer(exchange::Peer),
    /// Shows what units offer to each other
    Offer(exchange::Offer),
    /// Proposes, accepts, shows and revokes contracts
    Contract(exchange::Contract),
    /// Shows what is owed between the units, contract by contract
    Ledger(exchange::Ledger),
    /// Shows everything that runs: process instances, queries, background work, jobs, calls between units
    Ps(running::Ps),
    /// Shows the machine and what runs on it, and lets you end and pause it
    Top(top::Top),
    /// Ends something that runs
    Kill(running::Kill),
    /// Shows what a call, a process or an order did, as a tree, over all the units it went through
    Trace(trace::Trace),
    /// Makes a bundle for whoever helps: versions, configuration, manifests, log, counts; no secrets and no rows
    Support(support::Support),
    /// Has something that runs pause: an instance, a whole process, background work
    Pause(running::Pause),
    /// Has something that pauses go on
    Resume(running::Resume),
    /// Limits a user, a peer or a query from now on, until the unit stops or the time is up
    Limit(running::Limit),
    /// Says whether somebody may do something, and which policy decides
    CanI(access::CanI),
    /// Says step by step why somebody may do something, or what is missing
    Why(access::Why),
    /// Says who may do something on a resource, and by which policies
    WhoCan(access::WhoCan),
    /// Shows who did what and what was refused, the newest first
    Audit(audit::Audit),
    /// Signs in at a unit: with a password, or with an identity provider in a browser
    Login(sign_in::Login),
    /// Ends the session that `craton login` has saved for a unit
    Logout(sign_in::Logout),
    /// Sets a password: one's own, or a user's
    Passwd(sign_in::Passwd),
    /// Shows users: what they hold, by what they sign in, when they were last seen
    User(sign_in::User),
    /// Shows and ends sessions
    Session(sign_in::Session),
    /// Makes, shows and revokes tokens
    Token(access::Token),
    /// Shows and moves the business clock
    Clock(access::Clock),
    /// Plays a market through the units and reports their answers
    Replay(replay::Replay),
    /// Runs the example business on a generated market, from nothing to the ledger
    Demo(commerce::Demo),
    /// Prints what a shell needs to complete commands
    Completion(documents::Completion),
    /// Prints or writes the manual pages
    Man(documents::Man),
    /// Prints the reference of all operations of a unit
    Reference(documents::Reference),
    /// Prints the version
    Version(documents::Version),
    /// Evaluates decisions for the unit that started it
    #[command(hide = true)]
    Worker(unit::Worker),
}

/// Runs a command.
///
/// # Errors
/// What the command says.
pub fn run(arguments: Arguments) -> Result<ExitCode, Problem> {
    let globals = &arguments.globals;
    if globals.output == Format::Dot && !matches!(arguments.command, Command::Lineage(_)) {
        let hint = "write `-o table`, `-o json`, `-o yaml` or `-o csv`";
        return Err(Error::usage("only `craton lineage` draws graphs", hint).into());
    }
    let done = match arguments.command {
        Command::Init(command) => command.run(),
        Command::Up(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Backup(command) => command.run(globals),
        Command::Restore(command) => command.run(globals),
        Command::Reconcile(command) => command.run(globals),
        Command::Apply(command) => command.run(globals),
        Command::Pack(command) => command.run(globals),
        Command::Install(command) => command.run(globals),
        Command::Package(command) => command.run(globals),
        Command::Get(command) => command.run(globals),
        Command::Describe(command) => command.run(globals),
        Command::History(command) => command.run(globals),
        Command::Delete(command) => command.run(globals),
        Command::Process(command) => command.run(globals),
        Command::Instance(command) => command.run(globals),
        Command::Bulk(command) => command.run(globals),
        Command::Task(command) => command.run(globals),
        Command::Job(command) => command.run(globals),
        Command::Incident(command) => command.run(globals),
        Command::Screen(command) => command.run(globals),
        Command::File(command) => command.run(globals),
        Command::Stream(command) => command.run(globals),
        Command::Device(command) => command.run(globals),
        Command::Table(command) => command.run(globals),
        Command::Import(command) => command.run(globals),
        Command::Export(command) => command.run(globals),
        Command::Sql(command) => command.run(globals),
        Command::Query(command) => command.run(globals),
        Command::Metric(command) => command.run(globals),
        Command::Kpi(command) => command.run(globals),
        Command::Quality(command) => command.run(globals),
        Command::Lineage(command) => command.run(globals),
        Command::Data(command) => command.run(globals),
        Command::Secret(command) => command.run(globals),
        Command::Key(command) => command.run(globals),
        Command::Peer(command) => command.run(globals),
        Command::Offer(command) => command.run(globals),
        Command::Contract(command) => command.run(globals),
        Command::Ledger(command) => command.run(globals),
        Command::Ps(command) => command.run(globals),
        Command::Top(command) => command.run(globals),
        Command::Kill(command) => command.run(globals),
        Command::Trace(command) => command.run(globals),
        Command::Support(command) => command.run(globals),
        Command::Pause(command) => command.run(globals),
        Command::Resume(command) => command.run(globals),
        Command::Limit(command) => command.run(globals),
        Command::CanI(command) => return command.run(globals),
        Command::Why(command) => return command.run(globals),
        Command::WhoCan(command) => command.run(globals),
        Command::Audit(command) => command.run(globals),
        Command::Login(command) => command.run(globals),
        Command::Logout(command) => command.run(globals),
        Command::Passwd(command) => command.run(globals),
        Command::User(command) => command.run(globals),
        Command::Session(command) => command.run(globals),
        Command::Token(command) => command.run(globals),
        Command::Clock(command) => command.run(globals),
        Command::Replay(command) => command.run(globals),
        Command::Demo(command) => command.run(),
        Command::Completion(command) => command.run(),
        Command::Man(command) => command.run(),
        Command::Reference(command) => command.run(globals),
        Command::Version(command) => command.run(globals),
        Command::Worker(command) => command.run(),
    };
    done.map(|()| ExitCode::SUCCESS)
}
