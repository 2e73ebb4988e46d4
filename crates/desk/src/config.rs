//! Limits of the desk.

use serde::{Deserialize, Serialize};

/// Limits of the desk, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Parts of one screen.
    pub parts_max: usize,
    /// Columns or fields of one part, actions of one part, parameters of one screen.
    pub columns_max: usize,
    /// Bytes of one file that somebody adds to a form.
    pub file_bytes_max: usize,
    /// Bytes of all files that one user added.
    pub files_user_bytes_max: u64,
    /// Bytes of all files of the unit.
    pub files_bytes_max: u64,
    /// Days for which files are kept, in wall time; for ever where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_days: Option<u32>,
    /// Browsers of one user that are told of tasks; the one that was there longest ago makes way.
    pub push_subscriptions_user_max: usize,
    /// Browsers of all users that are told of tasks.
    pub push_subscriptions_max: u64,
    /// Browsers that are told of one task.
    pub push_subscriptions_task_max: usize,
    /// Days after which a browser whose page was not opened is told no more.
    pub push_days: u32,
    /// Minutes for which news of a task are worth telling.
    pub push_minutes: u32,
    /// News that wait for one browser's push service; the oldest make way.
    pub push_waiting_subscription_max: usize,
    /// News that wait for all push services.
    pub push_waiting_max: u64,
    /// Push services that are sent to at the same time.
    pub push_services_max: usize,
    /// Milliseconds that a push service may take for one message.
    pub push_answer_ms_max: u64,
    /// Where push services reach somebody who answers for the unit, `mailto:it@shop.example` or an https address; the unit's address
    /// where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_contact: Option<String>,
    /// Hosts of push services on this machine or in a private network, `HOST` or `HOST:PORT`; no others there are sent to.
    pub push_hosts_private: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            parts_max: 50,
            columns_max: 50,
            file_bytes_max: 5 << 20,
            files_user_bytes_max: 2 << 30,
            files_bytes_max: 16 << 30,
            files_days: None,
            push_subscriptions_user_max: 10,
            push_subscriptions_max: 10_000,
            push_subscriptions_task_max: 100,
            push_days: 60,
            push_minutes: 24 * 60,
            push_waiting_subscription_max: 50,
            push_waiting_max: 10_000,
            push_services_max: 8,
            push_answer_ms_max: 10_000,
            push_contact: None,
            push_hosts_private: Vec::new(),
        }
    }
}
