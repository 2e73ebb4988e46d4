//! Log lines: as text for people or as JSON for machines, on standard error or in files that take turns. What libraries say comes the
//! same way. The same thing said again and again is said some times a minute and then counted. Secrets are masked, whoever says them.

use crate::{Config, Error, mask};
use base::{Clock, SystemClock, Time};
use kernel::{Kernel, Trace};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

// The events of libraries that use `tracing` come through `log`, by a feature of that crate.
use tracing as _;

const MINUTE_MS: i64 = 60_000;

/// Lines that are told apart to find out which repeat themselves.
const REPEATS_HELD_MAX: usize = 1_000;

/// So much of a message tells what it is about.
const KEY_CHARS: usize = 80;

/// The longest message in characters; what is longer is cut.
const MESSAGE_CHARS_MAX: usize = 4_000;

/// The rooms of Craton: their lines have the unit's own level, those of libraries are warnings and errors only.
const ROOMS: [&str; 11] = [
    "api", "base", "craton", "data", "desk", "exchange", "kernel", "notation", "process", "store",
    "unit",
];

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is written. Each level holds those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may fail, or went wrong and was mended.
    Warn,
    /// What happens seldom: start, stop, what changes how the unit runs.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn of(level: ::log::Level) -> Self {
        match level {
            ::log::Level::Error => Self::Error,
            ::log::Level::Warn => Self::Warn,
            ::log::Level::Info => Self::Info,
            ::log::Level::Debug => Self::Debug,
            ::log::Level::Trace => Self::Trace,
        }
    }

    fn filter(self) -> ::log::LevelFilter {
        match self {
            Self::Off => ::log::LevelFilter::Off,
            Self::Error => ::log::LevelFilter::Error,
            Self::Warn => ::log::LevelFilter::Warn,
            Self::Info => ::log::LevelFilter::Info,
            Self::Debug => ::log::LevelFilter::Debug,
            Self::Trace => ::log::LevelFilter::Trace,
        }
    }
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub level: LogLevel,
    /// The room or the library that says it.
    pub part: &'a str,
    pub message: &'a str,
    /// The code of the problem.
    pub code: Option<&'a str>,
    /// The trace in which it came up.
    pub trace: Option<&'a Trace>,
    /// The id under which a caller heard of it.
    pub call: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(level: LogLevel, part: &'a str, message: &'a str) -> Self {
        Self { level, part, message, code: None, trace: None, call: None }
    }
}

/// Where lines go.
enum Out {
    Error,
    File { path: PathBuf, file: std::fs::File, bytes: u64 },
}

/// How often something was said in a minute.
struct Said {
    minute: i64,
    count: u32,
}

/// Writes log lines.
pub(crate) struct Logger {
    format: LogFormat,
    level: LogLevel,
    levels: BTreeMap<String, LogLevel>,
    repeats_max: u32,
    file_bytes_max: u64,
    files_max: usize,
    clock: SystemClock,
    out: Mutex<Out>,
    said: Mutex<HashMap<String, Said>>,
    /// Whose secrets are masked by their values. A log is there before its unit, and must not keep it.
    kernel: OnceLock<Weak<Kernel>>,
}

impl Logger {
    /// Opens what a unit's configuration says; a file is meant from the unit's folder.
    ///
    /// # Errors
    /// `unit.file` where the file cannot be written.
    pub(crate) fn open(folder: &Path, config: &Config) -> Result<Self, Error> {
        let out = match &config.log_file {
            Some(path) => open(&folder.join(path))?,
            None => Out::Error,
        };
        Ok(Self {
            format: config.log_format,
            level: config.log_level,
            levels: config.log_levels.clone(),
            repeats_max: config.log_repeats_max.max(1),
            file_bytes_max: config.log_file_bytes_max,
            files_max: config.log_files_max,
            clock: SystemClock::new(),
            out: Mutex::new(out),
            said: Mutex::default(),
            kernel: OnceLock::new(),
        })
    }

