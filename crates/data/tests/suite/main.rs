//! The engine behind the kernel, on a store in memory: what is promised to callers.

mod events;
mod hostile;
mod postgres;
mod streams;
mod support;
mod views;
