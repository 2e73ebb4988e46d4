//! The end of a connection. What was handed in is waited for, so that the session goes on with what is true; then the session is told,
//! and whoever takes it over. Meanwhile the client hears the last word.

use super::Door;
use super::asks::Asker;
use super::connection::{Client, Connection};
use crate::broker::Close;
use crate::mqtt::Place;
use base::{Kind, Problem};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

/// After how long a session is closed again that could not be closed: at first, and after many times.
const CLOSE_AGAIN: Duration = Duration::from_secs(1);
const CLOSE_AGAIN_MAX: Duration = Duration::from_secs(30);

/// Has a session closed whose connection broke off without having come to its end: by a panic, or because the unit has no more time.
pub(super) struct Sitting {
    door: Arc<Door>,
    asker: Asker,
    is_accepted: bool,
    is_over: bool,
}

impl Sitting {
    pub(super) fn new(door: &Arc<Door>, asker: &Asker) -> Self {
        Self { door: Arc::clone(door), asker: asker.clone(), is_accepted: false, is_over: false }
    }

    /// Takes note that the client was let in: from now on it may have a will.
    pub(super) fn accept(&mut self) {
        self.is_accepted = true;
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Asker { session, generation, .. } = self.asker;
        let close = Close {
            session,
            generation,
            expiry: None,
            is_will_wanted: self.is_accepted,
            progress: None,
            held: None,
            reason: Some("broken".into()),
        };
        if let Ok(call) = self.asker.close(&close) {
            // Nobody waits any more.
            self.door.handle.submit(call, Box::new(|_| {}));
        }
    }
}

/// Ends a connection.
pub(super) async fn leave<S: AsyncRead + AsyncWrite + Unpin>(connection: Connection<S>) {
    let Connection { wire, mut client, .. } = connection;
    let out = std::mem::take(client.machine.out());
    let is_gone = client.is_gone;
    let last_word = async {
        if !is_gone {
            wire.end(out).await;
        }
    };
    tokio::join!(last_word, hand_over(client));
}

async fn hand_over(mut client: Client) {
    loop {
        let now = client.door.now();
        client.hear();
        client.act(now);
        client.asks.hand_in(now, true);
        if client.asks.is_over() {
            break;
        }
        client.mailbox.news().await;
    }
    let Client { door, machine, asks, mut finds, mut sitting, cause, .. } = client;
    if let Some(job) = finds.job.take() {
        // What it takes out of the seat now goes back with the rest; later it would be the next connection's.
        let _ = job.await;
    }
    let Asker { session, generation, .. } = *asks.asker();
    let left = machine.leave();
    let held = left.outgoing.held.iter();
    let held = held.map(|(packet, held)| (*packet, held.delivery.place, held.stage));
    // Commands and desired state are found again by other ways.
    let is_kept = |place: &Place| matches!(place, Place::Log(_) | Place::Group { .. });
    let close = Close {
        session,
        generation,
        expiry: left.expiry,
        is_will_wanted: left.is_will_wanted,
        progress: None,
        held: Some(held.filter(|(_, place, _)| is_kept(place)).collect()),
        reason: Some(cause.unwrap_or("lost").into()),
    };
    finds.seat().left(generation, left);
    sitting.is_over = true;
    if let Err(problem) = closed(&door, asks.asker(), &close).await {
        let (client, said) = (finds.seat().client(), &problem.message);
        (door.report)(&format!("the session of `{client}` could not be closed: {said}"));
    }
}

/// Has a session closed. What stands in the way for a while only is waited for: a session that nobody closes counts as connected, its will
/// never comes, and its time is never over.
async fn closed(door: &Door, asker: &Asker, close: &Close) -> Result<(), Problem> {
    let mut wait = CLOSE_AGAIN;
    loop {
        match door.ask(asker.close(close)?).await {
            Err(problem) if is_passing(&problem) => {
                sleep(wait).await;
                wait = (wait * 2).min(CLOSE_AGAIN_MAX);
            }
            closed => return closed.map(|_| ()),
        }
    }
}

/// Returns whether it may work later. When the unit has stopped, its next start closes what is open.
fn is_passing(problem: &Problem) -> bool {
    match problem.kind {
        Kind::Exhausted => true,
        Kind::Unavailable => problem.code != "kernel.stopping",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Code;

    #[test]
    fn what_passes_is_waited_for_and_nothing_else() {
        let passes = |code, kind| is_passing(&Problem::new(Code(code, kind), "no"));
        assert!(passes("quota.exceeded", Kind::Exhausted));
        assert!(passes("kernel.busy", Kind::Exhausted));
        assert!(passes("store.unavailable", Kind::Unavailable));
        assert!(!passes("kernel.stopping", Kind::Unavailable));
        assert!(!passes("policy.forbidden", Kind::Forbidden));
        assert!(!passes("device.internal", Kind::Internal));
    }
}
