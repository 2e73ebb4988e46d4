//! Who calls.

use base::Problem;
use serde::{Deserialize, Serialize};

/// Who calls, written as `user:ana`, `process:order-to-delivery`, `kpi:on-time`, `peer:UNIT`, `unit:timers` or `anonymous`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// A person, or a client that acts for itself with a token.
    User(String),
    /// A process definition, under the roles of its manifest.
    Process(String),
    /// A KPI that acts on a breach, under the roles of its manifest.
    Kpi(String),
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
            | Self::Peer(name)
            | Self::Unit(name) => name,
            Self::Anonymous => "anonymous",
        }
    }

    /// Returns the Cedar entity type.
    pub fn entity_type(&self) -> &'static str {
        match self {
            Self::User(_) => "User",
            Self::Process(_) => "Process",
            Self::Kpi(_) => "Kpi",
            Self::Peer(_) => "Peer",
            Self::Unit(_) => "Part",
            Self::Anonymous => "Anonymous",
        }
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Process(name) => write!(f, "process:{name}"),
            Self::Kpi(name) => write!(f, "kpi:{name}"),
            Self::Peer(name) => write!(f, "peer:{name}"),
            Self::Unit(name) => write!(f, "unit:{name}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        let name = |at: usize| text.get(at..).unwrap_or_default().to_owned();
        match text.split(':').next() {
            Some("user") => Ok(Self::User(name(5))),
            Some("process") => Ok(Self::Process(name(8))),
            Some("kpi") => Ok(Self::Kpi(name(4))),
            Some("peer") => Ok(Self::Peer(name(5))),
            Some("unit") => Ok(Self::Unit(name(5))),
            Some("anonymous") => Ok(Self::Anonymous),
            _ => Err(crate::Error::Principal { text }.into()),
        }
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}
