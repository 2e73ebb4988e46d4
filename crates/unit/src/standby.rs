//! A node that takes no calls yet: it starts, or another one holds the store. Its doors say so, and it takes over when the other one is gone.

use crate::logging::Logger;
use crate::run::{Doors, Listeners, Shown, until};
use crate::stored::{self, Stored};
use crate::{Config, Error, health};
use base::Problem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often a node that waits tries to take the store.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// A node of a unit, until it holds the store.
pub(crate) struct Standby {
    folder: PathBuf,
    config: Config,
    logger: Arc<Logger>,
    stopped: watch::Receiver<bool>,
    /// True once the store could be reached: then it is waited for, too, where it is away.
    was_reached: bool,
}

impl Standby {
    pub(crate) fn new(
        folder: &Path,
        config: &Config,
        logger: &Arc<Logger>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let (folder, logger) = (folder.to_owned(), Arc::clone(logger));
        Self { folder, config: config.clone(), logger, stopped, was_reached: false }
    }

    /// Returns the store once this node holds it; `None` where it is told to stop before.
    ///
    /// # Errors
    /// What the store says, where waiting does not help.
    pub(crate) async fn wait(
        &mut self,
        doors: &Doors,
        shown: &Shown,
        waiting: &mut Waiting,
    ) -> Result<Option<Stored>, Problem> {
        while !*self.stopped.borrow() {
            match self.open().await {
                Ok(stored) => {
                    waiting.say(health::starting());
                    return Ok(Some(stored));
                }
                Err(problem) if self.is_worth_waiting(&problem) => {
                    let reason = problem.message.clone();
                    waiting.say(Error::Standby { reason }.into());
                    if waiting.stand_by(doors, shown)? {
                        let name = &self.config.name;
                        println!("unit {name} stands by: {}", problem.message);
                        self.logger.announce(&format!("the unit stands by: {}", problem.message));
                    }
                }
                Err(problem) => return Err(problem),
            }
            tokio::select! {
                () = until(self.stopped.clone()) => {}
                () = tokio::time::sleep(TRY_EVERY) => {}
            }
        }
        Ok(None)
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

/// What answers at the doors before the unit serves: it lives, and refuses everything else with why.
pub(crate) struct Waiting {
    limits: api::Config,
    why: Arc<Mutex<Problem>>,
    stop: watch::Sender<bool>,
    served: Vec<JoinHandle<()>>,
    /// True where all doors answer.
    stands_by: bool,
}

impl Waiting {
    /// Answers at the door of this machine that the unit starts: who comes to another one waits. To be called where the runtime
    /// is known.
    ///
    /// # Errors
    /// `unit.system`.
    pub(crate) fn begin(doors: &Doors, limits: &api::Config) -> Result<Self, Error> {
        let Listeners { plain, .. } = doors.listeners()?;
        let why = Arc::new(Mutex::new(health::starting()));
        let (limits, stop) = (limits.clone(), watch::Sender::new(false));
        let mut waiting = Self { limits, why, stop, served: Vec::new(), stands_by: false };
        let (router, stopping) = (api::waiting(waiting.away()), waiting.stopping());
        let serving = api::serve(plain, router, waiting.limits.clone(), until(stopping));
        waiting.served.push(tokio::spawn(serving));
        Ok(waiting)
    }

    /// Says from now on why the unit takes no calls.
    fn say(&self, problem: Problem) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    /// Answers at all other doors as well: nobody knows for how long. Returns whether that is new.
    fn stand_by(&mut self, doors: &Doors, shown: &Shown) -> Result<bool, Error> {
        if self.stands_by {
            return Ok(false);
        }
        self.stands_by = true;
        let Listeners { peers, https, postgres, .. } = doors.listeners()?;
        let with_tls = [(Some(peers), &shown.own), (https, &shown.people)];
        for (listener, tls) in with_tls {
            let Some(listener) = listener else { continue };
            let (tls, router) = (Arc::clone(tls), api::waiting(self.away()));
            let stopped = until(self.stopping());
            let serving = api::serve_tls(listener, tls, router, self.limits.clone(), stopped);
            self.served.push(tokio::spawn(serving));
        }
        if let Some(listener) = postgres {
            let (limits, stopped) = (self.limits.clone(), until(self.stopping()));
            let serving = api::turn_postgres_away(listener, self.away(), limits, stopped);
            self.served.push(tokio::spawn(serving));
        }
        self.served.extend(doors.things.turn_away(&self.limits, &self.stopping())?);
        Ok(true)
    }

    /// Ends it, when what was asked is answered.
    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        for served in self.served {
            // Where one has ended by itself there is nobody to wait for.
            let _ = served.await;
        }
    }

    fn away(&self) -> api::Away {
        let why = Arc::clone(&self.why);
        Arc::new(move || why.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
}
