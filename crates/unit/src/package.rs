//! What the command line needs of the rooms below to look at a package without a unit: the signature and the policies.

pub use exchange::{PackageSignature, Stated};
pub use kernel::{AskedPolicy, asked_policies};
