//! The picture of `craton top`: a head with the machine, a table, a line of keys.

use super::state::Top;
use crate::layout::{self, visible};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState};
use serde_json::Value;

const TITLES: [&str; 9] = ["ID", "WHO", "FOR", "STATE", "CPU%", "CPU", "MEMORY", "ROWS", "WHAT"];
/// How wide the columns are but the last, which takes what is left.
const WIDTHS: [u16; 8] = [18, 18, 14, 9, 6, 8, 9, 9];
const KEYS: &str = "k kill  p pause  r resume  s sort  up/down choose  q quit";

/// Draws what is known.
pub fn draw(frame: &mut Frame<'_>, top: &Top) {
    let areas =
        Layout::vertical([Constraint::Length(4), Constraint::Min(2), Constraint::Length(1)]);
    let [head, body, foot] = areas.areas(frame.area());
    let lines: Vec<Line<'_>> = head_lines(top).into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), head);
    let widths = WIDTHS.iter().map(|width| Constraint::Length(*width)).chain([Constraint::Min(10)]);
    let rows = cells(top).into_iter().map(Row::new);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let table = Table::new(rows, widths)
        .header(Row::new(TITLES).style(bold))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(top.chosen()));
    frame.render_stateful_widget(table, body, &mut state);
    let foot_text = if top.said().is_empty() { KEYS.to_owned() } else { visible(top.said()) };
    frame.render_widget(Paragraph::new(foot_text), foot);
}

/// Returns the same as text, for where there is no terminal.
pub fn text(top: &Top) -> String {
    let mut text = head_lines(top).join("\n");
    text.push('\n');
    let is_number = |title: &str| ["CPU%", "CPU", "MEMORY", "ROWS"].contains(&title);
    let columns =
        TITLES.map(|title| layout::Column { title: title.to_owned(), is_number: is_number(title) });
    text.push_str(&layout::table(&columns, &cells(top), None));
    text
}

