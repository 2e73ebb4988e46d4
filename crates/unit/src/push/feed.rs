//! What there is to tell: the process engine's list of tasks that have come or were given to somebody.

use base::Problem;
use desk::push::News;
use kernel::Read;
use process::assignments;

/// The topic of commits after which there may be news.
pub(crate) const TOPIC: &str = assignments::TOPIC;

/// News in order. Real: those of tasks. In tests: made ones.
pub(crate) trait Feed: Send + Sync {
    /// Returns the news behind a number, the oldest first, so many at most.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn since(&self, read: &dyn Read, after: u64, limit: usize) -> Result<Vec<News>, Problem>;

    /// Returns the number of the last news, 0 where there are none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn last(&self, read: &dyn Read) -> Result<u64, Problem>;
}

/// News of tasks.
pub(crate) struct Tasks;

impl Feed for Tasks {
    fn since(&self, read: &dyn Read, after: u64, limit: usize) -> Result<Vec<News>, Problem> {
        let found = assignments::since(read, after, limit)?;
        let news = found.into_iter().map(|assignment| News {
            number: assignment.number,
            task: assignment.task,
            title: assignment.title,
            process: assignment.process,
            assignee: assignment.assignee,
            candidates: assignment.candidates,
            due: assignment.due,
        });
        Ok(news.collect())
    }

    fn last(&self, read: &dyn Read) -> Result<u64, Problem> {
        assignments::last(read)
    }
}
