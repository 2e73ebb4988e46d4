//! Rules over one row, evaluated in the append: over all rows at once, on the partition's thread, without SQL.
//!
//! What a rule blocks refuses the whole append, with the rows and the reasons; where the sender asks for bad rows to be set aside,
//! it is set aside. Counts are added up in the commit of the append: one key for each rule and day, so that sums are exact. An
//! append that is refused counts nothing.

use super::rules::{Rule, RuleSet};
use super::spec::Action;
use super::wire::{Count, key};
use crate::catalog::Stream;
use crate::metrics::window::Grain;
use crate::metrics::wire as stored;
use crate::streams::append::{Aside, Checked, log_of, set_aside_log_of};
use crate::streams::body;
use crate::streams::decode::Decoder;
use crate::{Config, Error};
use base::{Problem, Time};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::Result as DataFusionResult;
use kernel::{Call, Read, Tx};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of what is stored.
const VERSION: u8 = 1;

/// The longest value that a reason shows, in characters.
const SHOWN_MAX: usize = 60;

/// What judges the rows of one append.
pub(crate) struct Judge<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) sets: &'a [Arc<RuleSet>],
    pub(crate) config: &'a Config,
    pub(crate) call: &'a Call,
    /// The business time of the append.
    pub(crate) time: Time,
    /// True where the sender asks for bad rows to be set aside.
    pub(crate) is_setting_aside: bool,
}

/// A rule that a row broke.
struct Broken<'a> {
    set: &'a RuleSet,
    rule: &'a Rule,
    reason: String,
}

/// The rules that rows broke, by the row's place among those that were checked.
type ByRow<'a> = BTreeMap<usize, Vec<Broken<'a>>>;

/// What came of a rule.
struct Tally<'a> {
    set: &'a RuleSet,
    rule: &'a Rule,
    checked: u64,
    failed: u64,
    /// The place of the first bad row among those that were checked, and why it is bad.
    first: Option<(usize, String)>,
}

impl<'a> Judge<'a> {
    /// Judges the rows that fit their stream. Takes those out that are to be set aside, and adds the counts.
    ///
    /// # Errors
    /// `quality.blocked` with all rows that are blocked, 20 at most: nothing was appended.
    pub(crate) fn judge(&self, tx: &mut Tx<'_>, checked: &mut Checked) -> Result<(), Problem> {
        if self.sets.is_empty() || checked.count == 0 {
            return Ok(());
        }
        let all = std::mem::take(&mut checked.lines);
        let lines: Vec<&[u8]> = all.split_inclusive(|byte| *byte == b'\n').collect();
        let (broken, tallies) = self.evaluate(&lines)?;
        let away = self.set_aside(&broken);
        let numbers = if broken.is_empty() { Vec::new() } else { numbers(checked)? };
        self.refuse(&broken, &numbers)?;
        let base = (tx.log_end(&log_of(&self.stream.name))?, aside_base(tx, self, checked)?);
        if away.is_empty() {
            checked.lines = all;
        } else {
            self.take_away(checked, &lines, &broken, &away, &numbers)?;
        }
        let offset = |place: usize| {
            let before = away.range(..place).count();
            let (among, base) =
                if away.contains(&place) { (before, base.1) } else { (place - before, base.0) };
            base + among as u64
        };
        for tally in tallies {
            self.count(tx, tally, &offset)?;
        }
        Ok(())
    }

    /// Evaluates all rules over all rows. Returns the rules that each bad row broke, by the row's place.
    fn evaluate(&self, lines: &[&[u8]]) -> Result<(ByRow<'a>, Vec<Tally<'a>>), Problem> {
        let mut broken = ByRow::new();
        let mut tallies = Vec::new();
        for set in self.sets {
            let set: &'a RuleSet = set;
            for rule in &set.rules {
                let batch = self.batch(rule, lines)?;
                let bad = bad_rows(rule, &batch);
                let checked = lines.len() as u64;
                let first = bad.first().cloned();
                let failed = bad.len() as u64;
                tallies.push(Tally { set, rule, checked, failed, first });
                for (place, reason) in bad {
                    broken.entry(place).or_default().push(Broken { set, rule, reason });
                }
            }
        }
        Ok((broken, tallies))
    }

    /// Returns the columns that a rule reads.
    fn batch(&self, rule: &Rule, lines: &[&[u8]]) -> Result<RecordBatch, Problem> {
        let mut decoder = Decoder::new(&self.stream.schema, &rule.columns);
        for line in lines {
            decoder.add(line.strip_suffix(b"\n").unwrap_or(line))?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(lines.len()));
        let schema = Arc::clone(&rule.schema);
        RecordBatch::try_new_with_options(schema, decoder.finish(), &options)
            .map_err(|error| Error::Internal { detail: error.to_string() }.into())
    }

