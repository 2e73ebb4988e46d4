//! What MQTT says of a problem: one table, of eight rows and the few codes that MQTT has a word of its own for.

use crate::mqtt::reason;
use base::{Kind, Problem};

/// It may work later, as DISCONNECT can say it: 0x88 stands in CONNACK alone.
const BUSY: u8 = 0x89;

/// What is wrong with a payload, as opposed to the packet around it.
const PAYLOADS: [&str; 5] = ["message.", "twin.", "stream.", "quality.", "event."];

/// Returns the reason code of a problem, and the reason in words.
pub fn of(problem: &Problem) -> (u8, String) {
    let is_payload = || PAYLOADS.iter().any(|prefix| problem.code.starts_with(prefix));
    let code = match problem.kind {
        Kind::Invalid if is_payload() => reason::PAYLOAD,
        Kind::Invalid if problem.code == "topic.name" => reason::TOPIC,
        Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound => reason::NOT_AUTHORIZED,
        Kind::Invalid | Kind::Conflict => reason::IMPLEMENTATION,
        Kind::Exhausted => reason::QUOTA,
        Kind::Unavailable => BUSY,
        Kind::Internal => reason::UNSPECIFIED,
    };
    (code, said(problem))
}

/// Returns the reason code of a message that is refused, as PUBACK and PUBREC can say it: they have no word for a server that is busy.
pub fn of_message(problem: &Problem) -> (u8, String) {
    match of(problem) {
        (BUSY, said) => (reason::UNSPECIFIED, said),
        // What is wrong with a payload says that it is kept aside, which 3.1.1 hears as taken. Of what is refused nothing is kept.
        (reason::PAYLOAD, said) => (reason::IMPLEMENTATION, said),
        told => told,
    }
}

/// Returns what a problem says to somebody outside: of a defect nothing but that there is one.
fn said(problem: &Problem) -> String {
    match (problem.kind, &problem.hint) {
        (Kind::Internal, _) => "something went wrong inside".into(),
        (_, Some(hint)) => format!("{}; {hint} [{}]", problem.message, problem.code),
        (_, None) => format!("{} [{}]", problem.message, problem.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Code;

    #[test]
    fn every_kind_has_a_code_that_mqtt_knows() {
        let code = |code: &'static str, kind| of(&Problem::new(Code(code, kind), "no")).0;
        assert_eq!(code("message.payload", Kind::Invalid), 0x99);
        assert_eq!(code("twin.invalid", Kind::Invalid), 0x99);
        assert_eq!(code("topic.name", Kind::Invalid), 0x90);
        assert_eq!(code("call.invalid", Kind::Invalid), 0x83);
        assert_eq!(code("token.invalid", Kind::Unauthenticated), 0x87);
        assert_eq!(code("policy.forbidden", Kind::Forbidden), 0x87);
        assert_eq!(code("device.channel", Kind::NotFound), 0x87);
        assert_eq!(code("command.ended", Kind::Conflict), 0x83);
        assert_eq!(code("quota.exceeded", Kind::Exhausted), 0x97);
        assert_eq!(code("kernel.stopping", Kind::Unavailable), 0x89);
        assert_eq!(code("kernel.internal", Kind::Internal), 0x80);
    }

    #[test]
    fn what_is_refused_does_not_sound_as_if_it_were_kept() {
        for code in ["message.payload", "message.too_large", "twin.invalid", "stream.not_found"] {
            let problem = Problem::new(Code(code, Kind::Invalid), "no");
            assert_eq!(of_message(&problem), (0x83, format!("no [{code}]")));
        }
    }

    #[test]
    fn a_message_is_refused_in_the_words_of_puback() {
        let stopping = Problem::new(Code("kernel.stopping", Kind::Unavailable), "it stops");
        assert_eq!(of_message(&stopping).0, 0x80);
        let defect = Problem::new(Code("kernel.internal", Kind::Internal), "secret detail");
        assert_eq!(of_message(&defect), (0x80, "something went wrong inside".into()));
        let channel = Problem::new(Code("device.channel", Kind::NotFound), "there is none");
        let channel = channel.with_hint("did you mean `a`?");
        assert_eq!(of_message(&channel).1, "there is none; did you mean `a`? [device.channel]");
    }
}
