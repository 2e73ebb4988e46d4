//! The example business: three units made in a folder, started, introduced to each other and bound by contracts.

mod command;
mod market;
mod setback;
mod stage;
mod violence;

pub use command::Demo;
pub use setback::play_with_setback;
pub use stage::{Place, play};
pub use violence::Kills;
