//! A session: what a client says, one message after another, and what it is answered.

use super::cancel::Place;
use super::encode::Column;
use super::extended::{Portal, Prepared};
use super::rows::{Rows, Shape};
use super::serve::{Door, greeting};
use super::settings::{Changed, REPORTED, SERVER_VERSION, Settings};
use super::statement::{self, Fetch, Part, Statement};
use super::types::Kind;
use super::wire::{Closed, Formats, Message, Severity, Wire, put, row_description, text};
use super::{Error, copy};
use base::Problem;
use kernel::{Call, Ending, ResourceRef, SignedIn};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::sleep;

/// Bytes that wait before they are sent.
const SEND_BYTES: usize = 32 << 10;

/// The operation of a statement that asks for rows.
const QUERY: &str = "sql.query";

/// Where a session stands between BEGIN and COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    Failed,
}

/// Why a statement was not carried out.
pub(crate) enum Failure {
    /// The client is told, and goes on.
    Problem(Box<Problem>),
    /// The session ends.
    Closed(Closed),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Problem(Box::new(error.into()))
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

/// A session of somebody who has signed in.
pub(crate) struct Session {
    pub(super) door: Arc<Door>,
    pub(super) wire: Wire,
    place: Place,
    token: [u8; 32],
    settings: Settings,
    transaction: Transaction,
    pub(super) statements: HashMap<String, Prepared>,
    pub(super) portals: HashMap<String, Portal>,
    /// True from an error in the extended protocol to the next Sync.
    is_skipping: bool,
    /// The statement that is being asked in the extended protocol, and the characters before it.
    pub(super) asked: Option<(Arc<str>, usize)>,
}

impl Session {
    pub(crate) fn new(
        door: Arc<Door>,
        wire: Wire,
        parameters: &BTreeMap<String, String>,
        signed_in: SignedIn,
    ) -> Self {
        let entropy = Arc::clone(door.kernel.entropy());
        let place = door.sessions.enter(|| entropy.number());
        let mut settings = Settings::new(signed_in.identity.principal.name());
        for (name, value) in parameters {
            if !matches!(name.as_str(), "user" | "database" | "options" | "replication") {
                // A setting that there is not is no reason to turn a client away.
                let _ = settings.set(name, Some(value.clone()));
            }
        }
        Self {
            door,
            wire,
            place,
            token: signed_in.token,
            settings,
            transaction: Transaction::None,
            statements: HashMap::new(),
            portals: HashMap::new(),
            is_skipping: false,
            asked: None,
        }
    }

    /// Serves the session until the client goes or the unit stops.
    pub(crate) async fn serve(mut self, mut stopped: watch::Receiver<bool>) {
        match self.converse(&mut stopped).await {
            Ok(()) => {}
            Err(Closed::Gone) => return,
            Err(Closed::Told(problem)) => {
                let problem = self.door.shown(*problem);
                self.wire.refuse(&problem, Severity::Fatal, None);
            }
        }
        self.wire.close().await;
    }

    async fn converse(&mut self, stopped: &mut watch::Receiver<bool>) -> Result<(), Closed> {
        self.greet().await?;
        let idle = self.door.config.postgres_idle_time_max();
        loop {
            let message = tokio::select! {
                message = self.wire.message() => message?,
                _ = stopped.wait_for(|is_stopped| *is_stopped) => {
                    return Err(Problem::from(kernel::Error::Stopping).into());
                }
                () = sleep(idle) => return Err(Error::Timeout { what: "it was idle" }.into()),
            };
            let Some(message) = message else { return Ok(()) };
            if message == Message::Terminate {
                return Ok(());
            }
            if self.is_skipping && message != Message::Sync {
                continue;
            }
            self.answer(message).await?;
        }
    }

