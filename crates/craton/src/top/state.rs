//! What `craton top` knows: two looks at the unit, an order, a line that is chosen, and what is being asked.

use base::Problem;
use serde_json::Value;
use std::time::Duration;

/// One look at a unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// When, by the clock of whoever looks.
    pub at: Duration,
    /// The machine, as `node.list` says it; null where it may not be seen.
    pub node: Value,
    /// What runs, as `running.list` says it.
    pub running: Vec<Value>,
}

/// By what lines are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Processor time, the most first.
    #[default]
    Cpu,
    /// Memory, the most first.
    Memory,
    /// The newest first.
    Since,
    /// Who.
    Who,
}

impl Sort {
    /// Returns the next order.
    fn next(self) -> Self {
        match self {
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Since,
            Self::Since => Self::Who,
            Self::Who => Self::Cpu,
        }
    }

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Since => "since",
            Self::Who => "who",
        }
    }
}

/// What something that runs is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// To end.
    Kill,
    /// To pause.
    Pause,
    /// To go on.
    Resume,
}

impl Verb {
    /// Returns the verb of the operation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Nothing but another picture.
    None,
    /// To end.
    Quit,
    /// To tell something that runs.
    Tell(Verb, String),
}

/// What `craton top` knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Top {
    before: Option<Look>,
    now: Look,
    sort: Sort,
    chosen: usize,
    /// What is to be ended, once it is confirmed.
    asks: Option<String>,
    said: String,
}

impl Top {
    /// Takes in another look.
    pub fn look(&mut self, look: Look) {
        let id = self.chosen_id();
        self.before =
            Some(std::mem::replace(&mut self.now, look)).filter(|look| look.at != Duration::ZERO);
        self.arrange(id);
    }

    /// Says what came of a wish.
    pub fn told(&mut self, verb: Verb, id: &str, outcome: &Result<Value, Problem>) {
        self.said = match outcome {
            Ok(_) => format!("{} {id}: done", verb.as_str()),
            Err(problem) => {
                format!("{} {id}: {} [{}]", verb.as_str(), problem.message, problem.code)
            }
        };
    }

    /// Says that the unit could not be looked at.
    pub fn failed(&mut self, problem: &Problem) {
        self.said = format!("{} [{}]", problem.message, problem.code);
    }

    /// Takes a key; letters as they are, `\u{1b}` for escape, `<` and `>` for up and down.
    pub fn key(&mut self, key: char) -> Wish {
        if let Some(id) = self.asks.take() {
            self.said.clear();
            return if key == 'y' { Wish::Tell(Verb::Kill, id) } else { Wish::None };
        }
        let tell = |verb: Verb| self.chosen_id().map_or(Wish::None, |id| Wish::Tell(verb, id));
        match key {
            'q' | '\u{1b}' => return Wish::Quit,
            'p' => return tell(Verb::Pause),
            'r' => return tell(Verb::Resume),
            'k' => {
                self.asks = self.chosen_id();
                self.said =
                    self.asks.as_ref().map_or_else(String::new, |id| format!("end {id}? y/n"));
            }
            's' => {
                self.sort = self.sort.next();
                self.arrange(self.chosen_id());
            }
            '<' => self.chosen = self.chosen.saturating_sub(1),
            '>' => self.chosen = (self.chosen + 1).min(self.now.running.len().saturating_sub(1)),
            _ => {}
        }
        Wish::None
    }

    /// Returns the last look.
    pub fn now(&self) -> &Look {
        &self.now
    }

    /// Returns by what lines are sorted.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Returns the number of the line that is chosen.
    pub fn chosen(&self) -> usize {
        self.chosen
    }

    /// Returns what there is to say.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Returns how much a counter of the machine rose a second between the last two looks, where there were two.
    pub fn rate(&self, counter: &str) -> Option<f64> {
        let before = self.before.as_ref()?;
        let seconds = self.now.at.checked_sub(before.at)?.as_secs_f64();
        let count = |look: &Look| look.node.get(counter)?.as_f64();
        (0.0 < seconds).then_some((count(&self.now)? - count(before)?) / seconds)
    }

