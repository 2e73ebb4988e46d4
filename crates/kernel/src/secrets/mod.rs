//! Secrets: values that are encrypted wherever they are written, used by name, and never shown.
//!
//! Each version of a value is sealed under a data key of its own; the data key is wrapped by the unit's secret key, which is
//! kept outside the store ([`KeySource`]). The store holds what is sealed, who set it and when, and a check of the secret key, by
//! which a wrong one is told at start. Engines get a value through [`crate::Kernel::secret`], which asks the policies.
//!
//! Invariants: no key of the unit and no value is ever part of a commit in clear; a value is bound to the unit, its name and its
//! version, so that no row can take the place of another.

mod engine;
mod error;
mod mask;
mod reference;
mod rotate;
mod seal;
mod vault;

pub(crate) use engine::Secrets;
pub use error::Error;
pub use mask::Masks;
pub use reference::{SecretRef, is_for};
pub use seal::{SecretKey, SecretValue};
pub use vault::{KeySource, verify};
pub(crate) use vault::{Vault, refuse_written};