    /// Returns the places of the rows that are to be set aside.
    fn set_aside(&self, broken: &ByRow<'a>) -> BTreeSet<usize> {
        let goes = |broken: &Broken<'a>| match broken.rule.action {
            Action::Warn => false,
            Action::SetAside => true,
            Action::Block => self.is_setting_aside,
        };
        let away = broken.iter().filter(|(_, rules)| rules.iter().any(goes));
        away.map(|(place, _)| *place).collect()
    }

    /// Refuses the append where a row is blocked and the sender did not ask for it to be set aside.
    fn refuse(&self, broken: &ByRow<'a>, numbers: &[u64]) -> Result<(), Problem> {
        if self.is_setting_aside {
            return Ok(());
        }
        let blocked = broken.iter().filter_map(|(place, rules)| {
            let is_blocked = |broken: &&Broken<'a>| broken.rule.action == Action::Block;
            let reasons: Vec<String> =
                rules.iter().filter(is_blocked).map(Broken::to_string).collect();
            let row = numbers.get(*place).copied().unwrap_or_default();
            (!reasons.is_empty()).then(|| Error::Blocked { row, reason: reasons.join("; ") })
        });
        let mut problems = blocked.take(self.config.problems_max).map(Problem::from);
        let Some(mut first) = problems.next() else { return Ok(()) };
        first.also = problems.collect();
        Err(first)
    }

    /// Takes the rows at these places out, and puts them aside with their reasons.
    fn take_away(
        &self,
        checked: &mut Checked,
        lines: &[&[u8]],
        broken: &ByRow<'a>,
        away: &BTreeSet<usize>,
        numbers: &[u64],
    ) -> Result<(), Problem> {
        // As they were sent: what was checked is the row in its stored form.
        let sent = body::items(self.call, self.config)?;
        checked.lines.clear();
        for (place, line) in lines.iter().enumerate() {
            if !away.contains(&place) {
                checked.lines.extend_from_slice(line);
                continue;
            }
            let number = numbers.get(place).copied().unwrap_or_default();
            let item = usize::try_from(number)
                .ok()
                .and_then(|number| sent.rows.get(number.checked_sub(1)?));
            let text = item.map_or_else(
                || String::from_utf8_lossy(line).trim_end().to_owned(),
                |item| item.text.clone().into_owned(),
            );
            let reasons: Vec<String> =
                broken.get(&place).into_iter().flatten().map(Broken::to_string).collect();
            let reason = reasons.join("; ");
            let aside = Aside { number: Some(number), reason, place: "", row: &text };
            checked.set_aside(aside, self.call, self.time);
            checked.count -= 1;
        }
        Ok(())
    }

    /// Adds what came of a rule to its counts of the day.
    fn count(
        &self,
        tx: &mut Tx<'_>,
        tally: Tally<'a>,
        offset: &dyn Fn(usize) -> u64,
    ) -> Result<(), Problem> {
        let Tally { set, rule, checked, failed, first } = tally;
        let day = Grain::Day.start_of(self.time);
        let place = key::count(&set.name, &rule.name, day);
        let held: Option<Count> = stored::get(tx, &place)?;
        let mut count = held.unwrap_or_else(|| Count {
            v: VERSION,
            quality: set.name.clone(),
            on: set.on.clone(),
            rule: rule.name.clone(),
            check: rule.check,
            action: rule.action,
            day,
            checked: 0,
            failed: 0,
            first_failed: None,
            reason: None,
            error: None,
        });
        count.checked += checked;
        count.failed += failed;
        (count.check, count.action) = (rule.check, rule.action);
        if let (None, Some((row, reason))) = (count.first_failed, first) {
            count.first_failed = Some(offset(row));
            count.reason = Some(reason.chars().take(self.config.quality_sample_max).collect());
        }
        stored::put(tx, place, &count)
    }
}

impl std::fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule `{}` of `{}`: {}", self.rule.name, self.set.name, self.reason)
    }
}

/// Returns the offset that the first row set aside by a rule will get.
fn aside_base(tx: &Tx<'_>, judge: &Judge<'_>, checked: &Checked) -> Result<u64, Problem> {
    let end = tx.log_end(&set_aside_log_of(&judge.stream.name))?;
    Ok(end + u64::from(checked.aside_count))
}

/// Returns the numbers in the body of the rows that fit their stream; those set aside before are left out.
fn numbers(checked: &Checked) -> Result<Vec<u64>, Problem> {
    let mut gone = BTreeSet::new();
    for line in kernel::rows(&checked.aside) {
        let row: Value = stored::read(line)?;
        gone.extend(row["row_number"].as_u64());
    }
    let all = u64::from(checked.count) + u64::from(checked.aside_count);
    Ok((1..=all).filter(|number| !gone.contains(number)).collect())
}

/// Returns the places of bad rows, with the reasons.
fn bad_rows(rule: &Rule, batch: &RecordBatch) -> Vec<(usize, String)> {
    let mut bad = Vec::new();
    let rows = batch.num_rows();
    let mut parts = vec![(0, rows)];
    // A row for which the expression fails fails it for its whole part: halves are tried until such rows stand alone.
    while let Some((from, count)) = parts.pop() {
        let part = batch.slice(from, count);
        match evaluate(rule, &part) {
            Ok(good) => {
                let is_bad = |row: &usize| good.is_valid(*row) && !good.value(*row);
                let found = (0..count).filter(is_bad);
                bad.extend(found.map(|row| (from + row, reason(rule, &part, row))));
            }
            Err(error) if count <= 1 => {
                let said = error.strip_backtrace();
                bad.push((from, format!("it cannot be evaluated: {}", cut(&said))));
            }
            Err(_) => {
                let half = count / 2;
                parts.push((from + half, count - half));
                parts.push((from, half));
            }
        }
    }
    bad
}

fn evaluate(rule: &Rule, batch: &RecordBatch) -> DataFusionResult<BooleanArray> {
    let rows = batch.num_rows();
    let array: ArrayRef = rule.expression.evaluate(batch)?.into_array(rows)?;
    Ok(array.as_boolean().clone())
}

/// Returns why a row is bad, with the values that the rule looked at.
fn reason(rule: &Rule, batch: &RecordBatch, row: usize) -> String {
    let schema = batch.schema();
    let values = schema.fields().iter().zip(batch.columns()).filter_map(|(field, column)| {
        let text = array_value_to_string(column, row).ok().filter(|_| column.is_valid(row))?;
        Some(format!("{} = {}", field.name(), cut(&text)))
    });
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        return rule.says.clone();
    }
    format!("{} ({})", rule.says, values.join(", "))
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
