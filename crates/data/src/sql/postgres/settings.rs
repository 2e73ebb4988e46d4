//! The settings that clients ask for. They are what they are: a session's own are kept by its door.

/// A setting.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    pub(crate) summary: &'static str,
}

const fn setting(name: &'static str, value: &'static str, summary: &'static str) -> Setting {
    Setting { name, value, summary }
}

/// The version of PostgreSQL whose protocol, catalogue and SQL clients may expect.
pub(crate) const VERSION: &str = "16.6";

/// The settings, by name.
pub(crate) static SETTINGS: [Setting; 33] = [
    setting("application_name", "", "The name of the client."),
    setting("block_size", "8192", "Bytes of a disk block."),
    setting("bytea_output", "hex", "The form of bytes as text."),
    setting("client_encoding", "UTF8", "The encoding of texts."),
    setting("client_min_messages", "notice", "The least notice that is sent."),
    setting("datestyle", "ISO, MDY", "The form of dates and times."),
    setting("default_table_access_method", "heap", "How tables are kept."),
    setting("default_tablespace", "", "Where tables are kept."),
    setting(
        "default_transaction_isolation",
        "read committed",
        "Each statement sees the last commit.",
    ),
    setting("default_transaction_read_only", "on", "SQL changes nothing."),
    setting("extra_float_digits", "1", "Numbers are written with all their digits."),
    setting("idle_in_transaction_session_timeout", "0", "Milliseconds; 0 is never."),
    setting("in_hot_standby", "off", "This is no copy of another unit."),
    setting("integer_datetimes", "on", "Times are whole numbers."),
    setting("intervalstyle", "postgres", "The form of intervals."),
    setting("is_superuser", "off", "Rights come from roles."),
    setting("jit", "off", "Nothing is compiled."),
    setting("lc_collate", "C.UTF-8", "Texts are ordered by their bytes."),
    setting("lc_ctype", "C.UTF-8", "Signs are those of Unicode."),
    setting("lc_messages", "C", "Messages are in English."),
    setting("lock_timeout", "0", "Milliseconds; 0 is never."),
    setting("max_identifier_length", "63", "Bytes of a name."),
    setting("max_index_keys", "32", "Columns of a key."),
    setting("search_path", "\"$user\", public", "Names without a schema are those of `public`."),
    setting("server_encoding", "UTF8", "The encoding of texts."),
    setting("server_version", VERSION, "The version of PostgreSQL that clients may expect."),
    setting("server_version_num", "160006", "The same as a number."),
    setting("session_authorization", "", "The user who signed in."),
    setting("standard_conforming_strings", "on", "A backslash is only a backslash."),
    setting("statement_timeout", "0", "Milliseconds; 0 is the unit's own limit."),
    setting("timezone", "UTC", "Times are shown in UTC."),
    setting("transaction_isolation", "read committed", "Each statement sees the last commit."),
    setting("transaction_read_only", "on", "SQL changes nothing."),
];

/// Returns the setting of a name.
pub(crate) fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name))
}