    async fn greet(&mut self) -> Result<(), Closed> {
        let version = format!("{SERVER_VERSION} (Craton {})", self.door.version);
        let mut told = vec![("server_version", version)];
        for (name, _) in REPORTED {
            told.push((name, self.settings.value(name).unwrap_or_default()));
        }
        let mut out = Vec::new();
        greeting(&mut out, &told, self.place.name);
        self.wire.put_all(&out);
        self.ready().await
    }

    async fn answer(&mut self, message: Message) -> Result<(), Closed> {
        match message {
            Message::Query(text) => {
                self.simple(&text).await?;
                return self.ready().await;
            }
            Message::Sync => {
                self.is_skipping = false;
                if self.transaction == Transaction::None {
                    self.portals.retain(|_, portal| portal.is_cursor());
                }
                return self.ready().await;
            }
            Message::Flush => return self.wire.flush().await,
            // What is left of a copy that was refused.
            Message::CopyData | Message::CopyDone | Message::CopyFail | Message::Terminate => {
                return Ok(());
            }
            Message::Password(_) => {
                return Err(Error::Protocol { reason: "the sign-in is over".into() }.into());
            }
            Message::FunctionCall => {
                let problem = Error::Unsupported { what: "a call by its number".into() }.into();
                self.fail(problem, None);
                return self.ready().await;
            }
            message => {
                let done = self.extended(message).await;
                let asked = self.asked.take();
                self.place.run(None);
                if let Some(problem) = closed(done)? {
                    let place = asked.as_ref().map(|(text, before)| (text.as_ref(), *before));
                    self.fail(problem, place);
                    self.is_skipping = true;
                }
            }
        }
        if SEND_BYTES < self.wire.waiting() { self.wire.flush().await } else { Ok(()) }
    }

    /// Tells a problem; the transaction fails with it.
    fn fail(&mut self, problem: Problem, text: Option<(&str, usize)>) {
        let problem = self.door.shown(problem);
        self.wire.refuse(&problem, Severity::Error, text);
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed;
        }
    }

    async fn ready(&mut self) -> Result<(), Closed> {
        self.place.run(None);
        let state = match self.transaction {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        };
        self.wire.put(b'Z', |out| out.push(state));
        self.wire.flush().await
    }

    /// Carries out the statements of a text, until one fails.
    async fn simple(&mut self, text: &str) -> Result<(), Closed> {
        let parts = statement::split(text);
        if parts.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        for part in parts {
            let done = self.simple_part(part).await;
            if let Some(problem) = closed(done)? {
                self.fail(problem, Some((part.text, part.before)));
                return Ok(());
            }
        }
        Ok(())
    }

    async fn simple_part(&mut self, part: Part<'_>) -> Result<(), Failure> {
        let statement = statement::read(part.text)?;
        self.check(&statement)?;
        let columns = self.columns_of(&statement)?;
        let formats = Formats::default();
        match statement {
            Statement::Query => {
                let rows = self.start(part.text, Vec::new()).await?;
                let mut out = Vec::new();
                row_description(&mut out, rows.columns(), &formats);
                self.wire.put_all(&out);
                let (_, sent) = self.send(rows, Shape::Rows(formats), None).await?;
                self.complete(&format!("SELECT {}", sent.count));
                Ok(())
            }
            statement => {
                if let Some(columns) = columns {
                    let mut out = Vec::new();
                    row_description(&mut out, &columns, &formats);
                    self.wire.put_all(&out);
                }
                self.control(&statement, part.text, &formats).await
            }
        }
    }

    /// Refuses statements of a transaction that has failed.
    pub(super) fn check(&self, statement: &Statement) -> Result<(), Error> {
        let is_end =
            matches!(statement, Statement::Commit | Statement::Rollback | Statement::RollbackTo);
        if self.transaction == Transaction::Failed && !is_end {
            return Err(Error::Failed);
        }
        Ok(())
    }

