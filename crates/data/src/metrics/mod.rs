//! Metrics and KPIs: numbers that are defined once, and targets that act when they are missed.
//!
//! A metric is a query that is made from its manifest: SQL sees it as `metrics.NAME`. A KPI sets a target for one. When a
//! window has closed the commit notes it; the query runs elsewhere, over a snapshot; what came out is recorded in one
//! commit, together with the call that starts a process for each breach.

pub(crate) mod ask;
pub(crate) mod check;
pub(crate) mod compute;
pub(crate) mod explain;
pub(crate) mod kpi;
pub(crate) mod metric;
pub(crate) mod operations;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod relations;
pub(crate) mod show;
pub(crate) mod shown;
pub(crate) mod spec;
pub(crate) mod sql;
pub(crate) mod window;
pub(crate) mod wire;
