//! Replay: plays a market of orders to the three units of the example business and collects their answers.
//!
//! A [`market`] comes from the Olist data set ([`olist`]) or from a seed ([`generated`]). It becomes [`events`] in time, cut into
//! [`windows`] in which no order occurs twice. The [`driver`] hands them out window by window, with a thread for each
//! unit ([`unit`]), and asks every view of the schema `answers` for the [`report`].

mod command;
mod driver;
mod error;
mod events;
mod generated;
mod market;
mod olist;
mod report;
#[cfg(test)]
mod tests;
mod unit;
mod windows;

pub use command::{Replay, show};
pub use driver::{Options, Setback, Source, run, run_with};
pub use error::Error;
pub use report::Report;
pub use unit::UnitAddress;
