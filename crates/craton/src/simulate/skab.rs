//! The Skoltech Anomaly Benchmark: one Parquet file with the experiments of a water-circulation test bed. An experiment is a device.

use super::fleet::{Fleet, Reading, Series, Stream, device_name, manifests};
use crate::error::Error;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use base::{Problem, Time};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// The file in the folder.
const FILE: &str = "skab.parquet";

/// The name of the type where the user gives none.
const TYPE: &str = "skab";

/// The channel of a reading, behind `devices/NAME/`.
const TOPIC: &str = "telemetry/reading";

/// What the test bed measures: the column of the file, of the stream.
const MEASURED: [(&str, &str); 8] = [
    ("Accelerometer1RMS", "accelerometer_1"),
    ("Accelerometer2RMS", "accelerometer_2"),
    ("Current", "current"),
    ("Pressure", "pressure"),
    ("Temperature", "temperature"),
    ("Thermocouple", "thermocouple"),
    ("Voltage", "voltage"),
    ("Volume Flow RateRMS", "flow"),
];

const READINGS: Stream = Stream {
    channel: "reading",
    is_event: false,
    name: "",
    summary: "Readings of the Skoltech Anomaly Benchmark",
    columns: &[
        ("accelerometer_1", "float", "g"),
        ("accelerometer_2", "float", "g"),
        ("current", "float", "A"),
        ("pressure", "float", "bar"),
        ("temperature", "float", "°C"),
        ("thermocouple", "float", "°C"),
        ("voltage", "float", "V"),
        ("flow", "float", "l/min"),
    ],
};

/// Returns whether a folder holds the benchmark.
pub fn is_in(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}

/// Returns the fleet of a folder.
///
/// # Errors
/// `cli.file` where it cannot be read, `cli.usage` where it holds something else.
pub fn fleet(folder: &Path, type_name: Option<&str>) -> Result<Fleet, Problem> {
    let type_name = type_name.unwrap_or(TYPE).to_owned();
    let path = folder.join(FILE);
    let file = File::open(&path).map_err(|error| Error::unreadable(&path, error))?;
    let failed = |error: &dyn std::fmt::Display| wrong(&path, &error.to_string());
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|error| failed(&error))?;
    let mut experiments: BTreeMap<String, Vec<Reading>> = BTreeMap::new();
    for batch in reader {
        let batch = batch.map_err(|error| failed(&error))?;
        take(&batch, &mut experiments).map_err(|reason| wrong(&path, &reason))?;
    }
    let series = experiments.into_iter().map(|(experiment, mut readings)| {
        readings.sort_by_key(|reading| reading.at);
        let name = experiment.trim_end_matches(".csv");
        Series {
            device: device_name(name),
            summary: format!("{name} of the Skoltech Anomaly Benchmark"),
            group: name.split('/').next().map(device_name),
            place: None,
            readings: Box::new(readings.into_iter().map(Ok)),
        }
    });
    let series = series.collect();
    let manifests = manifests(&type_name, "A water-circulation test bed", &[READINGS], Map::new());
    Ok(Fleet { type_name, manifests, series, is_live: false })
}

/// Takes the readings of a batch.
fn take(
    batch: &RecordBatch,
    experiments: &mut BTreeMap<String, Vec<Reading>>,
) -> Result<(), String> {
    let names = column(batch, "experiment", &DataType::Utf8)?;
    let times = column(batch, "datetime", &DataType::Timestamp(TimeUnit::Millisecond, None))?;
    let (names, times) =
        (names.as_string::<i32>(), times.as_primitive::<TimestampMillisecondType>());
    let measured = MEASURED
        .iter()
        .map(|(title, name)| Ok((*name, column(batch, title, &DataType::Float64)?)))
        .collect::<Result<Vec<(&str, ArrayRef)>, String>>()?;
    for row in 0..batch.num_rows() {
        if names.is_null(row) || times.is_null(row) {
            return Err("a row has no experiment or no time".into());
        }
        let at = Time(times.value(row));
        let mut payload: Map<String, Value> = Map::from_iter([("at".into(), json!(at))]);
        for (name, values) in &measured {
            let values = values.as_primitive::<Float64Type>();
            if values.is_valid(row) {
                payload.insert((*name).into(), json!(values.value(row)));
            }
        }
        let reading = Reading { at, topic: TOPIC, payload };
        experiments.entry(names.value(row).to_owned()).or_default().push(reading);
    }
    Ok(())
}

fn column(batch: &RecordBatch, title: &str, wanted: &DataType) -> Result<ArrayRef, String> {
    let found = batch.column_by_name(title).ok_or_else(|| format!("it has no column `{title}`"))?;
    cast(found, wanted).map_err(|error| format!("column `{title}`: {error}"))
}

fn wrong(path: &Path, reason: &str) -> Problem {
    let hint = "name the folder with the benchmark as one Parquet file, `skab.parquet`";
    Error::usage(format!("`{}`: {reason}", path.display()), hint).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, StringArray, TimestampMicrosecondArray};
    use std::sync::Arc;

    /// Returns rows of two experiments, the later reading of the first one first.
    fn batch() -> RecordBatch {
        let names: ArrayRef =
            Arc::new(StringArray::from(vec!["valve1/0.csv", "other/5.csv", "valve1/0.csv"]));
        let times: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![2_000_000, 5_000_000, 1_000_000]));
        let mut columns = vec![("experiment", names), ("datetime", times)];
        for (title, _) in MEASURED {
            let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None, Some(1.5)]));
            columns.push((title, values));
        }
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, values)| (name, values, true)),
        )
        .expect("a batch")
    }

    #[test]
    fn an_experiment_is_a_device_and_its_readings_are_in_the_order_of_time() {
        let folder = std::env::temp_dir().join(format!("craton-skab-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("makes the folder");
        let file = File::create(folder.join(FILE)).expect("makes the file");
        let batch = batch();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("writes");
        writer.close().expect("writes");
        let fleet = fleet(&folder, None).expect("reads");
        std::fs::remove_dir_all(&folder).expect("removes");
        let mut read = Vec::new();
        for series in fleet.series {
            for reading in series.readings {
                let Reading { at, payload, .. } = reading.expect("reads");
                read.push((series.device.clone(), at.0, payload.get("flow").cloned()));
            }
        }
        let expected = [
            ("other-5", 5_000, None),
            ("valve1-0", 1_000, Some(1.5)),
            ("valve1-0", 2_000, Some(0.5)),
        ];
        let expected = expected
            .map(|(name, at, flow)| (name.to_owned(), at, flow.map(|flow: f64| json!(flow))));
        assert_eq!(read, expected);
    }

    #[test]
    fn a_file_without_a_column_is_refused() {
        let batch = batch();
        let columns: Vec<usize> = (0..batch.num_columns() - 1).collect();
        let batch = batch.project(&columns).expect("fewer columns");
        let refused = take(&batch, &mut BTreeMap::new()).expect_err("it is refused");
        assert_eq!(refused, "it has no column `Volume Flow RateRMS`");
    }
}
