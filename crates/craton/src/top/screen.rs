//! The terminal of `craton top`: reads keys, draws, and gives the terminal back as it was.

use super::state::{Look, Top, Verb, Wish};
use super::view;
use crate::error::Error;
use base::{Clock, Problem};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serde_json::Value;
use std::time::Duration;

/// Shows what runs, and changes with it, until the user has seen enough. `look` looks at the unit, `tell` tells something that runs.
///
/// # Errors
/// `cli.file` where the terminal cannot be used.
pub fn watch(
    clock: &dyn Clock,
    every: Duration,
    look: impl Fn() -> Result<Look, Problem>,
    tell: impl Fn(Verb, &str) -> Result<Value, Problem>,
) -> Result<(), Problem> {
    let mut top = Top::default();
    top.look(look()?);
    let broken = |source| Error::unwritable(std::path::Path::new("the terminal"), source);
    let mut terminal = ratatui::try_init().map_err(broken)?;
    let mut next = clock.monotonic() + every;
    let outcome = loop {
        if let Err(error) = terminal.draw(|frame| view::draw(frame, &top)) {
            break Err(error);
        }
        let left = next.saturating_sub(clock.monotonic());
        let wish = match key(left) {
            Ok(Some(key)) => top.key(key),
            Ok(None) => Wish::None,
            Err(error) => break Err(error),
        };
        match &wish {
            Wish::Quit => break Ok(()),
            Wish::Tell(verb, id) => {
                let outcome = tell(*verb, id);
                top.told(*verb, id, &outcome);
            }
            Wish::None => {}
        }
        if wish != Wish::None || next <= clock.monotonic() {
            match look() {
                Ok(look) => top.look(look),
                Err(problem) => top.failed(&problem),
            }
            next = clock.monotonic() + every;
        }
    };
    ratatui::restore();
    outcome.map_err(|error| broken(error).into())
}

/// Waits for a key; `None` where none came, or one that means nothing here.
fn key(timeout: Duration) -> std::io::Result<Option<char>> {
    if !event::poll(timeout)? {
        return Ok(None);
    }
    let Event::Key(key) = event::read()? else { return Ok(None) };
    if key.kind == KeyEventKind::Release {
        return Ok(None);
    }
    Ok(match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some('q'),
        KeyCode::Char(letter) => Some(letter),
        KeyCode::Esc => Some('\u{1b}'),
        KeyCode::Up => Some('<'),
        KeyCode::Down => Some('>'),
        _ => None,
    })
}
