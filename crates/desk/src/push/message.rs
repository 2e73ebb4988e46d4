//! What a push service is given for a notice: the text for the browser and what the service is told of it (RFC 8030).

use super::store::{Notice, Subscription};
use super::{Pair, encrypt, service_of};
use crate::Error;
use base::{Period, Time};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// The longest title that is told in characters.
const TITLE_CHARACTERS_MAX: usize = 300;
/// The longest name of a task or a process that is told in characters.
const NAME_CHARACTERS_MAX: usize = 200;
/// How soon a task is due that is told at once, in milliseconds.
const SOON_MS: i64 = 3_600_000;
/// How long the proof of who sends is good: less than the day that services allow.
const PROVEN_SECONDS: i64 = 12 * 3_600;
/// Bytes of a digest that make the longest topic that services allow, 32 characters.
const TOPIC_BYTES: usize = 24;

/// A message that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub endpoint: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body, which only the browser reads.
    pub body: Vec<u8>,
}

/// Makes the message of a notice. `contact` says where the push service reaches somebody who answers for the unit; `wall` and `business`
/// are the time.
///
/// # Errors
/// `subscription.invalid` where nothing can ever be sent to the browser; `desk.internal`.
pub fn outgoing(
    notice: &Notice,
    to: &Subscription,
    pair: &Pair,
    contact: &str,
    (wall, business): (Time, Time),
) -> Result<Outgoing, Error> {
    let body = encrypt(&to.p256dh, &to.auth, text(notice, &to.language).as_bytes())?;
    let proven = wall.plus(Period::seconds(PROVEN_SECONDS));
    let seconds = (notice.until.0 - wall.0).max(0) / 1_000;
    let is_soon = notice.due.is_some_and(|due| due.0 < business.0.saturating_add(SOON_MS));
    let headers = vec![
        ("ttl", seconds.to_string()),
        ("urgency", if is_soon { "high" } else { "normal" }.to_owned()),
        ("topic", topic(&notice.task)),
        ("content-encoding", "aes128gcm".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
        ("authorization", pair.authorization(&service_of(&to.endpoint), contact, proven)?),
    ];
    Ok(Outgoing { endpoint: to.endpoint.clone(), headers, body })
}

/// Returns what the browser reads, small: the task itself is read by the page.
fn text(notice: &Notice, language: &str) -> String {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    json!({
        "kind": "task",
        "task": cut(&notice.task, NAME_CHARACTERS_MAX),
        "title": cut(&notice.title, TITLE_CHARACTERS_MAX),
        "process": cut(&notice.process, NAME_CHARACTERS_MAX),
        "due": notice.due,
        "text": said(notice.is_assigned, language),
    })
    .to_string()
}

/// Returns what is said beside the title, in the language of the browser where it is known.
fn said(is_assigned: bool, language: &str) -> &'static str {
    let is_chinese = language.split('-').next().is_some_and(|name| name.eq_ignore_ascii_case("zh"));
    match (is_chinese, is_assigned) {
        (false, true) => "A task for you",
        (false, false) => "A task that you can take",
        (true, true) => "分配给您的任务",
        (true, false) => "您可以领取的任务",
    }
}

/// Returns by what a push service knows news of the same task, of which it keeps the last alone, without learning which task it is.
fn topic(task: &str) -> String {
    let digest = base::sha256(format!("task/{task}").as_bytes());
    URL_SAFE_NO_PAD.encode(&digest[..TOPIC_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(title: &str) -> Notice {
        Notice {
            subscription: "s".into(),
            number: 1,
            user: "ana".into(),
            task: "17-3".into(),
            title: title.into(),
            process: "claim".into(),
            due: Some(Time(0)),
            is_assigned: true,
            at: Time(0),
            until: Time(0),
            attempts: 0,
        }
    }

    #[test]
    fn a_text_is_small_and_in_the_language_of_the_browser() {
        let of = |language: &str| text(&notice("Approve claim"), language);
        let expected = r#"{"kind":"task","task":"17-3","title":"Approve claim","process":"claim","due":"1970-01-01T00:00:00Z","text":"A task for you"}"#;
        assert_eq!(of("en"), expected);
        assert_eq!((of(""), of("fr-CA")), (expected.to_owned(), expected.to_owned()));
        assert!(of("zh-Hans").contains("分配给您的任务") && of("ZH").contains("分配给您的任务"));
        let long = text(&notice(&"审".repeat(10_000)), "zh");
        assert!(long.len() < 3_000, "{}", long.len());
    }

    #[test]
    fn a_topic_has_the_characters_that_services_take() {
        let made = topic("17-3");
        assert_eq!(made.len(), 32);
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(made.bytes().all(is_safe) && made != topic("17-4"));
    }
}