    /// Has the values masked that a unit knows to be secret, from now on.
    pub(crate) fn knows(&self, kernel: &Arc<Kernel>) {
        // A process has one unit: a second one finds the first.
        let _ = self.kernel.set(Arc::downgrade(kernel));
    }

    fn masked(&self, text: &str) -> String {
        match self.kernel.get().and_then(Weak::upgrade) {
            Some(kernel) => mask::known(&kernel, text),
            None => mask::text(text),
        }
    }

    /// Takes up what libraries and the rooms say. Only the first logger of a process can.
    pub(crate) fn install(self: &Arc<Self>) {
        let most = self.levels.values().copied().fold(self.level, LogLevel::max);
        if ::log::set_boxed_logger(Box::new(Facade(Arc::clone(self)))).is_ok() {
            ::log::set_max_level(most.filter());
        }
    }

    /// Returns whether lines of a part at a level are written.
    pub(crate) fn is_wanted(&self, part: &str, level: LogLevel) -> bool {
        let own = if ROOMS.contains(&part) { self.level } else { self.level.min(LogLevel::Warn) };
        level <= self.levels.get(part).copied().unwrap_or(own)
    }

    /// Writes a line, unless it repeats itself too often.
    pub(crate) fn write(&self, line: &Line<'_>) {
        if !self.is_wanted(line.part, line.level) {
            return;
        }
        let wall = self.clock.wall();
        let (is_new, left_out) = self.note(wall, line);
        if 0 < left_out {
            let message = format!("{left_out} more like the one before: {}", line.message);
            self.put(&self.text(wall, &Line { message: &message, ..*line }));
        }
        if is_new {
            self.put(&self.text(wall, line));
        }
    }

    /// Writes what a unit prints on its terminal as well, where the log does not stand there as text for people.
    pub(crate) fn announce(&self, message: &str) {
        let is_file = {
            let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            matches!(&*out, Out::File { .. })
        };
        if is_file || self.format == LogFormat::Json {
            self.write(&Line::new(LogLevel::Info, "unit", message));
        }
    }

    /// Returns the end of the log file, where there is one.
    pub(crate) fn tail(&self, bytes_max: u64) -> Option<String> {
        use std::io::{Read, Seek, SeekFrom};
        let path = match &*self.out.lock().unwrap_or_else(PoisonError::into_inner) {
            Out::File { path, .. } => path.clone(),
            Out::Error => return None,
        };
        let mut file = std::fs::File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes_max))).ok()?;
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns whether a line is written, and how many like it were left out in an earlier minute and not told yet.
    fn note(&self, wall: Time, line: &Line<'_>) -> (bool, u32) {
        let minute = wall.0.div_euclid(MINUTE_MS);
        let about = line.message.chars().filter(|one| !one.is_ascii_digit()).take(KEY_CHARS);
        let key: String = format!("{} {} ", line.part, line.code.unwrap_or_default())
            .chars()
            .chain(about)
            .collect();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if REPEATS_HELD_MAX <= said.len() && !said.contains_key(&key) {
            said.retain(|_, held| held.minute == minute);
            if REPEATS_HELD_MAX <= said.len() {
                said.clear();
            }
        }
        let held = said.entry(key).or_insert(Said { minute, count: 0 });
        let mut left_out = 0;
        if held.minute != minute {
            left_out = held.count.saturating_sub(self.repeats_max);
            *held = Said { minute, count: 0 };
        }
        held.count = held.count.saturating_add(1);
        (held.count <= self.repeats_max, left_out)
    }

    fn text(&self, wall: Time, line: &Line<'_>) -> String {
        let message: String = self.masked(line.message).chars().take(MESSAGE_CHARS_MAX).collect();
        let trace = line.trace.map(|trace| trace.id.to_string());
        let span = line.trace.map(|trace| trace.span.to_string());
        let fields = [
            ("code", line.code.map(str::to_owned)),
            ("trace", trace),
            ("span", span),
            ("call", line.call.map(str::to_owned)),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        match self.format {
            LogFormat::Text => {
                // A message is one line, whatever it holds.
                let message: String = message.chars().flat_map(shown).collect();
                let fields: String =
                    fields.map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{wall} {:<5} {}: {message}{fields}\n", line.level.as_str(), line.part)
            }
            LogFormat::Json => {
                let mut object = Map::new();
                object.insert("time".into(), wall.to_string().into());
                object.insert("level".into(), line.level.as_str().into());
                object.insert("part".into(), line.part.into());
                object.insert("message".into(), message.into());
                object.extend(fields.map(|(name, value)| (name.to_owned(), Value::from(value))));
                format!("{}\n", Value::Object(object))
            }
        }
    }

    fn put(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *out {
            // Where nobody reads standard error, there is nobody to be told.
            Out::Error => drop(std::io::stderr().lock().write_all(text.as_bytes())),
            Out::File { path, file, bytes } => {
                if self.file_bytes_max < *bytes + text.len() as u64 && 0 < *bytes {
                    let path = path.clone();
                    rotate(&path, self.files_max);
                    match open(&path) {
                        Ok(fresh) => *out = fresh,
                        Err(_) => *bytes = 0,
                    }
                    drop(out);
                    return self.put(text);
                }
                if file.write_all(text.as_bytes()).is_ok() {
                    *bytes += text.len() as u64;
                } else {
                    // A disk that is full: the line is not lost where somebody looks.
                    drop(std::io::stderr().lock().write_all(text.as_bytes()));
                }
            }
        }
    }
}

