//! The engine behind the kernel, on a store in memory: what is promised to callers.

mod events;
mod hidden;
mod hostile;
mod rights;
mod streams;
mod support;
mod views;
