//! Materialised views: what a view came to is kept, and only what its stream got since is added when it is asked for.
//!
//! A view is kept up by the commits that change its stream where its query takes the rows one by one (filters, joins to tables that stand
//! still meanwhile) and at most groups them then. What is kept is then not the answer but what DataFusion's partial aggregation leaves,
//! so that new rows are added to it exactly. Such a view always stands at the last commit. Other views say how often they are
//! refreshed (`every`), and stand at the commit of the last refresh.
//!
//! | file | subject |
//! |---|---|
//! | `shape` | which queries can be kept up, and from which stream |
//! | `graft` | puts what is kept into the plan of the rest |
//! | `table` | the view as a table of DataFusion |
//! | `refresh` | makes and renews what is kept |
//! | `rows` | runs a renewal on the threads of the queries |
//! | `state` | what the store holds of it |

pub(crate) mod graft;
pub(crate) mod refresh;
mod rows;
pub(crate) mod shape;
pub(crate) mod state;
pub(crate) mod table;