    /// Returns the columns of what is no question to the kernel but gives rows.
    pub(super) fn columns_of(&self, statement: &Statement) -> Result<Option<Vec<Column>>, Error> {
        Ok(match statement {
            Statement::Show(name) => {
                Some(vec![Column { name: name.clone(), kind: Kind::named("text"), modifier: -1 }])
            }
            Statement::Fetch { name, is_move: false, .. } => {
                let portal =
                    self.portals.get(name).ok_or_else(|| Error::NoPortal { name: name.clone() })?;
                portal.rows.as_ref().map(|rows| rows.columns().to_vec())
            }
            _ => None,
        })
    }

    /// Carries out what is no question.
    pub(super) async fn control(
        &mut self,
        statement: &Statement,
        source: &str,
        formats: &Formats,
    ) -> Result<(), Failure> {
        match statement {
            Statement::Query => {}
            Statement::Begin => self.end_transaction(Transaction::Open, "BEGIN", false),
            Statement::Commit if self.transaction == Transaction::Failed => {
                self.end_transaction(Transaction::None, "ROLLBACK", true);
            }
            Statement::Commit => self.end_transaction(Transaction::None, "COMMIT", true),
            Statement::Rollback => self.end_transaction(Transaction::None, "ROLLBACK", true),
            Statement::RollbackTo => {
                let is_none = self.transaction == Transaction::None;
                let next = if is_none { Transaction::None } else { Transaction::Open };
                self.end_transaction(next, "ROLLBACK", false);
            }
            Statement::Savepoint(tag) => self.complete(tag),
            Statement::Set { name, value } => {
                let changed = self.settings.set(name, value.clone())?;
                self.tell(changed);
                self.complete("SET");
            }
            Statement::SetNothing => self.complete("SET"),
            Statement::Show(name) => {
                let value = self.settings.value(name)?;
                self.wire.put(b'D', |out| {
                    out.extend(1_u16.to_be_bytes());
                    out.extend(u32::try_from(value.len()).unwrap_or(0).to_be_bytes());
                    out.extend_from_slice(value.as_bytes());
                });
                self.complete("SHOW");
            }
            Statement::Reset(Some(name)) => {
                let changed = self.settings.set(name, None)?;
                self.tell(changed);
                self.complete("RESET");
            }
            Statement::Reset(None) => {
                self.reset();
                self.complete("RESET");
            }
            Statement::Discard(what) => {
                if what == "ALL" {
                    self.statements.clear();
                    self.portals.clear();
                    self.reset();
                }
                self.complete(&format!("DISCARD {what}"));
            }
            Statement::Deallocate(name) => self.deallocate(name.as_deref())?,
            Statement::Declare { name, from, is_held } => {
                self.declare(name, source.get(*from..).unwrap_or_default(), *is_held).await?;
            }
            Statement::Fetch { name, count, is_move } => {
                self.fetch(name, *count, *is_move, formats).await?;
            }
            Statement::Close(name) => self.close(name.as_deref())?,
            Statement::Copy { source: what, options } => self.copy(what, options, source).await?,
            Statement::Unlisten => self.complete("UNLISTEN"),
        }
        Ok(())
    }

    fn end_transaction(&mut self, next: Transaction, tag: &str, is_end: bool) {
        self.transaction = next;
        if is_end {
            self.portals.retain(|_, portal| portal.is_held);
        }
        self.complete(tag);
    }

    fn tell(&mut self, changed: Changed) {
        if let Some((name, value)) = changed.reported {
            self.wire.put(b'S', |out| {
                text(out, name);
                text(out, &value);
            });
        }
        if let Some(warning) = changed.warning {
            let code = base::Code("postgres.setting", base::Kind::Invalid);
            self.wire.refuse(&Problem::new(code, warning), Severity::Warning, None);
        }
    }

    fn reset(&mut self) {
        for (name, value) in self.settings.reset() {
            self.tell(Changed { reported: Some((name, value)), warning: None });
        }
    }

