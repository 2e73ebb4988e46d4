//! `device`: the devices of the unit, their twins, what they are told to do, and fleets that are played.

use super::input;
use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column,
    output::Format, routes, simulate,
};
use base::{Clock, Code, Kind, Name, Problem, SystemClock, Time};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// How long the unit is let wait for the next event before it is asked again, in milliseconds.
const FOLLOW_WAIT_MS: u64 = 20_000;
/// How long the unit is let wait for an answer before it is asked again, in milliseconds.
const ANSWER_WAIT_MS: u64 = 20_000;

const DEVICES: &[Column] = &[
    Column("DEVICE", &["name"]),
    Column("TYPE", &["type"]),
    Column("STATE", &["state"]),
    Column("LAST SEEN", &["last_seen"]),
    Column("PLACE", &["place"]),
    Column("GROUPS", &["groups"]),
    Column("OWNER", &["owner"]),
    Column("SUMMARY", &["summary"]),
];
const COMMANDS: &[Column] = &[
    Column("COMMAND", &["command"]),
    Column("NAME", &["name"]),
    Column("STATE", &["state"]),
    Column("INPUT", &["input"]),
    Column("ANSWER", &["output", "problem"]),
    Column("DEADLINE", &["deadline"]),
    Column("GIVEN", &["created_at"]),
    Column("BY", &["by"]),
];
const EVENTS: &[Column] =
    &[Column("AT", &["at"]), Column("EVENT", &["event"]), Column("DETAIL", &["detail"])];

/// Shows devices and their twins, tells them what is desired and what to do, and plays fleets
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton device list --type van --state connected\n  craton device get van-7 --at 2026-03-01T10:05:00Z\n  craton device set van-7 interval_s=30\n  craton device command van-7 unlock --input seconds=10 --wait 30\n  craton device events van-7 --follow\n  craton device simulate"
)]
pub struct Device {
    #[command(subcommand)]
    command: DeviceCommand,
}