/// Returns what is said of the machine.
fn head_lines(top: &Top) -> Vec<String> {
    let node = &top.now().node;
    if node.is_null() {
        return vec!["the machine is not shown to you".into(), sorted(top)];
    }
    let number = |field: &str| node[field].as_f64();
    let size = |field: &str| number(field).map_or("-".into(), bytes);
    let rate = |counter: &str| top.rate(counter).map_or("-".into(), |rate| format!("{rate:.0}/s"));
    let warnings = node["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let warnings: Vec<&str> = warnings.collect();
    vec![
        format!(
            "{}   cpu {}% of {}   load {}   files {} of {}",
            visible(node["name"].as_str().unwrap_or("-")),
            number("cpu_percent").unwrap_or(0.0),
            node["cpus"],
            node["load"][0],
            node["files_open"],
            node["files_max"],
        ),
        format!(
            "memory {} of {}   disk {} free of {}   calls {}   refused {}   commits {}",
            size("memory_used"),
            size("memory_max"),
            size("disk_free"),
            size("disk_total"),
            rate("calls"),
            rate("calls_refused"),
            rate("commits"),
        ),
        visible(&warnings.join("; ")),
        sorted(top),
    ]
}

fn sorted(top: &Top) -> String {
    format!("{} running, sorted by {}", top.now().running.len(), top.sort().as_str())
}

fn cells(top: &Top) -> Vec<Vec<String>> {
    let text = |value: &Value| visible(value.as_str().unwrap_or("-"));
    let line = |running: &Value| {
        vec![
            text(&running["id"]),
            text(&running["principal"]),
            text(&running["on_behalf_of"]),
            text(&running["state"]),
            top.cpu_percent(running).map_or("-".into(), |percent| format!("{percent:.0}")),
            running["cpu_ms"].as_f64().map_or("-".into(), |ms| format!("{:.1}s", ms / 1_000.0)),
            running["memory_bytes"].as_f64().map_or("-".into(), bytes),
            running["rows"].as_u64().map_or("-".into(), |rows| rows.to_string()),
            text(&running["what"]),
        ]
    };
    top.now().running.iter().map(line).collect()
}

/// Returns a number of bytes, for people.
fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "K", "M", "G", "T"];
    let (mut left, mut unit) = (bytes, 0);
    while 1_024.0 <= left && unit + 1 < UNITS.len() {
        left /= 1_024.0;
        unit += 1;
    }
    if unit == 0 { format!("{left:.0}B") } else { format!("{left:.1}{}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::super::state::Look;
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;
    use std::time::Duration;

    fn node(calls: u64) -> Value {
        json!({
            "name": "desk", "cpus": 2, "cpu_percent": 12.5, "load": [0.5, 0.4, 0.3],
            "memory_used": 209_715_200, "memory_max": 1_073_741_824, "disk_total": 10_737_418_240_u64,
            "disk_free": 5_368_709_120_u64, "files_open": 40, "files_max": 1024, "calls": calls,
            "calls_refused": 0, "commits": 7, "warnings": ["the disk is getting full"],
        })
    }

    fn top() -> Top {
        let query = |cpu: u64| {
            json!({
                "id": "query/q7", "principal": "user:ana", "on_behalf_of": null, "state": "running",
                "cpu_ms": cpu, "memory_bytes": 1_572_864, "rows": 12, "what": "SELECT 1\u{1b}[2J",
            })
        };
        let instance = json!({
            "id": "instance/42", "principal": "process:sell", "on_behalf_of": "user:bob",
            "state": "active", "cpu_ms": null, "memory_bytes": null, "rows": null, "what": "sell o-1",
        });
        let mut top = Top::default();
        let look = |at: u64, calls: u64, cpu: u64| Look {
            at: Duration::from_secs(at),
            node: node(calls),
            running: vec![instance.clone(), query(cpu)],
        };
        top.look(look(1, 0, 500));
        top.look(look(3, 300, 1_500));
        top
    }

    /// Returns what a terminal of this size shows, and which of its lines are shown in reverse.
    fn shown(top: &Top, width: u16, height: u16) -> (Vec<String>, Vec<usize>) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| draw(frame, top)).expect("it draws");
        let buffer = terminal.backend().buffer();
        let line = |y: u16| -> String { (0..width).map(|x| buffer[(x, y)].symbol()).collect() };
        let is_reversed = |y: u16| buffer[(0, y)].modifier.contains(Modifier::REVERSED);
        let lines = (0..height).map(|y| line(y).trim_end().to_owned()).collect();
        let reversed = (0..height).filter(|y| is_reversed(*y)).map(usize::from).collect();
        (lines, reversed)
    }

    #[test]
    fn the_picture_has_a_head_a_table_and_the_keys() {
        let (lines, reversed) = shown(&top(), 130, 9);
        assert_eq!(lines[0], "desk   cpu 12.5% of 2   load 0.5   files 40 of 1024");
        assert_eq!(
            lines[1],
            "memory 200.0M of 1.0G   disk 5.0G free of 10.0G   calls 150/s   refused 0/s   commits 0/s"
        );
        assert_eq!(lines[2], "the disk is getting full");
        assert_eq!(lines[3], "2 running, sorted by cpu");
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        assert_eq!(words(&lines[4]), TITLES);
        let query = [
            "query/q7",
            "user:ana",
            "-",
            "running",
            "50",
            "1.5s",
            "1.5M",
            "12",
            "SELECT",
            "1\\u{1b}[2J",
        ];
        assert_eq!(
            words(&lines[5]),
            query,
            "the most processor time first, and nothing steers the terminal"
        );
        let instance = [
            "instance/42",
            "process:sell",
            "user:bob",
            "active",
            "-",
            "-",
            "-",
            "-",
            "sell",
            "o-1",
        ];
        assert_eq!(words(&lines[6]), instance);
        assert_eq!((lines[8].as_str(), reversed), (KEYS, vec![5]));
    }

    #[test]
    fn a_small_terminal_shows_what_it_can_and_a_question_stands_below() {
        let mut top = top();
        top.key('k');
        let (lines, _) = shown(&top, 40, 7);
        assert!(lines[0].starts_with("desk   cpu 12.5%"));
        assert_eq!(lines[6], "end query/q7? y/n");
        let (lines, _) = shown(&top, 1, 1);
        assert_eq!(lines.len(), 1, "it draws at any size");
    }

    #[test]
    fn who_may_not_see_the_machine_sees_his_own() {
        let mut top = Top::default();
        top.look(Look { at: Duration::from_secs(1), node: Value::Null, running: Vec::new() });
        let text = text(&top);
        assert!(text.starts_with("the machine is not shown to you\n0 running"), "{text}");
        assert!(text.contains("ID") && text.contains("MEMORY"));
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([bytes(0.0), bytes(1_023.0), bytes(1_024.0)], ["0B", "1023B", "1.0K"]);
        assert_eq!(bytes(1.5 * 1_024.0 * 1_024.0 * 1_024.0), "1.5G");
    }
}
