//! The whole engine over a store in memory.