#[derive(Debug, clap::Subcommand)]
enum DeviceCommand {
    /// Shows devices and whether they are there
    #[command(
        after_help = "Examples:\n  craton device list\n  craton device list --group night --state offline\n  craton device list --type van --where battery=12.5"
    )]
    List(Wanted),
    /// Shows the twin of a device: what it has reported and what is desired of it, its last telemetry; as it is, or as it was
    #[command(
        after_help = "Examples:\n  craton device get van-7\n  craton device get van-7 --at 2026-03-01T10:05:00Z\n  craton device get van-7 -o json"
    )]
    Get {
        /// The device
        name: String,
        /// As it was then, business time
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Changes what is desired of a device; the device hears of it at once, or when it connects
    #[command(
        after_help = "Examples:\n  craton device set van-7 interval_s=30\n  craton device set van-7 interval_s=null           nothing is desired of it any more\n  craton device set van-7 interval_s=30 --version 4   refused where it has changed since"
    )]
    Set {
        /// The device
        name: String,
        /// A property and its value, which is JSON where it reads as JSON, else text; `null` takes it away
        #[arg(required = true, value_name = "PROPERTY=VALUE")]
        desired: Vec<String>,
        /// Refuse where the desired state is of another version
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Gives a device a command, which waits for a device that sleeps
    #[command(
        after_help = "Examples:\n  craton device command van-7 unlock\n  craton device command van-7 unlock --input seconds=10 --deadline PT5M --wait 30\n  craton device command van-7 route --input @route.json\n\nWith `--wait` the answer is shown; the exit status is 6 where the device could not do it or its time is up, 8 where no answer has come so long."
    )]
    Command(Given),
    /// Shows the commands that a device was given, the newest first
    #[command(
        after_help = "Examples:\n  craton device commands van-7\n  craton device commands van-7 --state open"
    )]
    Commands {
        /// The device
        name: String,
        /// Only those in this state: waiting, sent, answered, failed, expired, cancelled; `open` for the first two
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Takes a command back that the device has not answered
    #[command(after_help = "Examples:\n  craton device cancel 42")]
    Cancel {
        /// The command's number
        command: String,
    },
    /// Shows what happened to a device: the last events, and those that come
    #[command(
        after_help = "Examples:\n  craton device events van-7\n  craton device events van-7 --limit 20\n  craton device events van-7 --follow       until Ctrl-C"
    )]
    Events {
        /// The device
        name: String,
        /// So many of the last ones at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Then show each as it comes, until Ctrl-C
        #[arg(long)]
        follow: bool,
    },
    /// Registers a device, without a folder of manifests
    #[command(
        after_help = "Examples:\n  craton device create van-7 --type van\n  craton device create van-7 --type van --group night --group north --place Campinas --owner user:oskar"
    )]
    Create(Created),
    /// Changes what is declared of a device; what is not named stays
    #[command(
        after_help = "Examples:\n  craton device update van-7 --group night --group north --place Campinas\n  craton device update van-7 --disabled true    it is not let in any more, and let go where it is connected\n  craton device update van-7 --group ''         it belongs to no group\n\nThe next `craton apply` of a folder that has the device sets what stands there."
    )]
    Update(Updated),
    /// Gives a device a token, which is shown once
    #[command(
        after_help = "Examples:\n  craton device token van-7\n  craton device token van-7 --summary workshop --expires 2027-01-01\n\nThe device sends it as the password of MQTT, or over HTTP as `Authorization: Bearer TOKEN`."
    )]
    Token {
        /// The device
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        summary: String,
        /// When it ends; never where absent
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Has a client certificate of TLS stand for a device
    #[command(
        after_help = "Examples:\n  craton device certificate van-7 van-7.pem\n  craton device certificate van-7 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --summary workshop\n\nIt may be signed by anybody, or by itself: its fingerprint is what is believed."
    )]
    Certificate {
        /// The device
        name: String,
        /// The file of the certificate, as PEM, or its fingerprint: `sha256:` and 64 hexadecimal digits
        #[arg(value_name = "FILE|FINGERPRINT")]
        certificate: String,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        summary: String,
        /// When it ends; never where absent
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Ends a token or a certificate of a device: whoever is connected by it is let go
    #[command(
        after_help = "Examples:\n  craton device revoke van-7 c1f3\n\n`craton device get van-7` shows the ids."
    )]
    Revoke {
        /// The device
        name: String,
        /// The id of the credential
        id: String,
    },
    /// Plays a fleet: makes its type, stream, role and devices where they are absent, and has them report, and answer commands, over MQTT
    #[command(
        after_help = "Examples:\n  craton device simulate                                        ten vans, made up, until Ctrl-C\n  craton device simulate --count 50 --for PT10M\n  craton device simulate --data ../shared/data/nab --speed 0     recorded series, as fast as they go\n  craton device simulate --data ../shared/data/skab --speed 60 --mqtt 127.0.0.1:1883\n\nRecorded series are those of the Numenta Anomaly Benchmark (a file is a device) and of the Skoltech Anomaly Benchmark (an experiment is a device); their readings keep their own times."
    )]
    Simulate(simulate::Simulate),
}

/// Which devices are wanted.
#[derive(Debug, clap::Args)]
struct Wanted {
    /// Only those of this type
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Only those in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Only those in this state: connected, offline, never
    #[arg(long, value_name = "STATE", value_parser = ["connected", "offline", "never"])]
    state: Option<String>,
    /// Only those at this place
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
    /// Only those of this owner, for example `user:ana`
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// Only those with this in name, summary or place
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those that have reported this value of an indexed property
    #[arg(long = "where", value_name = "PROPERTY=VALUE")]
    reported: Option<String>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
}

