//! Names and filters of topics: which filter matches which name. Pure.

/// Returns whether a filter matches a topic's name (MQTT 5, 4.7). A name that begins with `$` is matched by no wildcard at its first level.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && begins_wild(filter) {
        return false;
    }
    let (mut wanted, mut levels) = (filter.split('/'), topic.split('/'));
    loop {
        match (wanted.next(), levels.next()) {
            // It stands for the level before it too.
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

/// Returns whether some topic's name is matched by both filters.
pub fn overlaps(one: &str, other: &str) -> bool {
    let is_apart = |own: &str, wild: &str| own.starts_with('$') && begins_wild(wild);
    if is_apart(one, other) || is_apart(other, one) {
        return false;
    }
    let (mut ones, mut others) = (one.split('/'), other.split('/'));
    loop {
        match (ones.next(), others.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// Returns the group and the filter of a shared subscription, where it is one: `$share/GROUP/FILTER`.
pub fn share(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// Returns the filter as topics are matched by it: without the group of a shared subscription.
pub(crate) fn plain(filter: &str) -> &str {
    share(filter).map_or(filter, |(_, filter)| filter)
}

/// Returns the device whose topic it is, where it is one's.
pub fn device_of(topic: &str) -> Option<&str> {
    let rest = topic.strip_prefix("devices/")?;
    Some(rest.split_once('/').map_or(rest, |(device, _)| device))
}

/// Returns the device that a topic is about, where the unit alone publishes there: its own client gets that by other ways.
pub(crate) fn by_unit(topic: &str) -> Option<&str> {
    let (device, rest) = topic.strip_prefix("devices/")?.split_once('/')?;
    let is_of_unit = rest.starts_with("commands/") || matches!(rest, "twin/desired" | "presence");
    is_of_unit.then_some(device)
}

/// Returns the text with which every name begins that a filter matches.
pub(crate) fn literal(filter: &str) -> &str {
    let wild = filter.find(['+', '#']).unwrap_or(filter.len());
    // `a/#` matches `a` too.
    filter.get(..wild).unwrap_or_default().trim_end_matches('/')
}

fn begins_wild(filter: &str) -> bool {
    filter.starts_with(['+', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        // 4.7.1.2 and 4.7.1.3, and 4.7.2-1.
        for (filter, topic) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"),
            ("#", "a/b"),
            ("sport/tennis/+", "sport/tennis/player1"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("$SYS/#", "$SYS/"),
            ("$SYS/monitor/+", "$SYS/monitor/Clients"),
            ("a//b", "a//b"),
            ("+//+", "a//b"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
            assert!(overlaps(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("#", "$SYS/x"),
            ("+/monitor/Clients", "$SYS/monitor/Clients"),
            ("ACCOUNTS", "Accounts"),
            ("a/b", "a/b/"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn filters_overlap_where_one_name_fits_both() {
        let yes = [("a/+", "+/b"), ("a/#", "a"), ("#", "x"), ("+/+", "a/#"), ("a/+/c", "a/b/+")];
        let no = [("a/+", "b/+"), ("a", "a/b"), ("+", "a/b"), ("#", "$SYS/x"), ("a/+/c", "a/b/d")];
        for (one, other) in yes {
            assert!(overlaps(one, other) && overlaps(other, one), "{one} {other}");
        }
        for (one, other) in no {
            assert!(!overlaps(one, other) && !overlaps(other, one), "{one} {other}");
        }
    }

    #[test]
    fn shares_name_their_group() {
        assert_eq!(share("$share/g/a/+"), Some(("g", "a/+")));
        assert_eq!((share("$share/g"), share("a/b")), (None, None));
        assert_eq!((plain("$share/g/a"), plain("a/b")), ("a", "a/b"));
    }

    #[test]
    fn what_the_unit_says_of_a_device_names_it() {
        assert_eq!(by_unit("devices/van-7/commands/unlock/9"), Some("van-7"));
        assert_eq!(by_unit("devices/van-7/twin/desired"), Some("van-7"));
        assert_eq!(by_unit("devices/van-7/presence"), Some("van-7"));
        assert_eq!(by_unit("devices/van-7/twin/reported"), None);
        assert_eq!(by_unit("plant/commands/x"), None);
    }

    #[test]
    fn every_name_begins_with_what_stands_before_the_wildcard() {
        for (filter, text) in
            [("a/b/#", "a/b"), ("a/+/c", "a"), ("#", ""), ("a/b", "a/b"), ("/+", "")]
        {
            assert_eq!(literal(filter), text, "{filter}");
        }
    }
}
