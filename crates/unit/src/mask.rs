//! Takes secrets out of what leaves the unit for people to look at: log lines and support bundles.

use serde_json::Value;

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
