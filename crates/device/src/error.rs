//! Why the fleet refuses or fails.

use base::{Code, Explain, Kind, Place};

/// Why the fleet refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A type of devices that cannot work.
    #[error("device type `{name}`: {reason}")]
    Type {
        /// The name.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// Devices or streams hang on a type.
    #[error("device type `{name}` is used by {by}")]
    TypeInUse {
        /// The name.
        name: String,
        /// By what.
        by: String,
    },
    /// A device that cannot be.
    #[error("device `{name}`: {reason}")]
    Device {
        /// The name.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A device that was switched off.
    #[error("device `{name}` is disabled")]
    Disabled {
        /// The name.
        name: String,
    },
    /// A channel or an event that the device's type does not have.
    #[error("device `{device}` has no channel `{channel}`")]
    Channel {
        /// The device.
        device: String,
        /// What was asked for.
        channel: String,
        /// The nearest one.
        nearest: Option<String>,
    },
    /// Something that follows from a change is not done yet.
    #[error("{what} is not done yet")]
    NotYet {
        /// What.
        what: String,
    },
    /// What was given as a certificate is none, or stands for another device.
    #[error("the certificate cannot be used: {reason}")]
    Certificate {
        /// Why.
        reason: String,
    },
    /// Something that a twin cannot hold.
    #[error("property `{name}`: {reason}")]
    Property {
        /// The property.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// The desired state has another version by now.
    #[error("the desired state is of version {version} by now")]
    TwinConflict {
        /// The version.
        version: u64,
    },
    /// A twin that would be too large.
    #[error("one side of a twin has {limit} bytes at most")]
    TwinTooLarge {
        /// The limit.
        limit: usize,
    },
    /// A command that cannot be given.
    #[error("{reason}")]
    Command {
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// No such command.
    #[error("command `{number}` does not exist")]
    CommandNotFound {
        /// What was asked for.
        number: String,
    },
    /// A command that is over.
    #[error("the command is over: {state}")]
    CommandOver {
        /// How it ended.
        state: String,
    },
    /// A command whose deadline has passed.
    #[error("command `{command}` was not answered in time")]
    Expired {
        /// Its name in the type.
        command: String,
    },
    /// A command that the device could not carry out.
    #[error("the device could not do `{command}`: {reason}")]
    Failed {
        /// Its name in the type.
        command: String,
        /// What the device said.
        reason: String,
    },
    /// A topic that cannot be declared.
    #[error("topic `{name}`: {reason}")]
    Topic {
        /// The name.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A stream hangs on a topic.
    #[error("topic `{name}` is used by {by}")]
    TopicInUse {
        /// The name.
        name: String,
        /// By what.
        by: String,
    },
    /// The name of a topic, or a filter, that MQTT does not allow.
    #[error("`{topic}` cannot be used as a topic: {reason}")]
    TopicName {
        /// What was written.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// Nobody has declared it.
    #[error("no topic is declared for `{topic}`")]
    NoTopic {
        /// What was asked for.
        topic: String,
    },
    /// A payload that says nothing.
    #[error("the payload cannot be used: {reason}")]
    Payload {
        /// Why not.
        reason: String,
    },
    /// A message that is too large.
    #[error("the message has more than {limit} bytes")]
    MessageTooLarge {
        /// The limit.
        limit: usize,
    },
    /// There is no room for more.
    #[error("there are {limit} {what}, and no more")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// No such session, or another's, or one that another connection has taken over.
    #[error("the session does not exist")]
    SessionNotFound,
    /// A client that does not keep to the protocol.
    #[error("{reason}")]
    Protocol {
        /// What it did.
        reason: String,
    },
    /// A connection to a unit that broke.
    #[error("the connection broke: {reason}")]
    Connection {
        /// Why.
        reason: String,
    },
    /// A rule that cannot work.
    #[error("rule `{name}`: {reason}")]
    Rule {
        /// The name.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A defect.
    #[error("something went wrong inside: {detail}")]
    Internal {
        /// For the log.
        detail: String,
    },
}

impl Error {
    /// Returns the error of something that cannot be, which is a defect.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal { detail: error.to_string() }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Type { .. } => Code("device_type.invalid", Kind::Invalid),
            Self::TypeInUse { .. } => Code("device_type.in_use", Kind::Conflict),
            Self::Device { .. } => Code("device.invalid", Kind::Invalid),
            Self::Disabled { .. } => Code("device.disabled", Kind::Forbidden),
            Self::Channel { .. } => Code("device.channel", Kind::NotFound),
            Self::NotYet { .. } => Code("device.not_yet", Kind::Unavailable),
            Self::Certificate { .. } => Code("device.certificate", Kind::Invalid),
            Self::Property { .. } => Code("twin.invalid", Kind::Invalid),
            Self::TwinConflict { .. } => Code("twin.conflict", Kind::Conflict),
            Self::TwinTooLarge { .. } => Code("twin.too_large", Kind::Invalid),
            Self::Command { .. } => Code("command.invalid", Kind::Invalid),
            Self::CommandNotFound { .. } => Code("command.not_found", Kind::NotFound),
            Self::CommandOver { .. } => Code("command.ended", Kind::Conflict),
            // Nobody knows whether the device has done it: a process that waits for it does not give it again by itself.
            Self::Expired { .. } => Code("command.expired", Kind::Conflict),
            Self::Failed { .. } => Code("command.failed", Kind::Conflict),
            Self::Topic { .. } => Code("topic.invalid", Kind::Invalid),
            Self::TopicInUse { .. } => Code("topic.in_use", Kind::Conflict),
            Self::TopicName { .. } => Code("topic.name", Kind::Invalid),
            Self::NoTopic { .. } => Code("topic.not_found", Kind::NotFound),
            Self::Payload { .. } => Code("message.payload", Kind::Invalid),
            Self::MessageTooLarge { .. } => Code("message.too_large", Kind::Invalid),
            Self::Full { .. } => Code("mqtt.limit", Kind::Exhausted),
            Self::SessionNotFound => Code("mqtt_session.not_found", Kind::NotFound),
            Self::Protocol { .. } => Code("mqtt.protocol", Kind::Invalid),
            Self::Connection { .. } => Code("mqtt.connection", Kind::Unavailable),
            Self::Rule { .. } => Code("rule.invalid", Kind::Invalid),
            Self::Internal { .. } => Code("device.internal", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Type { hint, .. }
            | Self::Device { hint, .. }
            | Self::Property { hint, .. }
            | Self::Command { hint, .. }
            | Self::Topic { hint, .. }
            | Self::Rule { hint, .. } => hint.clone(),
            Self::Channel { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::Channel { nearest: None, .. } => {
                Some("the type of the device lists its channels and events".into())
            }
            Self::TypeInUse { .. } | Self::TopicInUse { .. } => {
                Some("change that first, or apply both together".into())
            }
            Self::Disabled { name } => {
                Some(format!("`craton device update {name} --disabled false` lets it in"))
            }
            Self::NotYet { .. } => Some("ask again in a moment".into()),
            Self::Certificate { .. } => {
                Some("give the certificate as PEM, or its fingerprint as `sha256:HEX`".into())
            }
            Self::TwinConflict { .. } => {
                Some("look at the twin again, or leave `version` away".into())
            }
            Self::TwinTooLarge { .. } => {
                Some("what grows is telemetry; or raise `twin_bytes_max`".into())
            }
            Self::CommandNotFound { .. } => Some("`command.list` shows what there is".into()),
            Self::CommandOver { .. } => Some("give the command again".into()),
            Self::Expired { .. } => {
                Some("the device was away, or said nothing: give it a later deadline".into())
            }
            Self::Failed { .. } => Some("`device.events` shows what the device said before".into()),
            Self::TopicName { .. } => {
                Some("levels are parted by `/`; `+` and `#` stand in filters only".into())
            }
            Self::NoTopic { .. } => {
                Some("declare a Topic whose filter fits, or write below `devices/NAME/`".into())
            }
            Self::Payload { .. } => Some("send a JSON object, or a list of objects".into()),
            Self::MessageTooLarge { .. } => {
                Some("send less at once, or raise the limit of the topic or the unit".into())
            }
            Self::Full { .. } => {
                Some("end what nobody needs; the table `[device]` has the limits".into())
            }
            Self::SessionNotFound => Some("connect again".into()),
            Self::Protocol { .. } => Some("docs/guides/mqtt.md says what this unit takes".into()),
            Self::Connection { .. } => {
                Some("look whether the unit is up, and connect again".into())
            }
            Self::Internal { .. } => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Type { pointer, .. }
            | Self::Device { pointer, .. }
            | Self::Property { pointer, .. }
            | Self::Command { pointer, .. }
            | Self::Topic { pointer, .. }
            | Self::Rule { pointer, .. } => Some(Place::pointer(pointer)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one of each.
    fn all() -> Vec<Error> {
        let text = String::new;
        let (name, reason, pointer) = (text, text, text);
        vec![
            Error::Type { name: name(), reason: reason(), pointer: pointer(), hint: None },
            Error::TypeInUse { name: name(), by: text() },
            Error::Device { name: name(), reason: reason(), pointer: pointer(), hint: None },
            Error::Disabled { name: name() },
            Error::Channel { device: name(), channel: text(), nearest: None },
            Error::NotYet { what: text() },
            Error::Certificate { reason: reason() },
            Error::Property { name: name(), reason: reason(), pointer: pointer(), hint: None },
            Error::TwinConflict { version: 0 },
            Error::TwinTooLarge { limit: 0 },
            Error::Command { reason: reason(), pointer: pointer(), hint: None },
            Error::CommandNotFound { number: text() },
            Error::CommandOver { state: text() },
            Error::Expired { command: text() },
            Error::Failed { command: text(), reason: reason() },
            Error::Topic { name: name(), reason: reason(), pointer: pointer(), hint: None },
            Error::TopicInUse { name: name(), by: text() },
            Error::TopicName { topic: text(), reason: reason() },
            Error::NoTopic { topic: text() },
            Error::Payload { reason: reason() },
            Error::MessageTooLarge { limit: 0 },
            Error::Full { what: "", limit: 0 },
            Error::SessionNotFound,
            Error::Protocol { reason: reason() },
            Error::Connection { reason: reason() },
            Error::Rule { name: name(), reason: reason(), pointer: pointer(), hint: None },
            Error::Internal { detail: text() },
        ]
    }

    #[test]
    fn every_code_has_a_page() {
        for error in all() {
            let code = error.code().0;
            let page = format!("{}/../../docs/errors/{code}.md", env!("CARGO_MANIFEST_DIR"));
            let page = std::fs::read_to_string(page).unwrap_or_default();
            assert!(page.starts_with(&format!("# {code}\n")), "docs/errors/{code}.md");
        }
    }

    #[test]
    fn no_code_stands_for_two_things() {
        let codes: std::collections::BTreeSet<&str> =
            all().iter().map(|error| error.code().0).collect();
        assert_eq!(codes.len(), all().len());
    }
}
