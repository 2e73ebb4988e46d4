//! A node that waits: another one holds the store. Its doors say so, and it takes over when the other one is gone.

use crate::run::{Doors, Listeners, until};
use crate::stored::{self, Stored};
use crate::{Config, Error};
use base::Problem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often a node that waits tries to take the store.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// A node of a unit, until it holds the store.
pub(crate) struct Standby {
    folder: PathBuf,
    config: Config,
    tls: Arc<rustls::ServerConfig>,
    stopped: watch::Receiver<bool>,
    /// True once the store could be reached: then it is waited for, too, where it is away.
    was_reached: bool,
}

impl Standby {
    pub(crate) fn new(
        folder: &Path,
        config: &Config,
        tls: Arc<rustls::ServerConfig>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self { folder: folder.to_owned(), config: config.clone(), tls, stopped, was_reached: false }
    }

    /// Returns the store once this node holds it; `None` where it is told to stop before.
    ///
    /// # Errors
    /// What the store says, where waiting does not help.
    pub(crate) async fn wait(&mut self, doors: &Doors) -> Result<Option<Stored>, Problem> {
        if *self.stopped.borrow() {
            return Ok(None);
        }
        let problem = match self.open().await {
            Ok(stored) => return Ok(Some(stored)),
            Err(problem) if self.is_worth_waiting(&problem) => problem,
            Err(problem) => return Err(problem),
        };
        println!("unit {} stands by: {}", self.config.name, problem.message);
        let reason = Arc::new(Mutex::new(problem.message));
        let (stop, stopping) = watch::channel(false);
        let listeners = doors.listeners()?;
        let away: api::Away = {
            let reason = Arc::clone(&reason);
            Arc::new(move || Problem::from(Error::Standby { reason: lock(&reason).clone() }))
        };
        let turning =
            turn_away(listeners, away, self.config.clone(), Arc::clone(&self.tls), stopping);
        let trying = async {
            let opened = self.try_again(&reason).await;
            let _ = stop.send(true);
            opened
        };
        let ((), opened) = tokio::join!(turning, trying);
        opened
    }

    async fn try_again(&mut self, reason: &Mutex<String>) -> Result<Option<Stored>, Problem> {
        loop {
            tokio::select! {
                () = until(self.stopped.clone()) => return Ok(None),
                () = tokio::time::sleep(TRY_EVERY) => {}
            }
            match self.open().await {
                Ok(stored) => return Ok(Some(stored)),
                Err(problem) if self.is_worth_waiting(&problem) => {
                    *lock(reason) = problem.message;
                }
                Err(problem) => return Err(problem),
            }
        }
    }

    /// Tries to open the store, on a thread that may wait.
    async fn open(&mut self) -> Result<Stored, Problem> {
        let (folder, config) = (self.folder.clone(), self.config.clone());
        let opening = tokio::task::spawn_blocking(move || stored::open(&folder, &config));
        let opened = opening.await.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(Error::System { what: "thread", source }.into())
        });
        let is_held = matches!(&opened, Err(problem) if problem.code == "store.held");
        self.was_reached |= opened.is_ok() || is_held;
        opened
    }

    fn is_worth_waiting(&self, problem: &Problem) -> bool {
        problem.code == "store.held" || (problem.code == "store.unavailable" && self.was_reached)
    }
}

/// Refuses every call, until `stopping` says so.
async fn turn_away(
    listeners: Listeners,
    away: api::Away,
    config: Config,
    tls: Arc<rustls::ServerConfig>,
    stopping: watch::Receiver<bool>,
) {
    let router = api::standby(Arc::clone(&away));
    let api = config.api;
    let plain = api::serve(listeners.plain, router.clone(), api.clone(), until(stopping.clone()));
    let peers = api::serve_tls(listeners.peers, tls, router, api.clone(), until(stopping.clone()));
    let sql = async {
        if let Some(listener) = listeners.postgres {
            api::turn_postgres_away(listener, away, api.clone(), until(stopping)).await;
        }
    };
    tokio::join!(plain, peers, sql);
}

fn lock(reason: &Mutex<String>) -> MutexGuard<'_, String> {
    reason.lock().unwrap_or_else(PoisonError::into_inner)
}
