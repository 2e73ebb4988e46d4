//! `apply`: declares the manifests of a folder.

use crate::{arguments::Globals, connect, manifests, output, output::Format, routes};
use base::Problem;
use serde_json::Value;
use std::path::PathBuf;

/// Declares the manifests of a folder: shows the plan, then does all of it or none
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton apply -f shop --dry-run\n  craton apply -f shop\n  craton apply -f . --application shop\n\nThe plan: + create, ~ change, - remove. What left the folder is removed."
)]
pub struct Apply {
    /// The folder: all *.yaml and *.yml in it, and the .bpmn, .dmn and .form files that they name
    #[arg(short, long, value_name = "DIR")]
    folder: PathBuf,
    /// The name of the application; the name of the folder where absent
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// The value of a parameter that the folder's `craton.yaml` declares; write it several times for several
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Apply {
    /// Shows the plan, then applies it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let application =
            manifests::read_with(&self.folder, self.application.as_deref(), &self.set)?;
        let client = connect::client(globals)?;
        let send = |is_dry_run| {
            let request = routes::resource_apply().json(&application.body(is_dry_run));
            client.send(&request).map_err(|problem| application.placed(problem))
        };
        let plan = send(true)?;
        if globals.output == Format::Table {
            output::print(&plan_text(&plan));
            output::error_text(&warnings_text(&plan));
        }
        let answer = if self.dry_run || steps(&plan, "keep").count() == steps(&plan, "").count() {
            plan
        } else {
            send(false)?
        };
        if globals.output != Format::Table {
            return output::one(globals.output, &answer);
        }
        output::line(summary(&answer, self.dry_run));
        Ok(())
    }
}

/// Returns the steps of a plan with an action, all of them where it is empty.
pub(super) fn steps<'a>(plan: &'a Value, action: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = plan["plan"].as_array().into_iter().flatten();
    all.filter(move |step| action.is_empty() || step["action"] == action)
}

/// Returns the plan as lines: `+` create, `~` change with what changes, `-` remove.
pub(super) fn plan_text(plan: &Value) -> String {
    let mut text = String::new();
    for (action, sign) in [("create", '+'), ("change", '~'), ("remove", '-')] {
        for step in steps(plan, action) {
            let field = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
            text.push_str(&format!("  {sign} {} {}\n", field("kind"), field("name")));
            for change in step["changes"].as_array().into_iter().flatten() {
                text.push_str(&format!("      {}\n", output::plain(change)));
            }
        }
    }
    text
}

/// Returns what is suspicious about policies, as lines like those of problems.
pub(super) fn warnings_text(plan: &Value) -> String {
    let mut text = String::new();
    for warning in plan["warnings"].as_array().into_iter().flatten() {
        let field = |name: &str| output::plain(&warning[name]);
        let (resource, line, policy) = (field("resource"), field("line"), field("policy"));
        text.push_str(&format!("warning: {policy}: {}\n", field("message")));
        text.push_str(&format!("place: {resource}, line {line} of `policies`\n"));
        if warning["hint"].is_string() {
            text.push_str(&format!("hint: {}\n", field("hint")));
        }
    }
    text
}

pub(super) fn summary(answer: &Value, is_dry_run: bool) -> String {
    let count = |action| steps(answer, action).count();
    let [create, change, remove, keep] = ["create", "change", "remove", "keep"].map(count);
    if create + change + remove == 0 {
        return format!("nothing to do: {keep} as declared");
    }
    let parts = if is_dry_run {
        [
            format!("{create} to create"),
            format!("{change} to change"),
            format!("{remove} to remove"),
        ]
    } else {
        [format!("{create} created"), format!("{change} changed"), format!("{remove} removed")]
    };
    format!("{}, {keep} as they were", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_reads_like_a_list_of_changes() {
        let plan = json!({"applied": false, "plan": [
            {"action": "keep", "kind": "role", "name": "clerk"},
            {"action": "remove", "kind": "view", "name": "old"},
            {"action": "change", "kind": "stream", "name": "orders", "changes": ["/spec/key"]},
            {"action": "create", "kind": "process", "name": "sell"},
        ]});
        assert_eq!(
            plan_text(&plan),
            "  + process sell\n  ~ stream orders\n      /spec/key\n  - view old\n"
        );
        assert_eq!(summary(&plan, true), "1 to create, 1 to change, 1 to remove, 1 as they were");
    }

    #[test]
    fn warnings_read_like_problems() {
        let plan = json!({"warnings": [{
            "resource": "role/clerk", "policy": "role:clerk/0", "line": 3,
            "message": "nobody holds the role `clerk`", "hint": "remove the policy",
        }]});
        assert_eq!(
            warnings_text(&plan),
            "warning: role:clerk/0: nobody holds the role `clerk`\n\
             place: role/clerk, line 3 of `policies`\nhint: remove the policy\n"
        );
    }
}