fn shown(one: char) -> Vec<char> {
    if one.is_control() { one.escape_default().collect() } else { vec![one] }
}

fn open(path: &Path) -> Result<Out, Error> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    // It may lie outside the unit's folder.
    let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = made.map_err(wrong)?;
    let bytes = file.metadata().map_err(wrong)?.len();
    Ok(Out::File { path: path.to_owned(), file, bytes })
}

/// Moves `unit.log` to `unit.log.1`, that to `unit.log.2` and so on; the oldest goes.
fn rotate(path: &Path, files_max: usize) {
    let name = |number: usize| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    for number in (1..files_max).rev() {
        // There may be none of this number yet.
        let _ = std::fs::rename(name(number), name(number + 1));
    }
    let _ = match files_max {
        0 => std::fs::remove_file(path),
        _ => std::fs::rename(path, name(1)),
    };
}

/// What the rooms and libraries speak to.
struct Facade(Arc<Logger>);

impl ::log::Log for Facade {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        self.0.is_wanted(part_of(metadata.target()), LogLevel::of(metadata.level()))
    }

    fn log(&self, record: &::log::Record<'_>) {
        let level = LogLevel::of(record.level());
        let part = part_of(record.target());
        if self.0.is_wanted(part, level) {
            self.0.write(&Line::new(level, part, &record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Returns the room or library of a target such as `rustls::conn`.
fn part_of(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logger(name: &str, change: impl FnOnce(&mut Config)) -> (Logger, PathBuf) {
        let folder = std::env::temp_dir().join(format!("craton-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut config: Config =
            toml::from_str("name = \"a\"\nlisten = \"x\"\nlisten_peers = \"y\"")
                .expect("a configuration");
        config.log_file = Some("unit.log".into());
        change(&mut config);
        (Logger::open(&folder, &config).expect("a logger"), folder)
    }

    fn lines(folder: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(folder.join("unit.log")).expect("a log");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_json_with_the_ids_and_without_secrets() {
        let (logger, folder) = logger("json", |config| config.log_format = LogFormat::Json);
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::parse(parent, "").expect("a trace");
        let message = format!("went wrong with craton_{}\nand more", "a".repeat(64));
        let line = Line::new(LogLevel::Error, "api", &message);
        logger.write(&Line {
            code: Some("kernel.internal"),
            trace: Some(&trace),
            call: Some("17"),
            ..line
        });
        let line: Value = serde_json::from_str(&lines(&folder)[0]).expect("JSON");
        assert_eq!(line["message"], "went wrong with craton_***\nand more");
        assert_eq!(
            (line["level"].as_str(), line["code"].as_str(), line["call"].as_str()),
            (Some("error"), Some("kernel.internal"), Some("17"))
        );
        assert_eq!(line["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_the_unit_knows_to_be_secret_is_masked_whatever_it_looks_like() {
        let (logger, folder) = logger("known", |_| {});
        let options = crate::Options {
            name: "a".into(),
            listen: "127.0.0.1:0".into(),
            listen_peers: "127.0.0.1:0".into(),
            listen_postgres: "127.0.0.1:0".into(),
            clock: crate::Clock::System,
            database: None,
        };
        let unit = folder.join("unit");
        crate::init(&unit, &options).expect("a unit");
        let assembly = crate::assembly::assemble(&unit).expect("put together");
        assembly.kernel.masks().add(b"an ordinary-looking value");
        let say = || {
            logger.write(&Line::new(LogLevel::Warn, "api", "it said: an ordinary-looking value!"));
            lines(&folder).pop().expect("a line")
        };
        assert!(say().contains("an ordinary-looking value"), "nobody has told the log of it yet");
        logger.knows(&assembly.kernel);
        assert!(say().ends_with("api: it said: ***!"));
        drop(assembly);
        assert!(say().contains("it said"), "the log outlives its unit");
    }

    #[test]
    fn text_is_one_line_whatever_it_holds() {
        let (logger, folder) = logger("text", |_| {});
        logger.write(&Line::new(LogLevel::Warn, "store", "a\nb\u{1b}[31m"));
        let lines = lines(&folder);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with(" warn  store: a\\nb\\u{1b}[31m"), "{lines:?}");
    }

    #[test]
    fn levels_are_by_part_and_libraries_say_warnings_only() {
        let (logger, _) = logger("levels", |config| {
            config.log_levels = BTreeMap::from([
                ("exchange".into(), LogLevel::Debug),
                ("rustls".into(), LogLevel::Off),
            ]);
        });
        let wanted = |part: &str, level| logger.is_wanted(part, level);
        assert!(wanted("unit", LogLevel::Info) && !wanted("unit", LogLevel::Debug));
        assert!(wanted("exchange", LogLevel::Debug));
        assert!(wanted("hyper", LogLevel::Warn) && !wanted("hyper", LogLevel::Info));
        assert!(!wanted("rustls", LogLevel::Error));
    }

    #[test]
    fn what_repeats_itself_is_said_some_times_and_then_counted() {
        let (logger, _) = logger("repeats", |config| config.log_repeats_max = 3);
        let line = |message| Line::new(LogLevel::Error, "unit", message);
        let at = |minute: i64| Time(minute * MINUTE_MS);
        let said: Vec<(bool, u32)> =
            ["try 1 failed", "try 2 failed", "try 33 failed", "try 4 failed", "try 5 failed"]
                .map(|message| logger.note(at(7), &line(message)))
                .to_vec();
        assert_eq!(said, [(true, 0), (true, 0), (true, 0), (false, 0), (false, 0)]);
        assert_eq!(logger.note(at(7), &line("something else")), (true, 0));
        assert_eq!(logger.note(at(8), &line("try 6 failed")), (true, 2));
    }

    #[test]
    fn a_file_that_is_full_makes_way() {
        let (logger, folder) = logger("rotation", |config| {
            (config.log_file_bytes_max, config.log_files_max, config.log_repeats_max) =
                (200, 2, 1_000);
        });
        for number in 0..20 {
            logger.write(&Line::new(
                LogLevel::Info,
                "unit",
                &format!("line {number} {}", "x".repeat(60)),
            ));
        }
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["unit.log", "unit.log.1", "unit.log.2"]);
        for name in names {
            let is_open = crate::files::is_open_to_others(&folder.join(&name)).expect("looked");
            assert!(!is_open, "{name}");
        }
        assert!(lines(&folder).last().expect("a line").contains("line 19 "));
        assert!(logger.tail(50).expect("a tail").len() <= 50);
    }
}
