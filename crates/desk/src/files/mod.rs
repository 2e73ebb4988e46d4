//! Files that people add to forms: photos, documents. A file is named by the SHA-256 hash of its bytes, so that the same bytes are one
//! file, and whoever holds them can show that they are those of the name.
//!
//! Bytes lie in the store, in pieces, in the commit that names the file: what was acknowledged is there, and a backup, a standby
//! and a check of the store have it without doing anything for it. Nothing of them is changed on the way in or out.
//!
//! | file | subject |
//! |---|---|
//! | `media` | what a file is, by its first bytes |
//! | `state` | the keys of a file, and how they are read and written |
//! | `keep` | adding, showing, reading and deleting a file |
//! | `forget` | letting go of what is old |
//! | `verify` | contradictions between what is stored of files |

mod forget;
pub(crate) mod keep;
pub(crate) mod media;
pub(crate) mod state;
mod verify;
