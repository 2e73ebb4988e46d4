//! Rows and columns that a role hides: what a principal sees of a relation, cut directly over the scan.
//!
//! A role's manifest lists excerpts of relations. [`decide`] says which of them count for a principal, [`excerpt`] makes one
//! plan of them, [`table`] stands between a query and the rows so that nothing crosses but what is shown, [`check`] refuses
//! manifests that cannot work. Whoever has no excerpt meets none of this.

pub(crate) mod check;
pub(crate) mod decide;
pub(crate) mod excerpt;
pub(crate) mod expression;
pub(crate) mod mask;
pub(crate) mod table;

pub(crate) use decide::Named;
pub(crate) use excerpt::Excerpt;
pub(crate) use table::ExcerptTable;
