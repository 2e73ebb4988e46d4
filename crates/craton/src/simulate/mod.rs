//! Fleets that are played: recorded series and made-up vans report to a unit as devices do, over MQTT, each with a token of its own.
//!
//! A [`fleet`] is a type with its streams, and series of readings; they come from recordings ([`nab`], [`skab`]) or are made up
//! ([`vans`]). What the unit has not yet is made ([`setup`]), then each device has a connection ([`door`]) on which its readings are
//! played in their time ([`drive`]), and where it hears what is wanted of it.

mod command;
mod door;
mod drive;
mod fleet;
mod nab;
mod setup;
mod skab;
mod vans;

pub use command::Simulate;
