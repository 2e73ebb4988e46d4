//! What people sit before: screens that an application declares, files that people add to forms, notifications.
//!
//! A *screen* is a page of the console and the phone that an application declares in its folder: lists, details, charts and forms
//! over queries and operations. It gives no right: what its parts ask for is asked for by whoever looks, under his own roles. A
//! *file* is a photo or a document that somebody added to a form; its name is the hash of its bytes.
//!
//! Invariants: a screen that is applied names nothing that does not exist; the bytes of a file are in the commit that names it,
//! and never change.
//!
//! | files | subject |
//! |---|---|
//! | `screens/` | manifests of screens, checked and shown |
//! | `files/` | files of forms |
//! | `application` | to which application something belongs |
//! | `relations`, `lineage` | what SQL and `craton lineage` see |
//! | `engine`, `operations`, `config`, `error` | the desk as the kernel sees it, what can be done with it, its limits, why it refuses |
//! | `push/` | who is told of tasks by Web Push: subscriptions, notices, encryption |

mod application;
mod config;
mod engine;
mod error;
mod files;
mod lineage;
mod operations;
pub mod push;
mod relations;
mod screens;

pub use config::Config;
pub use engine::Desk;
pub use error::Error;
pub use screens::spec;
