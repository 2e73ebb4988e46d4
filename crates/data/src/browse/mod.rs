//! The catalogue as pages show it: which relations somebody may see, what is known of each, and the names that an editor completes.
//!
//! | file | subject |
//! |---|---|
//! | `place` | what stands behind a name: its kind, its resource, what it is for |
//! | `columns` | the columns of a relation, remembered for an epoch |
//! | `state` | how a relation stands: rows, the newest row, what its quality rules found |
//! | `list`, `get`, `names` | a page of relations, one of them, and names for completion |

pub(crate) mod columns;
mod get;
mod list;
mod names;
pub(crate) mod operations;
mod place;
mod state;
