//! Who may use how much: quotas, what is over them, and what runs, on a store in memory and by a clock that only the test moves.

mod limits;
mod notes;
mod told;
