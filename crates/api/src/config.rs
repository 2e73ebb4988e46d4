//! Limits of the doors: HTTP, and PostgreSQL's protocol.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Limits of the doors, with their defaults. Those of PostgreSQL's begin with `postgres_`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The largest body of a request in bytes.
    pub body_bytes_max: usize,
    /// Bytes of bodies that are held at the same time, over all requests; further ones wait. A body holds what has come of it, and four
    /// times as much at most.
    pub bodies_bytes_max: usize,
    /// Seconds in which a body must have arrived.
    pub body_seconds_max: u64,
    /// Seconds that a body may stand still while it arrives.
    pub body_stall_seconds_max: u64,
    /// The largest head of a request (request line and headers) in bytes; 8,192 at least.
    pub head_bytes_max: usize,
    /// Headers of one request.
    pub headers_max: usize,
    /// Seconds in which the head of a request must have arrived; also how long an idle connection is kept.
    pub head_seconds_max: u64,
    /// Seconds that a client may take no byte of an answer.
    pub write_stall_seconds_max: u64,
    /// Seconds that a TLS handshake may take.
    pub handshake_seconds_max: u64,
    /// Connections at the same time; further ones are refused with `http.busy`.
    pub connections_max: usize,
    /// Requests at the same time; further ones are refused with `http.busy`.
    pub requests_max: usize,
    /// Of the places for requests, reads, viewers and PostgreSQL's connections, and of the bytes of bodies: so many hundredths one caller may
    /// take. Who is not known yet is counted under his address; for reads all of them are one caller.
    pub principal_percent: usize,
    /// Reads that run at the same time, each on a thread; further ones wait.
    pub reads_max: usize,
    /// Streamed answers of which the next piece is made at the same time; further ones wait.
    pub streams_max: usize,
    /// Viewers that are told live what changes; further ones are refused with `http.busy`.
    pub viewers_max: usize,
    /// Topics that one viewer watches.
    pub viewer_topics_max: usize,
    /// Seconds that requests under way may take when the server stops.
    pub drain_seconds_max: u64,
    /// Whether `GET /metrics` answers anybody on this machine. Behind a proxy on this machine that is everybody whom it lets through.
    pub metrics_open_on_loopback: bool,
    /// Connections of PostgreSQL's clients at the same time; further ones are refused with `postgres.busy`.
    pub postgres_connections_max: usize,
    /// Statements of PostgreSQL's clients that run at the same time, each on a thread; further ones wait.
    pub postgres_queries_max: usize,
    /// Seconds in which a client of PostgreSQL must have signed in.
    pub postgres_sign_in_seconds_max: u64,
    /// Seconds that a session of PostgreSQL may be idle.
    pub postgres_idle_seconds_max: u64,
    /// The largest message of a client of PostgreSQL in bytes.
    pub postgres_message_bytes_max: usize,
    /// Prepared statements of one session of PostgreSQL.
    pub postgres_statements_max: usize,
    /// Portals and cursors of one session of PostgreSQL.
    pub postgres_cursors_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            body_bytes_max: 8 << 20,
            bodies_bytes_max: 64 << 20,
            body_seconds_max: 120,
            body_stall_seconds_max: 10,
            head_bytes_max: 32 << 10,
            headers_max: 100,
            head_seconds_max: 15,
            write_stall_seconds_max: 30,
            handshake_seconds_max: 10,
            connections_max: 1_024,
            requests_max: 512,
            principal_percent: 75,
            reads_max: 128,
            streams_max: 64,
            viewers_max: 1_024,
            viewer_topics_max: 64,
            drain_seconds_max: 10,
            metrics_open_on_loopback: false,
            postgres_connections_max: 256,
            postgres_queries_max: 32,
            postgres_sign_in_seconds_max: 15,
            postgres_idle_seconds_max: 86_400,
            postgres_message_bytes_max: 8 << 20,
            postgres_statements_max: 1_000,
            postgres_cursors_max: 100,
        }
    }
}

impl Config {
    pub(crate) fn body_time_max(&self) -> Duration {
        Duration::from_secs(self.body_seconds_max)
    }

    pub(crate) fn body_stall_max(&self) -> Duration {
        Duration::from_secs(self.body_stall_seconds_max)
    }

    pub(crate) fn head_time_max(&self) -> Duration {
        Duration::from_secs(self.head_seconds_max)
    }

    pub(crate) fn write_stall_max(&self) -> Duration {
        Duration::from_secs(self.write_stall_seconds_max)
    }

    pub(crate) fn handshake_time_max(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds_max)
    }

    pub(crate) fn drain_time_max(&self) -> Duration {
        Duration::from_secs(self.drain_seconds_max)
    }

    pub(crate) fn postgres_sign_in_time_max(&self) -> Duration {
        Duration::from_secs(self.postgres_sign_in_seconds_max)
    }

    pub(crate) fn postgres_idle_time_max(&self) -> Duration {
        Duration::from_secs(self.postgres_idle_seconds_max)
    }
}
