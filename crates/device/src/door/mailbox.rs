//! What comes to a connection from other threads: replies to its calls, and that it is to look for something.

use crate::broker::Nudge;
use crate::mqtt::{Place, Stage, SubscribeTo};
use base::Problem;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a connection has asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Messages; the ticket of the machine.
    Publish(u64),
    /// Incoming QoS 2 identifiers that may go.
    Release(Vec<u16>),
    /// Subscriptions.
    Subscribe {
        /// The packet identifier.
        packet: u16,
        /// To what.
        to: Vec<SubscribeTo>,
    },
    /// The end of so many subscriptions.
    Unsubscribe {
        /// The packet identifier.
        packet: u16,
        /// Of how many.
        count: usize,
    },
    /// Outgoing QoS 2 that is to be kept.
    Hold(Vec<(u16, Place, Stage)>),
    /// That commands are there.
    Sent,
}

/// A reply to a call.
#[derive(Debug)]
pub(super) struct Answer {
    /// To what.
    pub asked: Asked,
    /// What came of it.
    pub reply: Result<Value, Problem>,
}

/// What a connection is to look for.
#[derive(Debug, Default)]
pub(super) struct Nudges {
    /// Messages in its seat.
    pub news: bool,
    /// Commands of its device.
    pub commands: bool,
    /// The desired state of its device.
    pub desired: bool,
    /// Its end, with the reason code.
    pub ended: Option<u8>,
}

#[derive(Debug, Default)]
struct Content {
    answers: Vec<Answer>,
    nudges: Nudges,
}

/// The mailbox of one connection. Whoever puts something into it never waits.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    content: Mutex<Content>,
    news: Notify,
}

impl Mailbox {
    /// Puts a nudge of the broker into it.
    pub(super) fn nudge(&self, nudge: Nudge) {
        let mut content = self.lock();
        match nudge {
            Nudge::News => content.nudges.news = true,
            Nudge::Commands => content.nudges.commands = true,
            Nudge::Desired => content.nudges.desired = true,
            // The first reason counts.
            Nudge::Ended { code } => {
                content.nudges.ended.get_or_insert(code);
            }
        }
        drop(content);
        self.news.notify_one();
    }

    /// Takes all that is in it.
    pub(super) fn take(&self) -> (Vec<Answer>, Nudges) {
        let Content { answers, nudges } = std::mem::take(&mut *self.lock());
        (answers, nudges)
    }

    /// Waits until something is put into it.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn put(&self, answer: Answer) {
        self.lock().answers.push(answer);
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of one reply into a mailbox. Where none comes, the mailbox is told so: a connection never waits for nothing.
pub(super) struct Return {
    mailbox: Arc<Mailbox>,
    asked: Option<Asked>,
}

impl Return {
    /// Returns the way of the reply to something.
    pub(super) fn to(mailbox: &Arc<Mailbox>, asked: Asked) -> Self {
        Self { mailbox: Arc::clone(mailbox), asked: Some(asked) }
    }

    /// Puts the reply into the mailbox.
    pub(super) fn put(mut self, reply: Result<Value, Problem>) {
        if let Some(asked) = self.asked.take() {
            self.mailbox.put(Answer { asked, reply });
        }
    }
}

impl Drop for Return {
    fn drop(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.mailbox.put(Answer { asked, reply: Err(kernel::Error::Stopping.into()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_never_comes_is_told() {
        let mailbox = Arc::new(Mailbox::default());
        Return::to(&mailbox, Asked::Publish(1)).put(Ok(Value::Null));
        drop(Return::to(&mailbox, Asked::Publish(2)));
        let (answers, _) = mailbox.take();
        let told: Vec<bool> = answers.iter().map(|answer| answer.reply.is_ok()).collect();
        assert_eq!(told, [true, false]);
        assert!(mailbox.take().0.is_empty());
    }

    #[test]
    fn nudges_add_up_and_the_first_end_counts() {
        let mailbox = Mailbox::default();
        for nudge in
            [Nudge::News, Nudge::Ended { code: 0x8E }, Nudge::Desired, Nudge::Ended { code: 0x98 }]
        {
            mailbox.nudge(nudge);
        }
        let (_, nudges) = mailbox.take();
        assert_eq!((nudges.news, nudges.commands, nudges.desired), (true, false, true));
        assert_eq!(nudges.ended, Some(0x8E));
        assert_eq!(mailbox.take().1.ended, None);
    }
}
