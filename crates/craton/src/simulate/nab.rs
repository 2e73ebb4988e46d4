//! The Numenta Anomaly Benchmark: folders of CSV files with `timestamp,value`, zipped or not. A file is a device.

use super::fleet::{Fleet, Reading, Readings, Series, Stream, device_name, manifests};
use crate::error::Error;
use base::{Problem, Time};
use serde_json::{Map, json};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What tells its folder from others.
const LABELS: &str = "combined_windows.json";

/// The name of the type where the user gives none.
const TYPE: &str = "nab";

/// Files whose devices have shorter names: those that the rules of `examples/anomalies` name.
const NAMES: [(&str, &str); 3] = [
    ("machine_temperature_system_failure", "machine-temperature"),
    ("ambient_temperature_system_failure", "ambient-temperature"),
    ("nyc_taxi", "taxi-passengers"),
];

/// The channel of a reading, behind `devices/NAME/`.
const TOPIC: &str = "telemetry/reading";

const READINGS: Stream = Stream {
    channel: "reading",
    is_event: false,
    name: "",
    summary: "Readings of the Numenta Anomaly Benchmark",
    columns: &[("value", "float", "")],
};

/// Returns whether a folder holds the benchmark.
pub fn is_in(folder: &Path) -> bool {
    folder.join(LABELS).is_file()
}

/// Returns the fleet of a folder.
///
/// # Errors
/// `cli.file` where it cannot be read.
pub fn fleet(folder: &Path, type_name: Option<&str>) -> Result<Fleet, Problem> {
    let type_name = type_name.unwrap_or(TYPE).to_owned();
    let mut series = Vec::new();
    for group in entries(folder)?.iter().filter(|path| path.is_dir()) {
        for path in entries(group)? {
            let file = name_of(&path);
            let Some(stem) = file.strip_suffix(".csv.gz").or_else(|| file.strip_suffix(".csv"))
            else {
                continue;
            };
            series.push(Series {
                device: named(stem),
                summary: format!("{}/{stem} of the Numenta Anomaly Benchmark", name_of(group)),
                group: Some(device_name(&name_of(group))),
                place: None,
                readings: readings(&path)?,
            });
        }
    }
    let manifests =
        manifests(&type_name, "A series of the Numenta Anomaly Benchmark", &[READINGS], Map::new());
    Ok(Fleet { type_name, manifests, series, is_live: false })
}

fn named(stem: &str) -> String {
    let short = NAMES.iter().find(|(file, _)| *file == stem);
    short.map_or_else(|| device_name(stem), |(_, name)| (*name).to_owned())
}

/// Returns what is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let found = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let mut paths: Vec<PathBuf> = found.map_err(|error| Error::unreadable(folder, error))?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Opens a file; its lines are read when they are played.
fn readings(path: &Path) -> Result<Readings, Problem> {
    let file = File::open(path).map_err(|error| Error::unreadable(path, error))?;
    let bytes = BufReader::new(file);
    let is_zipped = path.extension().is_some_and(|ending| ending == "gz");
    let plain: Box<dyn Read + Send> = if is_zipped {
        Box::new(flate2::bufread::MultiGzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    };
    let shown = path.display().to_string();
    let records = csv::Reader::from_reader(plain).into_records();
    Ok(Box::new(records.map(move |record| {
        let record = record.map_err(|error| wrong(&shown, None, &error.to_string()))?;
        let line = record.position().map(csv::Position::line);
        let odd = || wrong(&shown, line, "it is no `timestamp,value`");
        let at = record.get(0).and_then(|text| Time::parse(text).ok()).ok_or_else(odd)?;
        let value: f64 = record.get(1).and_then(|text| text.parse().ok()).ok_or_else(odd)?;
        let payload = Map::from_iter([("at".into(), json!(at)), ("value".into(), json!(value))]);
        Ok(Reading { at, topic: TOPIC, payload })
    })))
}

/// Returns that a file holds something else than readings.
fn wrong(file: &str, line: Option<u64>, reason: &str) -> Problem {
    let place = line.map_or(String::new(), |line| format!(", line {line}"));
    let hint =
        "name the folder of the benchmark as it was published, with its folders of CSV files";
    Error::usage(format!("`{file}`{place}: {reason}"), hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Makes a folder of the benchmark with one plain and one zipped file.
    fn folder(test: &str, rows: &str) -> PathBuf {
        let name = format!("craton-nab-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let group = folder.join("realKnownCause");
        std::fs::create_dir_all(&group).expect("makes the folder");
        std::fs::write(folder.join(LABELS), "{}").expect("writes");
        std::fs::write(group.join("i-a2_NetworkIn.csv"), rows).expect("writes");
        let zipped = File::create(group.join("nyc_taxi.csv.gz")).expect("makes the file");
        let mut writer = flate2::write::GzEncoder::new(zipped, flate2::Compression::fast());
        writer.write_all(rows.as_bytes()).expect("writes");
        writer.finish().expect("writes");
        folder
    }

    #[test]
    fn each_file_is_a_device_with_its_own_times() {
        let folder =
            folder("good", "timestamp,value\n2013-12-02 21:15:00,73.5\n2013-12-02 21:20:00,7\n");
        assert!(is_in(&folder) && !is_in(&folder.join("realKnownCause")));
        let fleet = fleet(&folder, None).expect("reads");
        let read: Vec<(String, Vec<Reading>)> = fleet
            .series
            .into_iter()
            .map(|series| {
                let readings: Result<Vec<Reading>, Problem> = series.readings.collect();
                (series.device, readings.expect("reads"))
            })
            .collect();
        std::fs::remove_dir_all(&folder).expect("removes");
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            (fleet.type_name.as_str(), names),
            ("nab", vec!["i-a2-networkin", "taxi-passengers"])
        );
        assert_eq!(read[0].1, read[1].1, "zipped or not, the readings are the same");
        assert_eq!(
            read[0].1.iter().map(|reading| reading.payload["value"].clone()).collect::<Vec<_>>(),
            [json!(73.5), json!(7.0)]
        );
        assert_eq!(read[0].1[1].at, Time::parse("2013-12-02T21:20:00Z").expect("a time"));
    }

    #[test]
    fn a_line_that_is_no_reading_is_named() {
        let folder = folder("bad", "timestamp,value\n2013-12-02 21:15:00,warm\n");
        let mut fleet = fleet(&folder, Some("other")).expect("opens");
        let problem = fleet.series[0].readings.next().expect("a line").expect_err("it is refused");
        std::fs::remove_dir_all(&folder).expect("removes");
        assert_eq!(problem.code, "cli.usage");
        assert!(problem.message.contains("i-a2_NetworkIn.csv`, line 2:"), "{}", problem.message);
    }
}