/// A command that is given.
#[derive(Debug, clap::Args)]
struct Given {
    /// The device
    name: String,
    /// Which of the commands of its type
    command: String,
    /// A field of what goes with it, or all of it as a JSON object: `{…}`, `@FILE`, `-` for standard input
    #[arg(long = "input", value_name = "NAME=VALUE|JSON|@FILE|-")]
    input: Vec<String>,
    /// Until when it waits for the device: a time, or a duration such as PT5M; what the type says where absent
    #[arg(long, value_name = "TIME|DURATION")]
    deadline: Option<String>,
    /// Wait so long for the answer, and show it
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u32>,
}

/// A device that is registered.
#[derive(Debug, clap::Args)]
struct Created {
    /// Its name
    name: String,
    /// Its type
    #[arg(long = "type", value_name = "TYPE")]
    type_name: String,
    /// A group that it belongs to; several times for several
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// What its place is called
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
    /// What it is
    #[arg(long, value_name = "TEXT", default_value = "")]
    summary: String,
    /// Who answers for it; the caller where absent
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
}

/// What is to change of a device.
#[derive(Debug, clap::Args)]
struct Updated {
    /// The device
    name: String,
    /// Its type from now on
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// A group that it belongs to, in place of those that it had; several times for several, empty for none
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// What its place is called, in place of the one that it had; empty where it has none any more
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
    /// What it is
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Whether it is kept out
    #[arg(long, value_name = "true|false")]
    disabled: Option<bool>,
}

impl Device {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            DeviceCommand::List(wanted) => list(globals.output, &client, wanted),
            DeviceCommand::Get { name, at } => get(globals.output, &client, &name, at.as_deref()),
            DeviceCommand::Set { name, desired, version } => {
                let mut body = json!({ "desired": fields(&desired)? });
                if let Some(version) = version {
                    body["version"] = version.into();
                }
                let answer = client.send(&routes::device_set(&name).json(&body))?;
                output::one(globals.output, &answer)
            }
            DeviceCommand::Command(given) => give(globals.output, &client, given),
            DeviceCommand::Commands { name, state, limit } => {
                let request = routes::command_list()
                    .query("device", Some(name))
                    .query("state", state)
                    .query("limit", Some(limit));
                output::list(globals.output, &client.list(&request, limit)?, COMMANDS)
            }
            DeviceCommand::Cancel { command } => {
                let number = super::work::bare(&command);
                client.send(&routes::command_cancel(number))?;
                output::line(format!("command/{number} cancelled"));
                Ok(())
            }
            DeviceCommand::Events { name, limit, follow } => {
                events(globals.output, &client, &name, limit, follow)
            }
            DeviceCommand::Create(created) => create(globals.output, &client, created),
            DeviceCommand::Update(updated) => update(globals.output, &client, updated),
            DeviceCommand::Token { name, summary, expires } => {
                let body = json!({"kind": "token", "summary": summary});
                known_by(globals.output, &client, &name, body, expires)
            }
            DeviceCommand::Certificate { name, certificate, summary, expires } => {
                let certificate = certificate_of(&certificate)?;
                let body =
                    json!({"kind": "certificate", "certificate": certificate, "summary": summary});
                known_by(globals.output, &client, &name, body, expires)
            }
            DeviceCommand::Revoke { name, id } => {
                let request = routes::device_revoke_credential(&name).json(&json!({ "id": id }));
                client.send(&request)?;
                output::line(format!("credential {id} of device/{name} revoked"));
                Ok(())
            }
            DeviceCommand::Simulate(simulate) => simulate.run(globals, &client),
        }
    }
}

fn list(format: Format, client: &Client, wanted: Wanted) -> Result<(), Problem> {
    let reported = wanted.reported.as_deref().map(parts).transpose()?;
    let request = routes::device_list()
        .query("type", wanted.type_name)
        .query("group", wanted.group)
        .query("state", wanted.state)
        .query("place", wanted.place)
        .query("owner", wanted.owner)
        .query("text", wanted.search)
        .query("property", reported.map(|(property, _)| property))
        .query("value", reported.map(|(_, value)| value))
        .query("limit", Some(wanted.limit));
    output::list(format, &client.list(&request, wanted.limit)?, DEVICES)
}

