//! Shows problems on standard error, in the form of house-style section 5.

use base::{Place, Problem};

/// Shows a problem and those found along with it.
pub fn show(problem: &Problem) {
    eprint!("{}", text(problem));
}

/// Returns a problem as the lines `error: … [code]`, `place: …` and `hint: …`.
pub fn text(problem: &Problem) -> String {
    let mut text = one(problem);
    for further in &problem.also {
        text.push_str(&one(further));
    }
    text
}

fn one(problem: &Problem) -> String {
    let mut text = format!("error: {} [{}]\n", plain(&problem.message), problem.code);
    let place = problem.place.as_ref().map(Place::to_string).unwrap_or_default();
    if !place.is_empty() {
        text.push_str(&format!("place: {}\n", plain(&place)));
    }
    if let Some(hint) = &problem.hint {
        text.push_str(&format!("hint: {}\n", plain(hint)));
    }
    text
}

/// Returns text without control characters except line ends: what came from outside must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Code, Kind};

    #[test]
    fn a_problem_reads_as_error_place_and_hint() {
        let problem = Problem::new(Code("manifest.invalid", Kind::Invalid), "unknown field `sepc`")
            .at(Place::line(5, 1).in_file("orders.yaml"))
            .with_hint("did you mean `spec`?");
        assert_eq!(
            text(&problem),
            "error: unknown field `sepc` [manifest.invalid]\nplace: orders.yaml:5:1\nhint: did you mean `spec`?\n"
        );
    }
}
