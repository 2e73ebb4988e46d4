//! Streams: what their manifests say, how rows are checked, stored, read and decoded.

pub(crate) mod append;
pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod chunk;
pub(crate) mod decimal;
pub(crate) mod decode;
pub(crate) mod event;
pub(crate) mod instant;
pub(crate) mod latest;
pub(crate) mod marks;
pub(crate) mod object;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod tail;
