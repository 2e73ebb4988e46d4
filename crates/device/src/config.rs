//! Limits of things: of connections, messages, sessions, twins, commands and rules.

use serde::{Deserialize, Serialize};

/// Limits of things, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// MQTT connections of all clients.
    pub connections_max: usize,
    /// MQTT connections of one principal.
    pub connections_principal_max: usize,
    /// Seconds that a connection may take until it has said who it is.
    pub connect_seconds_max: u64,
    /// Bytes of one MQTT packet.
    pub packet_bytes_max: u32,
    /// Publishes of one connection that wait for their acknowledgement; MQTT 5 clients are told.
    pub receive_max: u16,
    /// Calls of one connection that are under way.
    pub calls_in_flight_max: usize,
    /// Publishes that go into one call.
    pub publish_messages_max: usize,
    /// Bytes of the publishes that go into one call.
    pub publish_bytes_max: usize,
    /// The longest keep alive in seconds; MQTT 5 clients that ask for none get this one.
    pub keep_alive_seconds_max: u16,
    /// Topic aliases that a client may use.
    pub topic_aliases_max: u16,
    /// Bytes of a topic name or filter.
    pub topic_bytes_max: usize,
    /// Levels of a topic name or filter.
    pub topic_levels_max: usize,
    /// Bytes of the properties of one message.
    pub properties_bytes_max: usize,
    /// Subscriptions of one session.
    pub subscriptions_session_max: usize,
    /// Filters of one SUBSCRIBE or UNSUBSCRIBE.
    pub packet_filters_max: usize,
    /// Hours for which a session is kept whose client is away.
    pub session_hours_max: u32,
    /// Messages that wait for a client that is away; the oldest make way.
    pub session_messages_max: u64,
    /// Bytes of the messages that wait for a client that is away, estimated.
    pub session_bytes_max: u64,
    /// Messages that wait in memory for a client that is there.
    pub live_messages_max: usize,
    /// Bytes of the messages that wait in memory for a client that is there.
    pub live_bytes_max: usize,
    /// Messages by which a client that is there may be behind.
    pub lag_messages_max: u64,
    /// Retained messages.
    pub retained_max: u64,
    /// Bytes of all retained messages.
    pub retained_bytes_max: u64,
    /// Bytes of the log of messages that wait for somebody.
    pub messages_bytes_max: u64,
    /// Hours for which a message waits.
    pub messages_hours_max: u32,
    /// Topics of which it is remembered who hears them.
    pub audiences_max: usize,
    /// Bytes of a will.
    pub will_bytes_max: usize,
    /// Messages a second of one device, where its type does not say.
    pub device_messages_second_max: u64,
    /// Bytes a second of one device, where its type does not say.
    pub device_bytes_second_max: u64,
    /// Messages a second of one user.
    pub user_messages_second_max: u64,
    /// Bytes a second of one user.
    pub user_bytes_second_max: u64,
    /// Messages a second of all clients.
    pub messages_second_max: u64,
    /// Bytes of the payload of telemetry or an event.
    pub payload_bytes_max: usize,
    /// Rows of one message.
    pub rows_message_max: usize,
    /// Seconds by which a device's clock may differ before that is recorded.
    pub clock_skew_seconds_max: u32,
    /// Bytes of one side of a twin.
    pub twin_bytes_max: usize,
    /// Versions of one side of a twin that are kept.
    pub twin_versions_max: u64,
    /// Days for which versions of a twin are kept, in business time.
    pub twin_days: u32,
    /// Events of one device that are kept.
    pub device_events_max: u64,
    /// Groups of one device.
    pub groups_max: usize,
    /// Rows of one page of a list.
    pub list_max: usize,
    /// Devices that a list looks at for one page.
    pub list_looks_max: usize,
    /// Milliseconds that a call may wait for commands, events or desired state.
    pub pending_wait_ms_max: u64,
    /// Commands of one device that are open.
    pub commands_open_device_max: usize,
    /// Bytes of what goes with a command, and of its answer.
    pub command_bytes_max: usize,
    /// Days for which commands that have ended are kept, in business time.
    pub command_days: u32,
    /// Rows that rules look at in one turn.
    pub rules_rows_max: usize,
    /// Bytes of one rule.
    pub rule_bytes_max: usize,
    /// Readings of one device that a rule remembers.
    pub rule_window_max: usize,
    /// Seconds by which a row may be ahead of its arrival and still be judged.
    pub rule_ahead_seconds_max: u32,
    /// How often an action of a rule is tried again.
    pub action_retries_max: u32,
    /// Days for which crossings are kept, in business time; for ever where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossings_days: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_principal_max: 100,
            connect_seconds_max: 10,
            packet_bytes_max: 256 << 10,
            receive_max: 1_000,
            calls_in_flight_max: 4,
            publish_messages_max: 64,
            publish_bytes_max: 256 << 10,
            keep_alive_seconds_max: 3_600,
            topic_aliases_max: 100,
            topic_bytes_max: 1_024,
            topic_levels_max: 16,
            properties_bytes_max: 8 << 10,
            subscriptions_session_max: 1_000,
            packet_filters_max: 256,
            session_hours_max: 30 * 24,
            session_messages_max: 10_000,
            session_bytes_max: 64 << 20,
            live_messages_max: 1_000,
            live_bytes_max: 1 << 20,
            lag_messages_max: 1_000_000,
            retained_max: 100_000,
            retained_bytes_max: 256 << 20,
            messages_bytes_max: 1 << 30,
            messages_hours_max: 30 * 24,
            audiences_max: 50_000,
            will_bytes_max: 64 << 10,
            device_messages_second_max: 1_000,
            device_bytes_second_max: 1 << 20,
            user_messages_second_max: 100_000,
            user_bytes_second_max: 64 << 20,
            messages_second_max: 200_000,
            payload_bytes_max: 64 << 10,
            rows_message_max: 1_000,
            clock_skew_seconds_max: 300,
            twin_bytes_max: 32 << 10,
            twin_versions_max: 1_000,
            twin_days: 400,
            device_events_max: 1_000,
            groups_max: 32,
            list_max: 1_000,
            list_looks_max: 5_000,
            pending_wait_ms_max: 30_000,
            commands_open_device_max: 1_000,
            command_bytes_max: 64 << 10,
            command_days: 90,
            rules_rows_max: 4_096,
            rule_bytes_max: 1 << 20,
            rule_window_max: 512,
            rule_ahead_seconds_max: 3_600,
            action_retries_max: 5,
            crossings_days: None,
        }
    }
}
