//! MQTT 3.1.1 and 5 as they are spoken on one connection: the wire format, its strictness, and a machine without I/O.
//!
//! Only `codec.rs` names the crate that decodes. Nothing here opens a socket, reads a clock, asks for rights or keeps a row.

mod codec;
mod frame;
mod machine;
mod packet;
mod publish_out;
pub mod strict;
mod varint;

#[cfg(test)]
mod tests;

pub use codec::{Codec, Connack, Refusal};
pub use machine::{
    Accepted, Act, Delivery, Held, Left, Limits, Machine, Outcome, Outgoing, Place, Stage, Target,
    Targets,
};
pub use packet::{
    AckKind, Connect, Packet, Properties, Publish, Qos, SubscribeTo, Version, Will, reason,
};
pub use publish_out::{Encoded, Head};
