//! The HTTP door seen from outside.

mod doors;
mod requests;
mod support;
mod tls;
