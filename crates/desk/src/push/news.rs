//! Who is told of what: news of tasks become notices, one for each subscription.

use super::store::{self, Notice, subscription};
use crate::engine::Desk;
use base::{Period, Problem, Time};
use kernel::{Principal, Read, Reader};
use std::collections::{BTreeMap, BTreeSet};

/// A task that has come, or was given to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Its number, rising.
    pub number: u64,
    /// The task.
    pub task: String,
    /// What it says it is.
    pub title: String,
    /// Its process.
    pub process: String,
    /// Who is to do it, where that is said.
    pub assignee: Option<String>,
    /// Otherwise the roles of those who may take it.
    pub candidates: Vec<String>,
    /// When it is due, business time.
    pub due: Option<Time>,
}

/// Everybody who has subscriptions.
struct Audience {
    subscriptions: BTreeMap<String, Vec<String>>,
    roles: BTreeMap<String, BTreeSet<String>>,
}

impl Desk {
    /// Returns what is to be told of news: to whom a task is assigned, else to those who hold a role of its candidates; of each task to so
    /// many subscriptions at most. Of a task that is nobody's in particular nobody is told. Whether somebody may see the task is asked
    /// when it is sent.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn notices(&self, reader: &Reader, news: &[News]) -> Result<Vec<Notice>, Problem> {
        let wall = reader.kernel().clock().wall();
        let audience = self.audience(reader, wall)?;
        let until = wall.plus(Period::seconds(i64::from(self.config.push_minutes) * 60));
        let mut notices = Vec::new();
        for news in news {
            let told = audience.of(news).flat_map(|user| {
                let held = audience.subscriptions.get(user).into_iter().flatten();
                held.map(move |id| (user, id))
            });
            for (user, id) in told.take(self.config.push_subscriptions_task_max) {
                notices.push(Notice {
                    subscription: id.clone(),
                    number: news.number,
                    user: user.clone(),
                    task: news.task.clone(),
                    title: news.title.clone(),
                    process: news.process.clone(),
                    due: news.due,
                    is_assigned: news.assignee.is_some(),
                    at: wall,
                    until,
                    attempts: 0,
                });
            }
        }
        Ok(notices)
    }

    /// Returns the subscriptions that were not renewed for so long that nobody seems to be there.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn left(&self, reader: &Reader) -> Result<Vec<String>, Problem> {
        let wall = reader.kernel().clock().wall();
        let mut left = Vec::new();
        for (_, id) in store::all(reader)? {
            let held = subscription(reader, &id)?;
            left.extend(held.filter(|held| self.is_over(held.renewed, wall)).map(|_| id));
        }
        Ok(left)
    }

    fn audience(&self, reader: &Reader, wall: Time) -> Result<Audience, Problem> {
        let mut audience = Audience { subscriptions: BTreeMap::new(), roles: BTreeMap::new() };
        for (user, id) in store::all(reader)? {
            let held = subscription(reader, &id)?;
            if held.is_some_and(|held| !self.is_over(held.renewed, wall)) {
                audience.subscriptions.entry(user).or_default().push(id);
            }
        }
        for user in audience.subscriptions.keys() {
            let roles = reader.kernel().roles(reader, &Principal::User(user.clone()))?;
            audience.roles.insert(user.clone(), roles);
        }
        Ok(audience)
    }

    /// Returns whether a subscription was not renewed for too long.
    fn is_over(&self, renewed: Time, wall: Time) -> bool {
        renewed.plus(Period::days(i64::from(self.config.push_days))) <= wall
    }
}

impl Audience {
    /// Returns the users who are told of something.
    fn of<'a>(&'a self, news: &'a News) -> impl Iterator<Item = &'a String> {
        let is_candidate = |roles: &BTreeSet<String>| {
            news.candidates.iter().any(|candidate| roles.contains(candidate))
        };
        self.roles.iter().filter_map(move |(user, roles)| {
            let is_told = match &news.assignee {
                Some(assignee) => assignee == user,
                None => is_candidate(roles),
            };
            is_told.then_some(user)
        })
    }
}
