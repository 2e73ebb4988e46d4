//! The example business: three units made in a folder, started, introduced to each other and bound by contracts.

mod command;
mod market;
mod violence;

pub use command::{Demo, folder};
pub use market::Market;
pub use violence::Violence;
