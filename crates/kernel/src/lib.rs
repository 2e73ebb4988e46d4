//! The only way in: authenticate, find, authorise, admit, run, commit.
//!
//! Every door makes a [`Call`] and hands it to the [`Kernel`]. Reads run on the caller's thread over a snapshot. Whatever
//! changes something runs on the one thread that owns the partition's [`Writer`]; calls that arrive while a commit is on
//! its way to the disk share the next one. Engines plug in through [`Engine`]; none knows another.

mod admit;
mod apply;
mod asked;
mod audit;
mod batch;
mod bucket;
mod config;
mod ending;
mod engine;
mod error;
mod excerpt;
mod filter;
mod handle;
mod holders;
mod kernel;
mod lending;
mod levels;
mod lineage;
mod live;
mod log;
mod manifest;
mod memory;
mod metrics;
mod operation;
mod policy;
mod principal;
mod queue;
mod quota;
mod read;
mod relation;
mod resource;
mod running;
mod scram;
pub mod secrets;
mod sign_in;
mod space;
mod system;
mod token;
mod trace;
mod tx;
mod usage;
mod works;
mod writer;

pub use apply::{Declared, declare_as, declare_one, may_grant, withdraw};
pub use asked::{AskedPolicy, asked_policies};
pub use bucket::Rate;
pub use config::Config;
pub use ending::Ending;
pub use engine::{Engine, Found, KindOf, Signed};
pub use error::Error;
pub use excerpt::{Excerpt, Excerpts, Through};
pub use filter::{Comparison, Filter, Weight};
pub use handle::{Handle, spawn};
pub use kernel::{Credential, Identity, Kernel, Parts, Stamp};
pub use lending::{Lending, LentColumn, Open, Page, Pages};
pub use levels::Promise;
pub use lineage::{Edge, End, How, edges_at};
pub use live::{Listener, Live, Site, View};
pub use log::{Age, FORMAT_ROWS, forget_old, rows, rows_from};
pub use manifest::{Manifest, Metadata, documents};
pub use memory::{Memory, Part, Reserved};
pub use metrics::{Counter, DoorName, Exposition, Histogram, Meters, Sample, Traffic};
pub use operation::{
    Address, Body, Call, DecideMany, Handler, Operation, Prepared, Reply, Right, Target, alone,
    decide, many, operation, read,
};
pub use policy::{Decision, Reach};
pub use principal::Principal;
pub use quota::{Limits, QueryLimits};
pub use read::{Read, Reader};
pub use relation::{Cell, Column, ColumnType, Relation, Rows, Scan};
pub use resource::{Resource, ResourceRef};
pub use running::{Act, Give, Running, Signal, Wanted};
pub use scram::{Challenge, Proof, SignedIn};
pub use sign_in::{Session, Web, WebRequest, WebResponse, sessions_ended};
pub use space::key;
pub use token::{Token, certificate_hash};
pub use trace::{Batch, Span, SpanId, SpanKind, Trace, TraceId, Tracer};
pub use tx::Tx;
pub use works::{Work, Works};
pub use writer::Writer;
