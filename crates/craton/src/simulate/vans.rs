//! Delivery vans that are made up: they drive between stops, tell where they are, and open a door where they stop. They go on for ever.

use super::fleet::{Fleet, Reading, Series, Stream, manifests};
use base::{Entropy, SeededEntropy, Time};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// The name of the type where the user gives none.
const TYPE: &str = "simulated-van";

/// Between two positions, in milliseconds.
const STEP_MS: i64 = 10_000;

/// Positions between two reports of the battery.
const REPORT_STEPS: u64 = 30;

/// Kilometres of a degree of latitude.
const DEGREE_KM: f64 = 111.2;

/// Where vans begin: the place, degrees north and east.
const DEPOTS: [(&str, f64, f64); 4] = [
    ("Campinas", -22.905, -47.061),
    ("São Paulo", -23.548, -46.636),
    ("Curitiba", -25.428, -49.267),
    ("Salvador", -12.971, -38.501),
];

const STREAMS: [Stream; 2] = [
    Stream {
        channel: "position",
        is_event: false,
        name: "positions",
        summary: "Where vans are",
        columns: &[("lat", "float", "°"), ("lon", "float", "°"), ("speed", "float", "km/h")],
    },
    Stream {
        channel: "door_opened",
        is_event: true,
        name: "doors",
        summary: "Doors of vans that were opened",
        columns: &[("door", "text", "")],
    },
];

/// Returns a fleet of so many vans; the same seed gives the same ways.
pub fn fleet(count: usize, seed: u64, type_name: Option<&str>) -> Fleet {
    let type_name = type_name.unwrap_or(TYPE).to_owned();
    let manifests = manifests(&type_name, "A delivery van that is played", &STREAMS, twin());
    let series = (1..=count).map(|number| {
        let (place, lat, lon) = DEPOTS[number % DEPOTS.len()];
        let dice = SeededEntropy::new(seed ^ ((number as u64) << 32));
        Series {
            device: format!("{type_name}-{number:03}"),
            summary: "A delivery van that is played".into(),
            group: Some(if number % 2 == 0 { "night" } else { "day" }.into()),
            place: Some((place.into(), lat, lon)),
            readings: Box::new(Van::new(dice, lat, lon).map(Ok)),
        }
    });
    let series = series.collect();
    Fleet { type_name, manifests, series, is_live: true }
}

/// Returns what vans report of themselves, and what they can be told.
fn twin() -> Map<String, Value> {
    let properties = json!([
        {"name": "firmware", "type": "text", "indexed": true},
        {"name": "battery", "type": "int", "unit": "%", "indexed": true},
        {"name": "doors", "type": "text", "summary": "open or closed"},
        {"name": "mode", "type": "text", "summary": "eco or fast", "desired": true},
    ]);
    let commands = json!([{
        "name": "unlock",
        "summary": "Unlocks the rear door",
        "input": [{"name": "seconds", "type": "int", "unit": "s"}],
    }]);
    Map::from_iter([("properties".into(), properties), ("commands".into(), commands)])
}

/// A van on its way.
struct Van {
    dice: SeededEntropy,
    step: u64,
    lat: f64,
    lon: f64,
    /// Where it is going, in radians from the east.
    heading: f64,
    battery: f64,
    /// Steps that it still stands.
    stands: u64,
    /// What it says before it goes on.
    said: VecDeque<Reading>,
}

impl Van {
    fn new(dice: SeededEntropy, lat: f64, lon: f64) -> Self {
        let mut van = Self {
            dice,
            step: 0,
            lat,
            lon,
            heading: 0.0,
            battery: 100.0,
            stands: 0,
            said: VecDeque::new(),
        };
        van.heading = van.share() * std::f64::consts::TAU;
        van.battery = 60.0 + 40.0 * van.share();
        van
    }

