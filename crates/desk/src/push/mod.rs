//! Web Push: people are told of tasks on their phones while nobody looks at the console.
//!
//! A *subscription* says where a browser is told: an address of its push service, and the keys under which only that browser reads
//! what is sent (RFC 8291). The unit shows push services that it is the same sender each time (RFC 8292). A *notice* is one task for
//! one subscription: it waits in the store from the commit that has moved the cursor over the task until the commit that says what
//! became of it, so that nothing is left out over a crash, and only what was on its way then may be told twice.
//!
//! Nothing here reaches the network: a thread of the unit asks what is due, sends it, and records what came of that.

mod encrypt;
mod endpoint;
mod keys;
mod message;
mod news;
mod record;
mod store;
mod subscriptions;

pub use encrypt::encrypt;
pub use endpoint::{is_public, service_of};
pub use keys::{Commit, Pair};
pub use message::{Outgoing, outgoing};
pub use news::News;
pub use record::{Ended, Later, Outcome, Record, record_call};
pub use store::{Notice, Subscription, cursor, due, has_subscriptions, next_due, subscription};

pub(crate) use keys::{keep_key, show_key};
pub(crate) use record::{expose, record};
pub(crate) use store::{forget_credential, forget_user, found};
pub(crate) use subscriptions::{create, delete, list};

/// The topic that is notified when somebody subscribes.
pub const TOPIC: &str = "subscription";

/// The part of the unit that sends, and records what it has sent.
pub const PART: &str = "push";
