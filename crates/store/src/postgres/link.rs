//! Connections to the server. A thread of its own turns the sockets; callers wait for answers where they stand, on any thread.

use super::place::{Opened, Place};
use crate::Error;
use base::{Clock, SystemClock};
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, Statement};

/// The parameters of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How much longer than the server a caller waits for the end of a statement: the server's word says more than silence.
const GRACE: Duration = Duration::from_secs(2);

/// Why a statement has no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server has refused it: nothing has happened.
    Refused(Error),
    /// The connection is of no more use; what the server did last is not known.
    Broken(String),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(error) => error,
            Failed::Broken(reason) => Self::Unavailable { reason },
        }
    }
}

/// The thread that turns the sockets.
pub(super) struct Net {
    runtime: Option<Runtime>,
    clock: SystemClock,
}

impl Net {
    pub fn start() -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            // These look names up.
            .max_blocking_threads(4)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(|error| Error::Unavailable { reason: error.to_string() })?;
        Ok(Self { runtime: Some(runtime), clock: SystemClock::new() })
    }

    /// Returns the time since some fixed moment.
    pub fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Runs something on the thread of the sockets; `None` where it takes longer than `limit`.
    pub fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut task = self.runtime.as_ref()?.spawn(work);
        match self.wait(limit, &mut task) {
            Some(done) => done.ok(),
            None => {
                task.abort();
                None
            }
        }
    }

    /// Waits for something that others bring about; `None` where it takes longer than `limit`.
    ///
    /// Not the runtime's own waiting: that is refused on threads that serve another runtime.
    pub fn wait<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let until = self.now() + limit;
        let waker = Waker::from(Arc::new(Parked(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            let left = until.saturating_sub(self.now());
            if left.is_zero() {
                return None;
            }
            std::thread::park_timeout(left);
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Whoever drops the store last may be a thread that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A thread that waits.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A connection.
pub(super) struct Link {
    client: Client,
    task: JoinHandle<()>,
    net: Arc<Net>,
    limit: Duration,
    is_broken: AtomicBool,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl Link {
    /// Connects, and prepares the session.
    ///
    /// # Errors
    /// [`Error::Address`] where the server knows no such user, password or database, [`Error::Unavailable`].
    pub fn open(place: &Place, net: &Arc<Net>) -> Result<Self, Error> {
        let late = || Error::Unavailable { reason: "the database did not answer in time".into() };
        let opening = place.opening()?;
        let opened = net.run(place.connect_time_max(), opening).ok_or_else(late)?;
        let Opened { client, task } = opened.map_err(|error| failure(&error))?;
        let link = Self {
            client,
            task,
            net: Arc::clone(net),
            limit: place.statement_time_max() + GRACE,
            is_broken: AtomicBool::new(false),
            statements: Mutex::default(),
        };
        link.execute(&place.session())?;
        Ok(link)
    }

    /// Returns whether the connection still stands, as far as is known.
    pub fn is_usable(&self) -> bool {
        !self.is_broken.load(Ordering::SeqCst) && !self.client.is_closed()
    }

    /// Has the server run a statement, which is prepared once.
    pub fn query(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<Vec<Row>, Failed> {
        let statement = self.prepared(sql)?;
        self.answer(self.limit, self.client.query(&statement, parameters))
    }

    /// As [`Link::query`], for statements of which one row comes.
    pub fn query_one(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<Row, Failed> {
        let statement = self.prepared(sql)?;
        self.answer(self.limit, self.client.query_one(&statement, parameters))
    }

    /// Has the server run statements without parameters.
    pub fn execute(&self, sql: &str) -> Result<(), Failed> {
        self.answer(self.limit, self.client.batch_execute(sql))
    }

    /// As [`Link::execute`], for what takes long.
    pub fn execute_long(&self, sql: &str, limit: Duration) -> Result<(), Failed> {
        self.answer(limit, self.client.batch_execute(sql))
    }

    /// Sends a statement whose answer nobody waits for; what is sent later comes after it.
    pub fn send(&self, sql: &str) {
        let mut sending = pin!(self.client.batch_execute(sql));
        // The first look sends it.
        let _ = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Gives the connection up at once.
    pub fn cut(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
        self.task.abort();
    }

    fn prepared(&self, sql: &'static str) -> Result<Statement, Failed> {
        let held = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = held {
            return Ok(statement);
        }
        let statement = self.answer(self.limit, self.client.prepare(sql))?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn answer<T>(
        &self,
        limit: Duration,
        asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        let broken = match self.net.wait(limit, asking) {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) if is_refusal(&error) => {
                return Err(Failed::Refused(failure(&error)));
            }
            Some(Err(error)) => text(&error),
            None => format!("the database did not answer within {} ms", limit.as_millis()),
        };
        self.cut();
        Err(Failed::Broken(broken))
    }
}

/// Returns a value of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Failed> {
    row.try_get(index).map_err(|error| Failed::Refused(Error::Damaged { reason: text(&error) }))
}

/// Returns whether the server has refused a statement and goes on serving. After anything worse it is not known what happened.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|told| told.parsed_severity() == Some(Severity::Error))
}

/// Returns what a failure means where nothing has happened.
fn failure(error: &tokio_postgres::Error) -> Error {
    let reason = text(error);
    match error.code().map(SqlState::code) {
        // disk_full
        Some("53100") => Error::Full,
        // data_corrupted, index_corrupted
        Some("XX001" | "XX002") => Error::Damaged { reason },
        // A name, a password or a database that is not there, or a right.
        Some("28000" | "28P01" | "3D000" | "42501") => Error::Address { reason },
        _ => Error::Unavailable { reason },
    }
}

/// Returns what an error says, with its cause.
fn text(error: &tokio_postgres::Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{} ({})", told.message(), told.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