/// Shows a twin; as it is now, with the state and the credentials of the device.
fn get(format: Format, client: &Client, name: &str, at: Option<&str>) -> Result<(), Problem> {
    let at = at.map(Time::parse).transpose()?;
    let mut twin = client.send(&routes::device_twin(name).query("at", at))?;
    if at.is_none() {
        let device = client.send(&routes::device_get(name))?;
        for field in ["state", "owner", "place", "groups", "disabled", "presence", "credentials"] {
            twin[field] = device[field].clone();
        }
    }
    if format != Format::Table {
        return output::one(format, &twin);
    }
    let properties = properties(&twin);
    for side in ["desired", "reported"] {
        if let Some(fields) = twin[side].as_object_mut() {
            fields.remove("state");
        }
    }
    output::one(format, &twin)?;
    if !properties.is_empty() {
        let titles = ["PROPERTY", "REPORTED", "DESIRED"].map(str::to_owned);
        output::print(&format!("\n{}", output::table(&titles, &properties)));
    }
    Ok(())
}

/// Returns the properties of a twin, each with what was reported and what is desired.
fn properties(twin: &Value) -> Vec<Vec<String>> {
    let side = |name: &str| twin[name]["state"].as_object().cloned().unwrap_or_default();
    let (reported, desired) = (side("reported"), side("desired"));
    let names: BTreeSet<&String> = reported.keys().chain(desired.keys()).collect();
    let shown = |side: &Map<String, Value>, name: &str| {
        side.get(name).map_or_else(|| "-".to_owned(), output::plain)
    };
    names
        .into_iter()
        .map(|name| vec![name.clone(), shown(&reported, name), shown(&desired, name)])
        .collect()
}

fn give(format: Format, client: &Client, given: Given) -> Result<(), Problem> {
    let mut body = json!({"command": given.command, "input": input_of(&given.input)?});
    if let Some(deadline) = given.deadline {
        body["deadline"] = deadline.into();
    }
    let answer = client.send(&routes::device_command(&given.name).json(&body))?;
    let Some(seconds) = given.wait else { return output::one(format, &answer) };
    let number = answer["command"].to_string();
    let row = answered(client, &number, Duration::from_secs(seconds.into()))?;
    output::one(format, &row)?;
    done(&row)
}

/// Says whether a device has done a command, as it stands.
fn done(row: &Value) -> Result<(), Problem> {
    let command = row["name"].as_str().unwrap_or_default().to_owned();
    match row["state"].as_str().unwrap_or_default() {
        "failed" => {
            let reason = row["problem"].as_str().unwrap_or("it did not say why").to_owned();
            Err(device::Error::Failed { command, reason }.into())
        }
        "expired" => Err(device::Error::Expired { command }.into()),
        "cancelled" => Err(device::Error::CommandOver { state: "cancelled".into() }.into()),
        "waiting" | "sent" => {
            let message = format!("command {}, `{command}`, is not answered yet", row["command"]);
            let hint = "`craton device commands NAME` shows the answer when it has come";
            Err(Problem::new(Code("cli.late", Kind::Unavailable), message).with_hint(hint))
        }
        _ => Ok(()),
    }
}

/// Returns a command once it is over, or as it stands when the time is up.
fn answered(client: &Client, number: &str, patience: Duration) -> Result<Value, Problem> {
    let clock = SystemClock::new();
    let until = clock.monotonic() + patience;
    loop {
        let left = until.saturating_sub(clock.monotonic());
        let wait_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).min(ANSWER_WAIT_MS);
        let row = client.send(&routes::command_get(number).query("wait_ms", Some(wait_ms)))?;
        let is_open = matches!(row["state"].as_str(), Some("waiting" | "sent"));
        if !is_open || left.is_zero() {
            return Ok(row);
        }
    }
}

