//! `craton device simulate`.

use super::door::Door;
use super::drive::{self, Pace, Said};
use super::fleet::Fleet;
use super::{nab, setup, skab, vans};
use crate::{arguments::Globals, client::Client, error::Error, output, output::Column, supervise};
use base::{Name, Period, Problem};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Vans that are played where the user does not say how many.
const VANS: usize = 10;

/// How many times as fast recorded series are played as they were taken, where the user does not say.
const SPEED: f64 = 60.0;

const SAID: &[Column] = &[
    Column("DEVICE", &["device"]),
    Column("MESSAGES", &["messages"]),
    Column("SET ASIDE", &["set_aside"]),
    Column("FROM", &["from"]),
    Column("TO", &["to"]),
    Column("PROBLEM", &["problem"]),
];

/// What is played, and how.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// The folder of recorded series (the benchmarks NAB and SKAB); vans that are made up where absent
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The name of the type; it is made with its streams where there is none of that name
    #[arg(long = "type", value_name = "NAME")]
    type_name: Option<String>,
    /// Only this device; several times for several
    #[arg(long = "device", value_name = "NAME")]
    devices: Vec<String>,
    /// So many devices at most; 10 vans where absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    count: Option<u16>,
    /// How many times as fast as they were taken readings are played, 60 where absent; of vans, how many times as often they report. 0: one after the other
    #[arg(long, value_name = "TIMES", value_parser = speed_of)]
    speed: Option<f64>,
    /// So many messages of each device at most
    #[arg(long, value_name = "N")]
    readings: Option<u64>,
    /// For how long, for example PT10M; until the end of the series, or Ctrl-C, where absent
    #[arg(long = "for", value_name = "DURATION")]
    lasting: Option<String>,
    /// Where the unit takes MQTT: HOST:PORT, or mqtts://HOST:PORT with `--certificate`; what its `unit.toml` says where absent
    #[arg(long, value_name = "ADDRESS")]
    mqtt: Option<String>,
    /// The quality of service: 0 at most once, 1 at least once, 2 exactly once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// The seed of vans: the same seed, the same ways
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Simulate {
    /// Plays the fleet, and shows what each device has said.
    ///
    /// # Errors
    /// `cli.usage`, what the unit says, or why the first device broke off that did.
    pub fn run(self, globals: &Globals, client: &Client) -> Result<(), Problem> {
        let door = Door::find(globals, self.mqtt.as_deref())?;
        let fleet = self.fleet()?;
        let lasting = self.lasting.as_deref().map(Period::parse).transpose()?;
        let pace = Pace {
            speed: self.speed.unwrap_or(if fleet.is_live { 1.0 } else { SPEED }),
            lasting: lasting.map(|lasting| Duration::from_millis(lasting.0.max(0).unsigned_abs())),
            readings_max: self.readings,
            qos: self.qos,
            is_live: fleet.is_live,
            stop: Arc::default(),
        };
        stop_by_signal(&pace.stop)?;
        setup::make_type(client, &fleet)?;
        let mut given = Vec::new();
        let played = setup::make_devices(client, fleet, &mut given).and_then(|played| {
            let (said, problem) = drive::play(played, &door, &pace);
            show(globals, &said)?;
            problem.map_or(Ok(()), Err)
        });
        // The tokens go also where something failed; why it failed is what counts then.
        played.and(setup::end_tokens(client, &given))
    }

    /// Returns the fleet that is wanted.
    fn fleet(&self) -> Result<Fleet, Problem> {
        let type_name = self.type_name.clone().map(Name::new).transpose()?;
        let type_name = type_name.as_ref().map(Name::as_str);
        let mut fleet = match &self.data {
            None => vans::fleet(self.count.map_or(VANS, usize::from), self.seed, type_name),
            Some(folder) => recorded(folder, type_name)?,
        };
        if !self.devices.is_empty() {
            fleet.series.retain(|series| self.devices.contains(&series.device));
        }
        fleet.series.truncate(self.count.map_or(usize::MAX, usize::from));
        if fleet.series.is_empty() {
            let hint = "leave `--device` out to see the names of all";
            return Err(Error::usage("there is no such device to play", hint).into());
        }
        Ok(fleet)
    }
}

fn recorded(folder: &Path, type_name: Option<&str>) -> Result<Fleet, Problem> {
    if nab::is_in(folder) {
        return nab::fleet(folder, type_name);
    }
    if skab::is_in(folder) {
        return skab::fleet(folder, type_name);
    }
    let reason = format!("`{}` has no recorded series that are known", folder.display());
    let hint = "name the folder of NAB (with `combined_windows.json`) or of SKAB (with `skab.parquet`), or leave `--data` out";
    Err(Error::usage(reason, hint).into())
}

/// Has Ctrl-C end the play and not the program, so that what was said is shown and the tokens go; a second one ends it at once.
fn stop_by_signal(stop: &Arc<AtomicBool>) -> Result<(), Problem> {
    let stop = Arc::clone(stop);
    supervise::on_signal(move |signal| {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(128 + signal);
        }
        true
    })
}

fn show(globals: &Globals, said: &[Said]) -> Result<(), Problem> {
    output::list(globals.output, &json!({ "items": said }), SAID)
}

fn speed_of(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if 0.0 <= speed && f64::is_finite(speed) => Ok(speed),
        _ => Err("a number from 0 on is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_from_zero_on() {
        assert_eq!((speed_of("0"), speed_of("1.5")), (Ok(0.0), Ok(1.5)));
        for wrong in ["-1", "inf", "NaN", "fast"] {
            assert!(speed_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_folder_of_something_else_is_refused() {
        let refused = recorded(&std::env::temp_dir().join("craton-no-series"), None);
        assert_eq!(refused.map(|_| ()).expect_err("refused").code, "cli.usage");
    }

    #[test]
    fn only_the_devices_that_were_named_are_played() {
        let simulate = |devices: &[&str], count| Simulate {
            data: None,
            type_name: Some("courier".into()),
            devices: devices.iter().map(|name| (*name).to_owned()).collect(),
            count,
            speed: None,
            readings: None,
            lasting: None,
            mqtt: None,
            qos: 1,
            seed: 1,
        };
        let names = |simulate: Simulate| {
            simulate.fleet().map(|fleet| {
                fleet.series.into_iter().map(|series| series.device).collect::<Vec<_>>()
            })
        };
        assert_eq!(names(simulate(&["courier-002"], None)).expect("a fleet"), ["courier-002"]);
        assert_eq!(names(simulate(&[], Some(3))).expect("a fleet").len(), 3);
        assert_eq!(names(simulate(&["courier-999"], None)).expect_err("refused").code, "cli.usage");
    }
}