    /// Returns a number from 0 to 1.
    fn share(&self) -> f64 {
        (self.dice.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Goes on for one step.
    fn go(&mut self) {
        if self.step == 0 {
            self.report(&[("firmware", json!("2.4.1")), ("doors", json!("closed"))]);
        }
        if self.step.is_multiple_of(REPORT_STEPS) {
            self.report(&[("battery", json!(self.battery.round() as i64))]);
        }
        let speed = self.drive();
        let place = |degrees: f64| json!((degrees * 1e5).round() / 1e5);
        let (lat, lon) = (place(self.lat), place(self.lon));
        let position =
            [("lat", lat), ("lon", lon), ("speed", json!((speed * 10.0).round() / 10.0))];
        self.say("telemetry/position", &position);
        self.step += 1;
    }

    /// Moves, or stops, and returns how fast it is in km/h.
    fn drive(&mut self) -> f64 {
        if 0 < self.stands {
            self.stands -= 1;
            if self.stands == 0 {
                self.report(&[("doors", json!("closed"))]);
            }
            return 0.0;
        }
        if self.share() < 0.05 {
            self.stands = 3 + (self.share() * 9.0) as u64;
            self.say("events/door_opened", &[("door", json!("rear"))]);
            self.report(&[("doors", json!("open"))]);
            return 0.0;
        }
        self.heading += (self.share() - 0.5) * 0.8;
        let speed = 20.0 + 50.0 * self.share();
        let way = speed * STEP_MS as f64 / 3_600_000.0 / DEGREE_KM;
        self.lat += way * self.heading.sin();
        self.lon += way * self.heading.cos() / self.lat.to_radians().cos();
        self.battery = if self.battery < 15.0 { 100.0 } else { self.battery - 0.05 };
        speed
    }

    fn report(&mut self, fields: &[(&str, Value)]) {
        self.push("twin/reported", fields);
    }

    /// Says something that has the time in it.
    fn say(&mut self, topic: &'static str, fields: &[(&str, Value)]) {
        self.push(topic, fields);
        if let Some(said) = self.said.back_mut() {
            said.payload.insert("at".into(), json!(said.at));
        }
    }

    fn push(&mut self, topic: &'static str, fields: &[(&str, Value)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let at = Time(i64::try_from(self.step).unwrap_or(i64::MAX).saturating_mul(STEP_MS));
        self.said.push_back(Reading { at, topic, payload: fields.collect() });
    }
}

impl Iterator for Van {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        while self.said.is_empty() {
            self.go();
        }
        self.said.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Problem;
    use std::collections::BTreeSet;

    fn said(seed: u64) -> Vec<Reading> {
        let series = fleet(1, seed, None).series.remove(0);
        let read: Result<Vec<Reading>, Problem> = series.readings.take(2_000).collect();
        read.expect("nothing is read from anywhere")
    }

    #[test]
    fn a_seed_gives_the_same_way_and_another_one_another() {
        assert_eq!(said(7), said(7));
        assert_ne!(said(7), said(8));
    }

    #[test]
    fn a_van_drives_stops_and_reports_in_the_order_of_time() {
        let said = said(1);
        assert!(said.is_sorted_by_key(|reading| reading.at));
        let topics: BTreeSet<&str> = said.iter().map(|reading| reading.topic).collect();
        assert_eq!(
            topics.into_iter().collect::<Vec<_>>(),
            ["events/door_opened", "telemetry/position", "twin/reported"]
        );
        let positions: Vec<&Reading> =
            said.iter().filter(|reading| reading.topic == "telemetry/position").collect();
        let pairs = positions.windows(2);
        for pair in pairs {
            let [lat, lon] = ["lat", "lon"].map(|name| {
                let at = |reading: &Reading| reading.payload[name].as_f64().expect("a number");
                (at(pair[1]) - at(pair[0])).abs()
            });
            // 70 km/h in 10 s are less than 200 m.
            assert!(lat < 0.003 && lon < 0.003, "{lat} {lon}");
        }
        let is_at = |reading: &&Reading| reading.payload["at"] == json!(reading.at);
        assert!(positions.iter().all(is_at));
        let battery = said.iter().filter_map(|reading| reading.payload.get("battery"));
        assert!(battery.clone().count() > 10 && battery.clone().all(Value::is_i64));
    }
}
