//! Screens: what their manifests say, what `apply` checks of them, and whom they are shown to.
//!
//! | file | subject |
//! |---|---|
//! | `spec` | what the manifest says |
//! | `read` | reads it, and says in which field it is wrong |
//! | `check` | holds it against what is declared: every name in it exists |
//! | `calls` | the same for the operations that its forms and actions call |
//! | `used` | what screens name, so that nothing of it goes away under them |
//! | `show` | the menu and the screen, for whoever asks |

mod calls;
pub(crate) mod check;
pub(crate) mod read;
pub(crate) mod show;
pub mod spec;
pub(crate) mod used;