    /// Returns which part of a processor something took between the last two looks, in hundredths, where that is known.
    pub fn cpu_percent(&self, running: &Value) -> Option<f64> {
        let before = self.before.as_ref()?;
        let old = before.running.iter().find(|old| old["id"] == running["id"])?;
        let ms = running["cpu_ms"].as_f64()? - old["cpu_ms"].as_f64()?;
        let passed = self.now.at.checked_sub(before.at)?.as_secs_f64() * 1_000.0;
        (0.0 < passed).then_some((ms / passed * 100.0).max(0.0))
    }

    fn chosen_id(&self) -> Option<String> {
        self.now.running.get(self.chosen)?["id"].as_str().map(str::to_owned)
    }

    /// Sorts the lines; the one that was chosen stays so, wherever it goes.
    fn arrange(&mut self, chosen: Option<String>) {
        let mut running = std::mem::take(&mut self.now.running);
        let number = |value: &Value| value.as_f64().unwrap_or(-1.0);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        running.sort_by(|one, two| {
            let most = |field: &str| number(&two[field]).total_cmp(&number(&one[field]));
            let order = match self.sort {
                Sort::Cpu => most("cpu_ms"),
                Sort::Memory => most("memory_bytes"),
                Sort::Since => text(&two["since"]).cmp(&text(&one["since"])),
                Sort::Who => text(&one["principal"]).cmp(&text(&two["principal"])),
            };
            order.then_with(|| text(&one["id"]).cmp(&text(&two["id"])))
        });
        let place = chosen.and_then(|id| running.iter().position(|line| line["id"] == id.as_str()));
        let last = running.len().saturating_sub(1);
        self.chosen = place.unwrap_or(self.chosen).min(last);
        self.now.running = running;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn look(seconds: u64, calls: u64, lines: &[(&str, u64, u64)]) -> Look {
        let line = |(id, cpu, memory): &(&str, u64, u64)| json!({"id": id, "cpu_ms": cpu, "memory_bytes": memory, "principal": "user:ana"});
        Look {
            at: Duration::from_secs(seconds),
            node: json!({"calls": calls}),
            running: lines.iter().map(line).collect(),
        }
    }

    fn ids(top: &Top) -> Vec<&str> {
        top.now().running.iter().filter_map(|line| line["id"].as_str()).collect()
    }

    #[test]
    fn lines_are_sorted_and_the_chosen_one_stays_chosen() {
        let mut top = Top::default();
        top.look(look(
            1,
            0,
            &[("query/q1", 10, 900), ("query/q2", 30, 100), ("query/q3", 20, 500)],
        ));
        assert_eq!(ids(&top), ["query/q2", "query/q3", "query/q1"]);
        assert_eq!(top.key('>'), Wish::None);
        assert_eq!(top.key('p'), Wish::Tell(Verb::Pause, "query/q3".into()));
        top.key('s');
        assert_eq!((top.sort(), ids(&top)[1]), (Sort::Memory, "query/q3"));
        top.look(look(2, 0, &[("query/q3", 25, 1_000), ("query/q1", 15, 900)]));
        assert_eq!((ids(&top), top.chosen()), (vec!["query/q3", "query/q1"], 0));
        top.key('>');
        top.key('>');
        top.look(look(3, 0, &[]));
        assert_eq!((top.chosen(), top.key('k')), (0, Wish::None), "nothing can be ended");
    }

    #[test]
    fn ending_something_is_asked_twice() {
        let mut top = Top::default();
        top.look(look(1, 0, &[("instance/42", 0, 0)]));
        assert_eq!(top.key('k'), Wish::None);
        assert_eq!(top.said(), "end instance/42? y/n");
        assert_eq!((top.key('n'), top.said()), (Wish::None, ""));
        top.key('k');
        assert_eq!(top.key('y'), Wish::Tell(Verb::Kill, "instance/42".into()));
        assert_eq!(top.key('q'), Wish::Quit);
    }

    #[test]
    fn rates_come_of_two_looks() {
        let mut top = Top::default();
        top.look(look(10, 1_000, &[("query/q1", 100, 0)]));
        assert_eq!(top.rate("calls"), None);
        top.look(look(12, 1_500, &[("query/q1", 1_100, 0)]));
        assert_eq!(top.rate("calls"), Some(250.0));
        assert_eq!(top.cpu_percent(&top.now().running[0]), Some(50.0));
        assert_eq!(top.rate("commits"), None, "what the unit does not tell has no rate");
    }
}
