//! Takes secrets out of what leaves the unit for people to look at: log lines and support bundles. What the unit knows to be a secret
//! is found by its value (`kernel::secrets::Masks`), whatever else looks like one by the rules here.

use kernel::Kernel;
use serde_json::Value;
use ureq::http::Uri;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// A key that has one of these in its name holds a secret.
const SECRET_WORDS: [&str; 11] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "credential",
    "authorization",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
];

/// What a token of this unit begins with; hexadecimal digits follow.
const TOKEN: &str = "craton_";
/// Digits from which on it is one.
const TOKEN_DIGITS_MIN: usize = 16;
/// Digits that it has at most.
const TOKEN_DIGITS_MAX: usize = 64;

/// Returns whether a key's value is a secret, as far as its name says so.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Masks the values of secret keys, however deep, and tokens in any text.
pub(crate) fn value(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                // A limit such as `tokens_max` is a number and no secret.
                let is_told = value.is_number() || value.is_boolean() || value.is_null();
                if is_secret(key) && !is_told {
                    *value = MASK.into();
                } else {
                    self::value(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(self::value),
        Value::String(text) => *text = self::text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Masks in text the values that a unit knows, and what looks like a secret.
pub(crate) fn known(kernel: &Kernel, text: &str) -> String {
    self::text(&kernel.masked(text))
}

/// Returns an address without what may be a secret in it: user, password and query.
pub(crate) fn address(address: &str) -> String {
    // One that is cut wrongly, at a question mark in a password for example, is not read.
    let is_clear =
        |text: &&str| text.split_once(['?', '#']).is_none_or(|(_, rest)| !rest.contains('@'));
    let uri: Option<Uri> = Some(address).filter(is_clear).and_then(|text| text.parse().ok());
    let parts =
        uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?.as_str(), uri)));
    let Some((scheme, authority, uri)) = parts else {
        let may_be_secret = address.contains(['@', '?', '#']);
        return if may_be_secret { MASK.into() } else { address.to_owned() };
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((_, host)) => (format!("{MASK}@"), host),
        None => (String::new(), authority),
    };
    let query = if uri.query().is_some() { format!("?{MASK}") } else { String::new() };
    format!("{scheme}://{user}{host}{}{query}", uri.path())
}

/// Masks what looks like a secret in text: tokens of units, what follows `Bearer`, and what is assigned to a secret key.
pub(crate) fn text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut is_next_secret = false;
    for (place, word) in text.split(' ').enumerate() {
        if 0 < place {
            masked.push(' ');
        }
        let is_bearer = word.trim_matches(['"', '\'', '`', ':']).eq_ignore_ascii_case("bearer");
        if std::mem::take(&mut is_next_secret) && !word.is_empty() && !is_bearer {
            masked.push_str(MASK);
            continue;
        }
        is_next_secret = is_bearer || word.strip_suffix([':', '=']).is_some_and(is_secret);
        let assigned =
            word.split_once(['=', ':']).filter(|(key, rest)| is_secret(key) && !rest.is_empty());
        match assigned {
            Some((key, _)) => {
                let sign = word.get(key.len()..=key.len()).unwrap_or("=");
                masked.push_str(key);
                masked.push_str(sign);
                masked.push_str(MASK);
            }
            None => masked.push_str(&without_tokens(word)),
        }
    }
    masked
}

fn without_tokens(word: &str) -> String {
    let mut masked = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find(TOKEN) {
        let (before, found) = rest.split_at(at);
        let digits = found.get(TOKEN.len()..).unwrap_or_default();
        let count = digits.bytes().take_while(u8::is_ascii_hexdigit).take(TOKEN_DIGITS_MAX).count();
        masked.push_str(before);
        masked.push_str(TOKEN);
        let (hidden, after) = digits.split_at(count);
        masked.push_str(if TOKEN_DIGITS_MIN <= count { MASK } else { hidden });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_and_what_is_assigned_to_secret_keys_are_masked() {
        let token = format!("craton_{}", "0123456789abcdef".repeat(4));
        for (given, expected) in [
            (format!("refused {token}, again"), "refused craton_***, again".to_owned()),
            (format!("({token}{token})"), "(craton_***craton_***)".to_owned()),
            ("Authorization: Bearer abc.def".into(), "Authorization: Bearer ***".into()),
            ("password=hunter2 user=ana".into(), "password=*** user=ana".into()),
            ("client_secret:x".into(), "client_secret:***".into()),
            (r#"{"password": "x", "user": "y"}"#.into(), r#"{"password": *** "user": "y"}"#.into()),
            ("craton_orders is a relation".into(), "craton_orders is a relation".into()),
            ("nothing here".into(), "nothing here".into()),
        ] {
            assert_eq!(text(&given), expected, "{given}");
        }
    }

    #[test]
    fn an_address_loses_user_password_and_query() {
        for (given, expected) in [
            ("http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/traces"),
            ("https://ana:secret@host/x", "https://***@host/x"),
            ("https://host:8443/x?api-key=secret&b", "https://host:8443/x?***"),
            ("https://ana:secret@host/x?key=secret#y", "https://***@host/x?***"),
            ("https://ana:se?ret@host/x", "***"),
            ("https://ana:secret@host /x", "***"),
            ("collector", "collector"),
        ] {
            assert_eq!(address(given), expected, "{given}");
        }
    }

    #[test]
    fn values_of_secret_keys_are_masked_however_deep() {
        let mut given = json!({"oidc": [{"client_secret": "s", "issuer": "i"}], "tokens_max": 3, "key": ["id"],
            "note": format!("craton_{}", "a".repeat(64))});
        value(&mut given);
        assert_eq!(
            given,
            json!({"oidc": [{"client_secret": "***", "issuer": "i"}], "tokens_max": 3, "key": ["id"], "note": "craton_***"})
        );
    }
}
