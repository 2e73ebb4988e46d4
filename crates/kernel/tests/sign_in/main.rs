//! People sign in: passwords, sessions, identity providers, and what ends when.

mod passwords;
mod provider;
mod providers;
mod revocations;
mod unit;