    fn deallocate(&mut self, name: Option<&str>) -> Result<(), Failure> {
        match name {
            None => self.statements.clear(),
            Some(name) => {
                let gone = self.statements.remove(name);
                gone.ok_or_else(|| Error::NoStatement { name: name.to_owned() })?;
            }
        }
        self.complete(if name.is_none() { "DEALLOCATE ALL" } else { "DEALLOCATE" });
        Ok(())
    }

    fn close(&mut self, name: Option<&str>) -> Result<(), Failure> {
        match name {
            None => self.portals.clear(),
            Some(name) => {
                let gone = self.portals.remove(name);
                gone.ok_or_else(|| Error::NoPortal { name: name.to_owned() })?;
            }
        }
        self.complete(if name.is_none() { "CLOSE CURSOR ALL" } else { "CLOSE CURSOR" });
        Ok(())
    }

    async fn declare(&mut self, name: &str, query: &str, is_held: bool) -> Result<(), Failure> {
        if self.portals.contains_key(name) {
            return Err(Error::Exists { what: "cursor", name: name.to_owned() }.into());
        }
        self.make_room_for_portal()?;
        let rows = self.start(query, Vec::new()).await?;
        self.portals.insert(name.to_owned(), Portal::cursor(rows, is_held));
        self.complete("DECLARE CURSOR");
        Ok(())
    }

    /// Checks that there is room for another portal.
    pub(super) fn make_room_for_portal(&self) -> Result<(), Error> {
        let limit = self.door.config.postgres_cursors_max;
        if limit <= self.portals.len() {
            return Err(Error::Limit { what: "cursors", limit });
        }
        Ok(())
    }

    async fn fetch(
        &mut self,
        name: &str,
        count: Fetch,
        is_move: bool,
        formats: &Formats,
    ) -> Result<(), Failure> {
        let missing = || Error::NoPortal { name: name.to_owned() };
        let mut portal = self.portals.remove(name).ok_or_else(missing)?;
        let most = match count {
            Fetch::Count(count) => Some(count),
            Fetch::All => None,
        };
        let shape = if is_move { Shape::Nothing } else { Shape::Rows(formats.clone()) };
        let mut sent = Sent::default();
        if most != Some(0)
            && let Some(rows) = portal.rows.take()
        {
            let (rows, done) = self.send(rows, shape, most).await?;
            (portal.rows, sent) = (Some(rows), done);
        }
        self.portals.insert(name.to_owned(), portal);
        let tag = if is_move { "MOVE" } else { "FETCH" };
        self.complete(&format!("{tag} {}", sent.count));
        Ok(())
    }

