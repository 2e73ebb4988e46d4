//! A unit lends tables and views to another: real engines on both sides, in one process, with a network between them that does
//! as it is told.

mod catalogue;
mod pushdown;
mod reading;
mod world;
