//! Lineage: what stands on what, as far as streams, views, metrics, KPIs and quality rules say it.
//!
//! | file | subject |
//! |---|---|
//! | `edges` | the edges of streams and views, and what stands behind a relation's name |
//! | `columns` | which columns reach which column of a view, found in the plan of its query |
//! | `measures` | the edges of metrics, KPIs and quality rules |

pub(crate) mod columns;
pub(crate) mod edges;
pub(crate) mod measures;
