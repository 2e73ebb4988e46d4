//! Lending: what other units read of a relation, as an offer says.
//!
//! [`plan`] makes the query out of names and conditions that were checked, never out of a text of somebody else: first the rows
//! that are lent, then the columns in the types that were agreed, then what is wanted of them. [`pager`] cuts the answer into
//! pages, [`run`] runs it within its limits. Who may read what under which contract is not the business of this room.

pub(crate) mod pager;
pub(crate) mod plan;
pub(crate) mod run;
