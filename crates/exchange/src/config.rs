//! Limits of the exchange.

use serde::{Deserialize, Serialize};

/// Limits of the exchange, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How old a signature over a request may be by the wall clock, in seconds.
    pub signature_age_seconds_max: i64,
    /// How far a signature over a request may lie in the future, in seconds: the clocks of two units differ a little.
    pub signature_ahead_seconds_max: i64,
    /// Nonces that are remembered. When they are more, the oldest of the peer that has most go.
    pub nonces_max: usize,
    /// Nonces of one peer that are remembered. When they are more, the oldest go, and requests of this peer as old as they are refused.
    pub nonces_each_max: usize,
    /// Messages in one request to a peer.
    pub batch_messages_max: usize,
    /// Bytes of messages in one request to a peer.
    pub batch_bytes_max: usize,
    /// Messages that wait for one peer. Further calls to it are refused with `exchange.limit`.
    pub outbox_messages_max: u64,
    /// Messages that a peer has acknowledged and that may still stand in the outbox before they are cleared out.
    pub acknowledged_messages_max: u64,
    /// How long a link is quiet before acknowledged messages are cleared out, in milliseconds.
    pub acknowledged_idle_ms: u64,
    /// The first pause after a failed request to a peer, in milliseconds; it doubles with each further one.
    pub retry_ms_min: u64,
    /// The longest pause after failed requests, in milliseconds.
    pub retry_ms_max: u64,
    /// Open calls under one contract.
    pub calls_open_max: u64,
    /// Bytes of the input of one call, and of its answer.
    pub call_bytes_max: usize,
    /// How long the card of a peer is not fetched again, in milliseconds, whoever shows a key of it that is not known.
    pub card_pull_ms_min: u64,
    /// Signing keys of this unit, those that have ended included.
    pub signing_keys_max: usize,
    /// Contracts that a peer may have proposed and that are not decided.
    pub proposals_max: usize,
    /// Offers under one contract.
    pub offers_max: usize,
    /// Receipts under one signature.
    pub receipts_batch_max: usize,
    /// How long receipts may stay without the consumer's signature before new calls are refused, in seconds.
    pub receipt_age_seconds_max: i64,
    /// How long a provider keeps the answers it gave, in seconds: a consumer that was restored from a backup is told them again.
    pub answers_seconds_max: i64,
    /// How long a unit that was restored waits for peers that do not answer before it takes calls without them, in seconds.
    pub reconcile_seconds_max: u64,
    /// Bytes of one page of what a peer that was restored asks for.
    pub recall_bytes: usize,
    /// Rows that one query may read of a relation that is lent, by this unit or to it.
    pub lent_rows_max: usize,
    /// Fetches that a peer may have open under one contract; one that is not closed counts until its time is up.
    pub fetches_open_max: u64,
    /// Fetches of all peers that go on at the same time; each holds one of the places for queries.
    pub fetches_running_max: usize,
    /// Fetches of one peer that go on at the same time.
    pub fetches_running_each_max: usize,
    /// How long a peer may take for one fetch, in milliseconds.
    pub fetch_ms_max: u64,
    /// How long a page is made before it goes as it is, in milliseconds: a revocation counts from the next page on.
    pub page_ms: u64,
    /// Rows of a page, at most.
    pub page_rows_max: usize,
    /// Bytes from which on a page is full.
    pub page_bytes: usize,
    /// How deeply a condition of a peer may nest.
    pub filter_depth_max: usize,
    /// Comparisons and listed values of a condition of a peer.
    pub filter_terms_max: usize,
    /// Bytes of the values in a condition of a peer.
    pub filter_bytes_max: usize,
    /// Bytes of one answer of a peer.
    pub response_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            signature_age_seconds_max: 300,
            signature_ahead_seconds_max: 30,
            nonces_max: 200_000,
            nonces_each_max: 50_000,
            batch_messages_max: 1_000,
            batch_bytes_max: 1 << 20,
            outbox_messages_max: 1_000_000,
            acknowledged_messages_max: 1_000,
            acknowledged_idle_ms: 200,
            retry_ms_min: 50,
            retry_ms_max: 10_000,
            calls_open_max: 1_000_000,
            call_bytes_max: 256 << 10,
            card_pull_ms_min: 30_000,
            signing_keys_max: 100,
            proposals_max: 100,
            offers_max: 100,
            receipts_batch_max: 1_000,
            receipt_age_seconds_max: 86_400,
            answers_seconds_max: 1_209_600,
            reconcile_seconds_max: 300,
            recall_bytes: 1 << 20,
            lent_rows_max: 10_000_000,
            fetches_open_max: 32,
            fetches_running_max: 8,
            fetches_running_each_max: 4,
            fetch_ms_max: 60_000,
            page_ms: 400,
            page_rows_max: 16_384,
            page_bytes: 1 << 20,
            filter_depth_max: 8,
            filter_terms_max: 10_000,
            filter_bytes_max: 1 << 20,
            response_bytes_max: 64 << 20,
        }
    }
}
