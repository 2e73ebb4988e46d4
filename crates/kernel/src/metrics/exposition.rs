//! The text format of Prometheus, version 0.0.4: families with their help and type, each sample on a line.

use super::Histogram;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The media type of the text.
pub(crate) const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The longest value of a label in characters; what is longer is cut.
const LABEL_CHARS_MAX: usize = 200;

/// The family in which it stands how many series were left out.
const LEFT_OUT: &str = "craton_metric_series_left_out";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Counter,
    Gauge,
    Histogram,
}

impl Shape {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
enum Measured {
    Number(f64),
    Distribution { buckets: Vec<(f64, u64)>, sum: f64 },
}

#[derive(Debug)]
struct Family {
    help: &'static str,
    shape: Shape,
    series: BTreeMap<Labels, Measured>,
}

/// One line, for SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name, with the ending of its part where it is a distribution.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The labels in their order.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// What is measured, as it is being collected. A family stands together, whoever adds to it; the same labels twice are added up.
#[derive(Debug)]
pub struct Exposition {
    families: BTreeMap<&'static str, Family>,
    series_max: usize,
    left_out: BTreeMap<&'static str, u64>,
}

impl Exposition {
    /// Returns an empty one. A family has so many series at most; further ones are counted and not told.
    pub fn new(series_max: usize) -> Self {
        Self { families: BTreeMap::new(), series_max, left_out: BTreeMap::new() }
    }

    /// Adds a number that only rises.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: u64,
    ) {
        self.number(name, help, Shape::Counter, labels, value as f64);
    }