    async fn copy(
        &mut self,
        what: &copy::Source,
        options: &copy::Options,
        source: &str,
    ) -> Result<(), Failure> {
        let query = match what {
            copy::Source::Query(from, to) => source.get(*from..*to).unwrap_or_default().to_owned(),
            copy::Source::Relation { name, columns } => format!("SELECT {columns} FROM {name}"),
        };
        let rows = self.start(&query, Vec::new()).await?;
        let format = u8::from(options.form == copy::Form::Binary);
        let count = rows.columns().len();
        self.wire.put(b'H', |out| {
            out.push(format);
            out.extend(u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
            (0..count).for_each(|_| out.extend(u16::from(format).to_be_bytes()));
        });
        let (_, sent) = self.send(rows, Shape::Copy(options.clone()), None).await?;
        self.wire.put(b'c', |_| {});
        self.complete(&format!("COPY {}", sent.count));
        Ok(())
    }

    pub(super) fn complete(&mut self, tag: &str) {
        self.wire.put(b'C', |out| text(out, tag));
    }

    /// Asks the kernel for something and waits for what comes of it; a client that goes meanwhile ends it.
    pub(super) async fn ask<T: Send + 'static>(
        &mut self,
        ending: &Ending,
        work: impl FnOnce(&Door) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Failure> {
        // Noted before anything is sent: a client that reads slowly can end it as well.
        self.place.run(Some(ending.clone()));
        if SEND_BYTES < self.wire.waiting() {
            self.wire.flush().await?;
        }
        let door = Arc::clone(&self.door);
        let mut done = pin!(door.blocking(work));
        let result = tokio::select! {
            result = &mut done => result,
            () = self.wire.gone() => {
                ending.end();
                return Err(Closed::Gone.into());
            }
        };
        Ok(result?)
    }

    /// Returns a call of the kernel, made as whoever the token belongs to now. It brings all that the client has said since the last
    /// one: texts of statements and values of parameters.
    pub(super) fn call(
        &mut self,
        operation: &'static str,
        args: Value,
    ) -> impl FnOnce(&Door) -> Result<Call, Problem> + Send + use<> {
        let (token, bytes) = (self.token, self.wire.take_came());
        move |door: &Door| {
            let identity = door.kernel.still(&token)?;
            let mut call =
                Call::new(operation, ResourceRef::new("sql", ""), identity.principal).with(args);
            call.scope = identity.scope;
            call.stamp = identity.stamp;
            call.bytes = bytes;
            call.trace = door.traced(operation);
            Ok(call)
        }
    }

    /// Starts a query and waits for its columns. Who is known to be over its quota is refused before a thread is taken for it.
    pub(super) async fn start(
        &mut self,
        sql: &str,
        parameters: Vec<Value>,
    ) -> Result<Rows, Failure> {
        let kernel = &self.door.kernel;
        if let Some(identity) = kernel.remembered_holder(&self.token) {
            kernel.knock(&identity.principal, QUERY, &ResourceRef::new("sql", ""))?;
        }
        let mut args = json!({
            "sql": sql,
            "dialect": "postgres",
            "format": "arrow",
            "parameters": parameters,
        });
        if let Some(ms) = self.settings.statement_ms() {
            args["limits"] = json!({ "ms": ms });
        }
        let call = self.call(QUERY, args);
        let ending = Ending::default();
        let own = ending.clone();
        self.ask(&ending, move |door| Rows::start(&door.kernel, call(door)?, own)).await
    }

    /// Sends rows, all of them or so many at most.
    pub(super) async fn send(
        &mut self,
        rows: Rows,
        shape: Shape,
        rows_max: Option<u64>,
    ) -> Result<(Rows, Sent), Failure> {
        let (mut rows, mut shape, mut sent) = (rows, shape, Sent::default());
        let token = self.token;
        let mut is_first = true;
        loop {
            let left = rows_max.map(|most| most - sent.count);
            let ending = rows.ending().clone();
            let checks = std::mem::replace(&mut is_first, false);
            let work = move |door: &Door| -> Result<_, Problem> {
                if checks {
                    door.kernel.still(&token)?;
                }
                let mut out = Vec::new();
                let written = rows.write(&shape, left, &mut out);
                Ok((rows, shape, out, written))
            };
            let (own, form, out, written) = self.ask(&ending, work).await?;
            (rows, shape) = (own, form);
            self.wire.put_all(&out);
            let written = written?;
            sent.count += written.rows;
            sent.is_end = written.is_end;
            if written.is_end || rows_max.is_some_and(|most| most <= sent.count) {
                return Ok((rows, sent));
            }
        }
    }
}

/// What was sent of a result.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    pub count: u64,
    pub is_end: bool,
}

/// Returns the problem that the client is told, unless the session ends.
fn closed(done: Result<(), Failure>) -> Result<Option<Problem>, Closed> {
    match done {
        Ok(()) => Ok(None),
        Err(Failure::Problem(problem)) => Ok(Some(*problem)),
        Err(Failure::Closed(closed)) => Err(closed),
    }
}

/// Writes a message without a body.
pub(super) fn bare(out: &mut Vec<u8>, kind: u8) {
    put(out, kind, |_| {});
}