/// Shows the last events; then, where that is wanted, each as it comes.
fn events(
    format: Format,
    client: &Client,
    name: &str,
    limit: u32,
    is_followed: bool,
) -> Result<(), Problem> {
    let request = routes::device_events(name).query("limit", Some(limit));
    let answer = client.send(&request)?;
    if !is_followed {
        return output::list(format, &answer, EVENTS);
    }
    let mut next = answer["next"].as_str().map(str::to_owned);
    tell(format, &output::items(&answer));
    loop {
        let request = routes::device_events(name)
            .query("limit", Some(limit))
            .query("after", next.clone())
            .query("wait_ms", Some(FOLLOW_WAIT_MS));
        let answer = client.send(&request)?;
        tell(format, &output::items(&answer));
        next = answer["next"].as_str().map(str::to_owned).or(next);
    }
}

/// Writes events one a line: for people, or as JSON.
fn tell(format: Format, events: &[Value]) {
    for event in events {
        match format {
            Format::Table => {
                let [at, what] = ["at", "event"].map(|field| output::plain(&event[field]));
                output::line(format!("{at}   {what}   {}", output::plain(&event["detail"])));
            }
            _ => output::line(event.to_string()),
        }
    }
}

fn create(format: Format, client: &Client, created: Created) -> Result<(), Problem> {
    let name = Name::new(created.name)?;
    let mut body = json!({
        "name": name.as_str(),
        "type": created.type_name,
        "groups": created.groups,
        "summary": created.summary,
    });
    if let Some(place) = created.place {
        body["place"] = json!({ "name": place });
    }
    if let Some(owner) = created.owner {
        body["owner"] = owner.into();
    }
    let answer = client.send(&routes::device_create().json(&body))?;
    match format {
        Format::Table => {
            output::line(format!("device/{} created", name.as_str()));
            Ok(())
        }
        format => output::one(format, &answer),
    }
}

fn update(format: Format, client: &Client, updated: Updated) -> Result<(), Problem> {
    let name = updated.name.clone();
    let answer = client.send(&routes::device_update(&name).json(&changes(updated)?))?;
    match format {
        Format::Table => {
            output::line(format!("device/{name} updated"));
            Ok(())
        }
        format => output::one(format, &answer),
    }
}

/// Returns what is sent of what is to change.
fn changes(updated: Updated) -> Result<Value, Problem> {
    let Updated { name: _, type_name, groups, place, summary, disabled } = updated;
    let is_regrouped = !groups.is_empty();
    let groups: Vec<String> = groups.into_iter().filter(|group| !group.is_empty()).collect();
    let place =
        place.map(|name| if name.is_empty() { Value::Null } else { json!({ "name": name }) });
    let named = [
        ("type", type_name.map(Value::from)),
        ("groups", is_regrouped.then(|| json!(groups))),
        ("place", place),
        ("summary", summary.map(Value::from)),
        ("disabled", disabled.map(Value::from)),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let body: Map<String, Value> = named.collect();
    if body.is_empty() {
        let hint = "name what is to change, for example `--group night` or `--disabled true`";
        return Err(Error::usage("nothing is to change", hint).into());
    }
    Ok(Value::Object(body))
}

/// Gives a device a credential.
fn known_by(
    format: Format,
    client: &Client,
    name: &str,
    mut body: Value,
    expires: Option<String>,
) -> Result<(), Problem> {
    body["expires"] = json!(expires.map(|expires| Time::parse(&expires)).transpose()?);
    let answer = client.send(&routes::device_add_credential(name).json(&body))?;
    output::one(format, &answer)
}

/// Returns what is sent of a certificate: what its file holds, or the fingerprint that stands in its place.
fn certificate_of(text: &str) -> Result<String, Problem> {
    if text.starts_with("sha256:") {
        return Ok(text.to_owned());
    }
    let path = Path::new(text);
    std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, error).into())
}

/// Reads `NAME=VALUE`.
fn parts(text: &str) -> Result<(&str, &str), Problem> {
    text.split_once('=').ok_or_else(|| {
        Error::usage(format!("`{text}` is not a name and a value"), "write `NAME=VALUE`").into()
    })
}