    /// Adds a number that rises and falls.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        self.number(name, help, Shape::Gauge, labels, value);
    }

    /// Adds a distribution.
    pub fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        histogram: &Histogram,
    ) {
        let Some((series, labels)) = self.series(name, help, Shape::Histogram, labels) else {
            return;
        };
        let measured =
            Measured::Distribution { buckets: histogram.cumulated(), sum: histogram.sum() };
        series.insert(labels, measured);
    }

    fn number(
        &mut self,
        name: &'static str,
        help: &'static str,
        shape: Shape,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        let Some((series, labels)) = self.series(name, help, shape, labels) else { return };
        match series.entry(labels).or_insert(Measured::Number(0.0)) {
            Measured::Number(held) => *held += value,
            Measured::Distribution { .. } => {}
        }
    }

    /// Returns where a series of a family goes; nothing where there is no room for a further one.
    fn series(
        &mut self,
        name: &'static str,
        help: &'static str,
        shape: Shape,
        labels: &[(&'static str, &str)],
    ) -> Option<(&mut BTreeMap<Labels, Measured>, Labels)> {
        let family = self.families.entry(name).or_insert_with(|| Family {
            help,
            shape,
            series: BTreeMap::new(),
        });
        assert_eq!(family.shape, shape, "a metric has one type");
        let labels: Labels = labels
            .iter()
            .map(|(label, value)| (*label, value.chars().take(LABEL_CHARS_MAX).collect()))
            .collect();
        if self.series_max <= family.series.len() && !family.series.contains_key(&labels) {
            *self.left_out.entry(name).or_default() += 1;
            return None;
        }
        Some((&mut family.series, labels))
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for (family, sample) in self.samples() {
            if family != last {
                last = family;
                let (help, shape) = self
                    .families
                    .get(family)
                    .map_or(("Series that were left out, by metric.", Shape::Gauge), |held| {
                        (held.help, held.shape)
                    });
                text.push_str(&format!("# HELP {family} {}\n", help_text(help)));
                text.push_str(&format!("# TYPE {family} {}\n", shape.as_str()));
            }
            write_sample(&mut text, &sample);
        }
        text
    }

    /// Returns every line with the family that it belongs to.
    pub fn samples(&self) -> Vec<(&'static str, Sample)> {
        let mut all = Vec::new();
        for (name, family) in &self.families {
            for (labels, measured) in &family.series {
                each_sample(name, family.shape, labels, measured, &mut |sample| {
                    all.push((*name, sample))
                });
            }
        }
        for (name, count) in &self.left_out {
            let labels = vec![("metric", (*name).to_owned())];
            let sample = Sample {
                name: LEFT_OUT.into(),
                kind: Shape::Gauge.as_str(),
                labels,
                value: *count as f64,
            };
            all.push((LEFT_OUT, sample));
        }
        all
    }
}

fn each_sample(
    name: &'static str,
    shape: Shape,
    labels: &Labels,
    measured: &Measured,
    give: &mut dyn FnMut(Sample),
) {
    let kind = shape.as_str();
    let mut sample = |ending: &str, labels: Labels, value: f64| {
        give(Sample { name: format!("{name}{ending}"), kind, labels, value });
    };
    match measured {
        Measured::Number(value) => sample("", labels.clone(), *value),
        Measured::Distribution { buckets, sum } => {
            for (bound, count) in buckets {
                let mut labels = labels.clone();
                labels.push(("le", number_text(*bound)));
                sample("_bucket", labels, *count as f64);
            }
            sample("_sum", labels.clone(), *sum);
            let count = buckets.last().map_or(0, |(_, count)| *count);
            sample("_count", labels.clone(), count as f64);
        }
    }
}

fn write_sample(text: &mut String, sample: &Sample) {
    text.push_str(&sample.name);
    for (place, (label, value)) in sample.labels.iter().enumerate() {
        text.push(if place == 0 { '{' } else { ',' });
        // Writing to a string cannot fail.
        let _ = write!(text, "{label}=\"{}\"", label_text(value));
    }
    if !sample.labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {}", number_text(sample.value));
}

/// Returns a label's value as it stands between quotes.
fn label_text(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn help_text(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\n', "\\n")
}

fn number_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value < 0.0 { "-Inf".into() } else { "+Inf".into() }
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};
    use std::time::Duration;

    #[test]
    fn families_stand_together_with_help_and_type() {
        let mut out = Exposition::new(10);
        out.gauge("craton_b", "B.", &[("who", "x")], 1.5);
        out.counter("craton_a_total", "A.", &[], 2);
        out.gauge("craton_b", "B.", &[("who", "w")], 3.0);
        out.gauge("craton_b", "B.", &[("who", "w")], 1.0);
        assert_eq!(
            out.text(),
            "# HELP craton_a_total A.\n# TYPE craton_a_total counter\ncraton_a_total 2\n\
             # HELP craton_b B.\n# TYPE craton_b gauge\ncraton_b{who=\"w\"} 4\ncraton_b{who=\"x\"} 1.5\n"
        );
    }

    #[test]
    fn a_histogram_has_cumulated_buckets_a_sum_and_a_count() {
        let histogram = Histogram::of_seconds();
        histogram.took(Duration::from_millis(3));
        histogram.took(Duration::from_secs(100));
        let mut out = Exposition::new(10);
        out.histogram("craton_x_seconds", "X.", &[("a", "b")], &histogram);
        let text = out.text();
        assert!(text.contains("craton_x_seconds_bucket{a=\"b\",le=\"0.0025\"} 0\n"), "{text}");
        assert!(text.contains("craton_x_seconds_bucket{a=\"b\",le=\"0.005\"} 1\n"), "{text}");
        assert!(text.contains("craton_x_seconds_bucket{a=\"b\",le=\"+Inf\"} 2\n"), "{text}");
        assert!(
            text.ends_with(
                "craton_x_seconds_sum{a=\"b\"} 100.003\ncraton_x_seconds_count{a=\"b\"} 2\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn series_have_a_limit_and_what_is_left_out_is_counted() {
        let mut out = Exposition::new(2);
        for name in ["a", "b", "c", "a", "d"] {
            out.gauge("craton_n", "N.", &[("name", name)], 1.0);
        }
        let text = out.text();
        assert!(text.contains("craton_n{name=\"a\"} 2\n"), "{text}");
        assert!(!text.contains("name=\"c\""), "{text}");
        assert!(text.contains("craton_metric_series_left_out{metric=\"craton_n\"} 2\n"), "{text}");
    }

    /// Reads a line as the format says, and nothing else.
    fn value_of(line: &str) -> Option<String> {
        let mut rest = line.strip_prefix("craton_x{v=\"")?.chars();
        let mut value = String::new();
        loop {
            match rest.next()? {
                '"' => break,
                '\n' => return None,
                '\\' => value.push(match rest.next()? {
                    '\\' => '\\',
                    '"' => '"',
                    'n' => '\n',
                    _ => return None,
                }),
                other => value.push(other),
            }
        }
        (rest.as_str() == "} 1").then_some(value)
    }

    #[test]
    fn any_label_is_one_line_and_reads_as_it_was() {
        let entropy = SeededEntropy::new(11);
        let alphabet: Vec<char> = "ab\"\\\n\r\t{}=, \u{0}\u{e9}\u{2028}\u{1f600}".chars().collect();
        for _ in 0..5_000 {
            let length = entropy.number() as usize % 12;
            let value: String =
                (0..length).map(|_| alphabet[entropy.number() as usize % alphabet.len()]).collect();
            let mut out = Exposition::new(2);
            out.gauge("craton_x", "X.", &[("v", &value)], 1.0);
            let text = out.text();
            let lines: Vec<&str> = text.split('\n').collect();
            assert_eq!(lines.len(), 4, "{text:?}");
            assert_eq!(value_of(lines[2]).as_deref(), Some(value.as_str()), "{text:?}");
        }
    }
}
