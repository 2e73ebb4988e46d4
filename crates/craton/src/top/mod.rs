//! `craton top`: what runs, as it changes. The state and its picture are plain; only `screen` knows a terminal.

mod screen;
mod state;
mod view;

pub use screen::watch;
pub use state::{Look, Top, Verb};
pub use view::text;