/// Reads several `NAME=VALUE`; values are JSON where they read as JSON, else text.
fn fields(texts: &[String]) -> Result<Map<String, Value>, Problem> {
    let mut all = Map::new();
    for text in texts {
        let (name, value) = parts(text)?;
        all.insert(name.to_owned(), input::value(value));
    }
    Ok(all)
}

/// Reads what goes with a command: whole objects and single fields, later ones over earlier ones.
fn input_of(texts: &[String]) -> Result<Map<String, Value>, Problem> {
    let mut all = Map::new();
    for text in texts {
        if text == "-" || text.starts_with(['@', '{']) {
            all.extend(input::object(text)?);
        } else {
            all.extend(fields(std::slice::from_ref(text))?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_json_where_they_read_as_json() {
        let texts = ["interval_s=30", "mode=eco", "route=null", "note=a=b"].map(str::to_owned);
        let expected = json!({"interval_s": 30, "mode": "eco", "route": null, "note": "a=b"});
        assert_eq!(Value::Object(fields(&texts).expect("reads")), expected);
        let wrong = fields(&["interval_s".to_owned()]).expect_err("refused");
        assert_eq!(
            (wrong.code.as_str(), wrong.hint.as_deref()),
            ("cli.usage", Some("write `NAME=VALUE`"))
        );
    }

    #[test]
    fn what_goes_with_a_command_is_fields_and_objects_one_over_the_other() {
        let texts = ["{\"seconds\": 5, \"door\": \"rear\"}", "seconds=10"].map(str::to_owned);
        let read = Value::Object(input_of(&texts).expect("reads"));
        assert_eq!(read, json!({"seconds": 10, "door": "rear"}));
    }

    #[test]
    fn an_update_says_what_changes_and_nothing_else() {
        let updated = || Updated {
            name: "van-7".into(),
            type_name: None,
            groups: Vec::new(),
            place: None,
            summary: None,
            disabled: None,
        };
        assert_eq!(changes(updated()).expect_err("refused").code, "cli.usage");
        let off = changes(Updated { disabled: Some(false), ..updated() });
        assert_eq!(off.expect("a change"), json!({"disabled": false}));
        let groups = ["night", "north"].map(str::to_owned).to_vec();
        let moved = Updated { groups, place: Some("Campinas".into()), ..updated() };
        let expected = json!({"groups": ["night", "north"], "place": {"name": "Campinas"}});
        assert_eq!(changes(moved).expect("a change"), expected);
        let none = Updated { groups: vec![String::new()], place: Some(String::new()), ..updated() };
        assert_eq!(changes(none).expect("a change"), json!({"groups": [], "place": null}));
    }

    #[test]
    fn a_certificate_is_a_file_or_a_fingerprint() {
        assert_eq!(certificate_of("sha256:9f86").expect("as it is"), "sha256:9f86");
        let absent = certificate_of("craton-no-such-certificate.pem").expect_err("refused");
        assert_eq!(absent.code, "cli.file");
    }

    #[test]
    fn only_a_command_that_was_done_is_a_success() {
        let code = |state: &str| {
            let row = json!({"command": 42, "name": "unlock", "state": state, "problem": null});
            done(&row).map_or_else(|problem| problem.code, |()| "ok".into())
        };
        let states = ["answered", "failed", "expired", "cancelled", "waiting", "sent"];
        assert_eq!(
            states.map(code),
            ["ok", "command.failed", "command.expired", "command.ended", "cli.late", "cli.late"]
        );
    }

    #[test]
    fn both_sides_of_a_twin_stand_beside_each_other() {
        let twin = json!({
            "reported": {"version": 2, "state": {"battery": 77.5, "interval_s": 60}},
            "desired": {"version": 1, "state": {"interval_s": 30, "mode": "eco"}},
        });
        let expected = [["battery", "77.5", "-"], ["interval_s", "60", "30"], ["mode", "-", "eco"]];
        assert_eq!(properties(&twin), expected.map(|row| row.map(str::to_owned).to_vec()).to_vec());
        assert!(properties(&json!({})).is_empty());
    }
}
