//! What rules must find, computed the slow way: for each row all rows before it are looked at again.

use serde_json::Value;

/// A row that counts, of one device.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub offset: u64,
    pub at: i64,
    pub arrived: i64,
    pub value: Option<f64>,
}

/// A crossing: its number and when it was.
pub type Found = (u64, i64);

/// Returns the rows of a device that count, by their time.
pub fn considered(rows: &[Point]) -> Vec<Point> {
    let is_late = |number: usize| rows[..number].iter().any(|before| rows[number].at < before.at);
    (0..rows.len()).filter(|number| !is_late(*number)).map(|number| rows[number]).collect()
}

/// Returns the crossings of `becomes`: value above a bound.
pub fn becomes(points: &[Point], above: f64) -> Vec<Found> {
    crossings(points.iter().filter_map(|point| {
        let value = point.value?;
        Some((above < value, (point.offset, point.at)))
    }))
}

/// Returns the crossings of `stays`: value above a bound for a time, in steps of `gap` at most.
pub fn stays(points: &[Point], above: f64, hold: i64, gap: Option<i64>) -> Vec<Found> {
    let known: Vec<(Point, bool)> = points
        .iter()
        .filter_map(|point| point.value.map(|value| (*point, above < value)))
        .collect();
    let mut found = Vec::new();
    for (number, (point, is_true)) in known.iter().enumerate() {
        if !is_true {
            continue;
        }
        // Back to where the run began.
        let mut first = number;
        while 0 < first
            && known[first - 1].1
            && gap.is_none_or(|gap| known[first].0.at - known[first - 1].0.at <= gap)
        {
            first -= 1;
        }
        let holds = |number: usize| hold <= known[number].0.at - known[first].0.at;
        if holds(number) && (first..number).all(|before| !holds(before)) {
            found.push((point.offset, point.at));
        }
    }
    found
}

/// Returns the crossings of `leaves`.
pub fn leaves(points: &[Point], low: f64, high: f64, hysteresis: f64) -> Vec<Found> {
    let markers: Vec<(bool, Found)> = points
        .iter()
        .filter_map(|point| {
            let value = point.value?;
            let is_out = value < low || high < value;
            let is_in = low + hysteresis <= value && value <= high - hysteresis;
            (is_out || is_in).then_some((is_out, (point.offset, point.at)))
        })
        .collect();
    let pairs = markers.windows(2).filter(|pair| !pair[0].0 && pair[1].0);
    pairs.map(|pair| pair[1].1).collect()
}

/// Returns the crossings of `rises`, or of `falls`.
pub fn rises(points: &[Point], by: f64, within: i64, is_falling: bool) -> Vec<Found> {
    crossings(points.iter().enumerate().filter_map(|(number, point)| {
        let value = point.value?;
        let change = points[..=number]
            .iter()
            .filter(|before| point.at - within < before.at)
            .filter_map(|before| before.value)
            .map(|before| if is_falling { before - value } else { value - before })
            .fold(0.0, f64::max);
        Some((by <= change, (point.offset, point.at)))
    }))
}

/// Returns the crossings of `window`: what `of` makes of the values is above a bound.
pub fn window(
    points: &[Point],
    every: i64,
    of: fn(&[f64]) -> Option<f64>,
    above: f64,
) -> Vec<Found> {
    let mut windows: Vec<(i64, Vec<f64>)> = Vec::new();
    for point in points {
        let end = (point.at.div_euclid(every) + 1) * every;
        if windows.last().is_none_or(|(last, _)| *last != end) {
            windows.push((end, Vec::new()));
        }
        windows.last_mut().expect("a window").1.extend(point.value);
    }
    // The last one is open.
    windows.pop();
    crossings(windows.into_iter().filter_map(|(end, values)| {
        let number = u64::try_from(end).expect("a time after 1970");
        Some((above < of(&values)?, (number, end)))
    }))
}

/// Returns the crossings of `silent` of all rows of a device, late or not, as of a time.
pub fn silent(rows: &[Point], hold: i64, now: i64) -> Vec<Found> {
    let nexts = rows.iter().skip(1).map(|row| row.arrived).chain([now]);
    let pauses = rows.iter().zip(nexts).filter(|(row, next)| hold < next - row.arrived);
    pauses
        .map(|(row, _)| {
            let end = row.arrived + hold;
            (u64::try_from(end).expect("a time after 1970"), end)
        })
        .collect()
}

/// Returns where a marker is on and the one before was not.
fn crossings(markers: impl Iterator<Item = (bool, Found)>) -> Vec<Found> {
    let markers: Vec<(bool, Found)> = markers.collect();
    let is_new = |number: usize| number == 0 || !markers[number - 1].0;
    (0..markers.len())
        .filter(|number| markers[*number].0 && is_new(*number))
        .map(|number| markers[number].1)
        .collect()
}

/// Reads a row of the stream.
pub fn point(offset: usize, row: &Value) -> Point {
    let time =
        |name: &str| base::Time::parse(row[name].as_str().expect("a time")).expect("a time").0;
    Point {
        offset: offset as u64,
        at: time("at"),
        arrived: time("received_at"),
        value: row["temperature"].as_f64(),
    }
}
