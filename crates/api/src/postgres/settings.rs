//! The settings of a session. Most of them change nothing here: clients set them out of habit, and get them back.

use super::Error;
use std::collections::BTreeMap;

/// The version of PostgreSQL that clients may expect.
pub(crate) const SERVER_VERSION: &str = "16.6";

/// Settings that clients are told at the beginning and whenever they change.
pub(crate) const REPORTED: [(&str, &str); 12] = [
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_read_only", "on"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("server_encoding", "UTF8"),
    ("session_authorization", ""),
    ("standard_conforming_strings", "on"),
    ("TimeZone", "UTC"),
];

/// Settings that a session may have, with their defaults.
const KNOWN: [(&str, &str); 36] = [
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("check_function_bodies", "on"),
    ("datestyle", "ISO, MDY"),
    ("default_table_access_method", "heap"),
    ("default_tablespace", ""),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("enable_seqscan", "on"),
    ("extra_float_digits", "1"),
    ("geqo", "off"),
    ("idle_in_transaction_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("is_superuser", "off"),
    ("jit", "off"),
    ("lc_messages", "C"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "63"),
    ("quote_all_identifiers", "off"),
    ("row_security", "on"),
    ("search_path", "\"$user\", public"),
    ("server_encoding", "UTF8"),
    ("session_authorization", ""),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "160006"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("synchronize_seqscans", "on"),
    ("timezone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "on"),
    ("work_mem", "4MB"),
];

/// Settings that cannot be changed.
const FIXED: [&str; 8] = [
    "in_hot_standby",
    "integer_datetimes",
    "is_superuser",
    "max_identifier_length",
    "server_encoding",
    "server_version",
    "server_version_num",
    "session_authorization",
];

/// The settings of a session.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    changed: BTreeMap<String, String>,
    user: String,
}

/// What a change of a setting leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// What the client is told of it.
    pub reported: Option<(&'static str, String)>,
    /// What the client should know: the setting does not do here what it does elsewhere.
    pub warning: Option<&'static str>,
}

impl Settings {
    pub(crate) fn new(user: &str) -> Self {
        Self { changed: BTreeMap::new(), user: user.to_owned() }
    }

    /// Returns the value of a setting.
    ///
    /// # Errors
    /// `postgres.no_setting`.
    pub(crate) fn value(&self, name: &str) -> Result<String, Error> {
        let name = name.to_lowercase();
        if let Some(value) = self.changed.get(&name) {
            return Ok(value.clone());
        }
        if name == "session_authorization" {
            return Ok(self.user.clone());
        }
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned()).ok_or(Error::NoSetting { name })
    }

    /// Changes a setting; `None` brings its default back.
    ///
    /// # Errors
    /// `postgres.no_setting`, `postgres.setting`.
    pub(crate) fn set(&mut self, name: &str, value: Option<String>) -> Result<Changed, Error> {
        let name = name.to_lowercase();
        // Names with a dot are the client's own.
        let is_known = name.contains('.') || KNOWN.iter().any(|(known, _)| *known == name);
        if !is_known {
            return Err(Error::NoSetting { name });
        }
        let Some(value) = value else {
            self.changed.remove(&name);
            return self.told(&name, None);
        };
        if FIXED.contains(&name.as_str()) {
            return Err(Error::Setting { name, value });
        }
        let value = checked(&name, value)?;
        let warning = warning(&name, &value);
        self.changed.insert(name.clone(), value);
        self.told(&name, warning)
    }

    /// Brings all defaults back and returns what the client is told of it.
    pub(crate) fn reset(&mut self) -> Vec<(&'static str, String)> {
        let changed = std::mem::take(&mut self.changed);
        let reported =
            REPORTED.iter().filter(|(name, _)| changed.contains_key(&name.to_lowercase()));
        reported.filter_map(|(name, _)| Some((*name, self.value(name).ok()?))).collect()
    }

    fn told(&self, name: &str, warning: Option<&'static str>) -> Result<Changed, Error> {
        let reported = REPORTED.iter().find(|(reported, _)| reported.eq_ignore_ascii_case(name));
        let reported = match reported {
            Some((reported, _)) => Some((*reported, self.value(name)?)),
            None => None,
        };
        Ok(Changed { reported, warning })
    }

    /// Returns the milliseconds that a statement may take, where the client has set them.
    pub(crate) fn statement_ms(&self) -> Option<u64> {
        milliseconds(self.changed.get("statement_timeout")?).filter(|ms| *ms != 0)
    }
}

fn checked(name: &str, value: String) -> Result<String, Error> {
    let plain = value.to_lowercase().replace(['-', '_', '\'', '"', ' '], "");
    let is_good = match name {
        "client_encoding" => matches!(plain.as_str(), "utf8" | "unicode" | "sqlascii"),
        "datestyle" => plain.starts_with("iso"),
        "intervalstyle" => plain == "postgres",
        "bytea_output" => plain == "hex",
        "standard_conforming_strings" => matches!(plain.as_str(), "on" | "true" | "1"),
        "transaction_read_only" | "default_transaction_read_only" => {
            matches!(plain.as_str(), "on" | "true" | "1" | "off" | "false" | "0")
        }
        "statement_timeout" => milliseconds(&value).is_some(),
        _ => true,
    };
    if !is_good {
        return Err(Error::Setting { name: name.into(), value });
    }
    Ok(match name {
        "client_encoding" if plain != "sqlascii" => "UTF8".into(),
        "datestyle" => "ISO, MDY".into(),
        // The door only reads, whatever a client asks for.
        "transaction_read_only" | "default_transaction_read_only" => "on".into(),
        _ => value,
    })
}

fn warning(name: &str, value: &str) -> Option<&'static str> {
    let is_usual = |part: &str| {
        let part = part.trim().trim_matches(['"', '\'']);
        part.is_empty() || matches!(part, "$user" | "public" | "pg_catalog")
    };
    match name {
        "search_path" if !value.split(',').all(is_usual) => {
            Some("names without a schema are those of `public`, whatever search_path says")
        }
        "timezone" if !matches!(value.to_uppercase().as_str(), "UTC" | "GMT" | "ETC/UTC" | "Z") => {
            Some("times are shown in UTC, whatever TimeZone says")
        }
        _ => None,
    }
}

/// Reads a time: `5000`, `5s`, `1min`.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_checked_and_brought_back() {
        let mut settings = Settings::new("ana");
        assert_eq!(settings.value("server_version").ok().as_deref(), Some(SERVER_VERSION));
        assert_eq!(settings.value("session_authorization").ok().as_deref(), Some("ana"));
        let changed = settings.set("Application_Name", Some("psql".into())).expect("it is set");
        assert_eq!(changed.reported, Some(("application_name", "psql".into())));
        assert_eq!(settings.reset(), [("application_name", String::new())]);
        assert!(settings.set("what", Some("1".into())).is_err());
        assert!(settings.set("client_encoding", Some("LATIN1".into())).is_err());
        assert!(settings.set("server_version", Some("9".into())).is_err());
        assert!(settings.set("my.own", Some("1".into())).is_ok());
        let warned = settings.set("search_path", Some("system".into())).expect("it is set");
        assert!(warned.warning.is_some());
    }

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(milliseconds("5000"), Some(5_000));
        assert_eq!(milliseconds("5s"), Some(5_000));
        assert_eq!(milliseconds("2min"), Some(120_000));
        assert_eq!(milliseconds("soon"), None);
    }
}
