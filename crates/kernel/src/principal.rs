//! Who calls.

use base::Problem;
use serde::{Deserialize, Serialize};

/// Who calls, written as `user:ana`, `process:order-to-delivery`, `kpi:on-time`, `device:van-7`, `device_type:van`, `topic:line-states`,
/// `rule:too-warm`, `peer:UNIT`, `unit:timers` or `anonymous`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// A person, or a client that acts for itself with a token.
    User(String),
    /// A process definition, under the roles of its manifest.
    Process(String),
    /// A KPI that acts on a breach, under the roles of its manifest.
    Kpi(String),
    /// A thing that reports in, with a credential of its own, under the roles that its type gives to its devices.
    Device(String),
    /// A type of devices, which adds what its devices measure to streams, under the roles of its manifest.
    DeviceType(String),
    /// A topic of messages, which adds them to its stream, under the roles of its manifest.
    Topic(String),
    /// A rule over what devices measure, which acts under the roles of its manifest.
    Rule(String),
    /// Another unit, named by the hash of its root key.
    Peer(String),
    /// A part of this unit: timers, seals, retries.
    Unit(String),
    /// Somebody without a credential.
    Anonymous,
}

impl Principal {
    /// Returns the name without its type.
    pub fn name(&self) -> &str {
        match self {
            Self::User(name)
            | Self::Process(name)
            | Self::Kpi(name)
            | Self::Device(name)
            | Self::DeviceType(name)
            | Self::Topic(name)
            | Self::Rule(name)
            | Self::Peer(name)
            | Self::Unit(name) => name,
            Self::Anonymous => "anonymous",
        }
    }

    /// Returns the word before its name; of who is declared it is the kind of the resource.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Process(_) => "process",
            Self::Kpi(_) => "kpi",
            Self::Device(_) => "device",
            Self::DeviceType(_) => "device_type",
            Self::Topic(_) => "topic",
            Self::Rule(_) => "rule",
            Self::Peer(_) => "peer",
            Self::Unit(_) => "unit",
            Self::Anonymous => "anonymous",
        }
    }

    /// Returns the Cedar entity type.
    pub fn entity_type(&self) -> &'static str {
        match self {
            Self::User(_) => "User",
            Self::Process(_) => "Process",
            Self::Kpi(_) => "Kpi",
            Self::Device(_) => "Device",
            Self::DeviceType(_) => "DeviceType",
            Self::Topic(_) => "Topic",
            Self::Rule(_) => "Rule",
            Self::Peer(_) => "Peer",
            Self::Unit(_) => "Part",
            Self::Anonymous => "Anonymous",
        }
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => f.write_str(self.kind()),
            _ => write!(f, "{}:{}", self.kind(), self.name()),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        let (kind, name) = text.split_once(':').unwrap_or((text.as_str(), ""));
        let name = || name.to_owned();
        match kind {
            "user" => Ok(Self::User(name())),
            "process" => Ok(Self::Process(name())),
            "kpi" => Ok(Self::Kpi(name())),
            "device" => Ok(Self::Device(name())),
            "device_type" => Ok(Self::DeviceType(name())),
            "topic" => Ok(Self::Topic(name())),
            "rule" => Ok(Self::Rule(name())),
            "peer" => Ok(Self::Peer(name())),
            "unit" => Ok(Self::Unit(name())),
            "anonymous" => Ok(Self::Anonymous),
            _ => Err(crate::Error::Principal { text }.into()),
        }
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_read_as_it_is_written() {
        let all = [
            "user:acme/ana",
            "process:order:2",
            "kpi:on-time",
            "device:van-7",
            "device_type:van",
            "topic:line-states",
            "rule:too-warm",
            "peer:0a",
            "unit:timers",
            "anonymous",
        ];
        for text in all {
            let principal = Principal::try_from(text.to_owned()).expect("a principal");
            assert_eq!(principal.to_string(), text);
        }
        assert!(Principal::try_from("van:7".to_owned()).is_err());
    }
}
