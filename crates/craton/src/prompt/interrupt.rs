//! Ctrl-C while a query runs: the first one cancels the query at the unit, the second one stops waiting for it.

use crate::client::{Client, Request};
use crate::{cancel::cancel, error::Error};
use base::Problem;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens while a query runs.
enum Event {
    Answer(Result<Vec<u8>, Problem>),
    Interrupt,
}

/// Listens for Ctrl-C as long as the prompt runs. Without a query it does nothing: the prompt itself sees the key then.
#[derive(Debug, Clone, Default)]
pub struct Interrupts {
    waiting: Arc<Mutex<Option<Sender<Event>>>>,
}

impl Interrupts {
    /// Begins to listen: from now on Ctrl-C ends queries, not the program.
    ///
    /// # Errors
    /// `cli.file` where the system gives no handler.
    pub fn listen() -> Result<Self, Problem> {
        let interrupts = Self::default();
        let own = interrupts.clone();
        let signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT]);
        let mut signals = signals.map_err(|source| {
            let path = "the handler of signals".into();
            Problem::from(Error::File { path, action: "set", source })
        })?;
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if let Some(waiting) = own.waiting().as_ref() {
                    // The query may have ended at this moment.
                    let _ = waiting.send(Event::Interrupt);
                }
            }
        });
        Ok(interrupts)
    }

    /// Asks a query with this tag, and waits for the answer or for the user's patience to end.
    ///
    /// # Errors
    /// What the unit says; `cli.interrupted` where nobody waits any more.
    pub fn ask(
        &self,
        client: &Arc<Client>,
        request: Request,
        tag: &str,
    ) -> Result<Vec<u8>, Problem> {
        let (sender, events) = channel();
        *self.waiting() = Some(sender.clone());
        let asker = Arc::clone(client);
        std::thread::spawn(move || {
            let answer = asker.open(&request).and_then(|answer| asker.read(answer));
            // Nobody may wait any more.
            let _ = sender.send(Event::Answer(answer));
        });
        let mut interrupts = 0;
        let answer = loop {
            match events.recv() {
                Ok(Event::Answer(answer)) => break answer,
                Ok(Event::Interrupt) => interrupts += 1,
                Err(_) => break Err(Error::Interrupted.into()),
            }
            match interrupts {
                1 => cancel_behind(client, tag),
                _ => break Err(Error::Interrupted.into()),
            }
        };
        *self.waiting() = None;
        answer
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Sender<Event>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancels a query at the unit, without waiting for it: the answer of the query itself says that it has ended.
fn cancel_behind(client: &Arc<Client>, tag: &str) {
    let (client, tag) = (Arc::clone(client), tag.to_owned());
    eprintln!("cancelling; Ctrl-C again stops waiting");
    std::thread::spawn(move || {
        if let Err(problem) = cancel(&client, &tag) {
            eprintln!("the unit does not cancel it: {}", problem.message);
        }
    });
}
