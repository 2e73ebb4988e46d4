//! Decisions as people see them: all of them, and one with its diagram, its versions and who asks for it.

use crate::engine::Processes;
use crate::lists::Page;
use base::Problem;
use kernel::{Call, Read, Reader, Reply, Resource, ResourceRef};
use notation::graph::NodeKind;
use serde_json::{Value, json};

/// Versions of a decision that are listed, the newest.
const VERSIONS_MAX: u64 = 100;

impl Processes {
    /// Lists decisions.
    pub(crate) fn list_decisions(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let after = call.text("after").unwrap_or_default();
        let text = call.text("text").map(str::to_lowercase);
        let users = self.users(reader)?;
        let mut page = Page::of(call, &self.config)?;
        for resource in reader.resources("decision")? {
            let name = resource.name.as_str();
            let is_meant = text.as_ref().is_none_or(|text| name.to_lowercase().contains(text));
            if name <= after || !is_meant {
                continue;
            }
            if !page.looks_at(|| name.to_owned()) {
                break;
            }
            if reader.allows("decision.get", &ResourceRef::new("decision", name))? {
                page.items.push(row(&resource, &users));
            }
        }
        Ok(page.reply())
    }

    /// Shows a decision.
    pub(crate) fn get_decision(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let latest = self.decision_at(reader, name, None)?;
        let wanted = call.number("version")?;
        let resource = match wanted.filter(|version| *version != latest.version) {
            Some(version) => self.decision_at(reader, name, Some(version))?,
            None => std::sync::Arc::clone(&latest),
        };
        let users = self.users(reader)?;
        let mut answer = row(&resource, &users);
        let mut versions = Vec::new();
        for version in (1..=latest.version).rev().take(VERSIONS_MAX as usize) {
            if reader.resource_version("decision", name, version)?.is_some()
                || version == latest.version
            {
                versions.push(version);
            }
        }
        answer["latest"] = json!(latest.version);
        answer["versions"] = json!(versions);
        answer["source"] = resource.spec.get("source").cloned().unwrap_or_default();
        answer["file"] = resource.spec.get("dmn").cloned().unwrap_or_default();
        answer["decisions"] = self.decisions_in(&resource);
        Ok(Reply::Value(answer))
    }

    /// Returns the decisions of a file by id and name, in the order of the file.
    fn decisions_in(&self, resource: &Resource) -> Value {
        let Some(model) = self.models.parsed(resource) else { return json!([]) };
        let decisions = model.decisions().iter();
        decisions.map(|decision| json!({"id": decision.id, "name": decision.name})).collect()
    }

    /// Returns which processes ask for which decisions, as these name them, and at which element.
    fn users(&self, read: &dyn Read) -> Result<Vec<(String, String, String)>, Problem> {
        let mut users = Vec::new();
        for process in read.resources("process")? {
            let name = process.name.as_str();
            let Ok(compiled) = self.cache.get(read, &self.config, name, process.version) else {
                continue;
            };
            users.extend(compiled.graph.nodes.iter().filter_map(|node| match &node.kind {
                NodeKind::Decision(asked) => {
                    Some((asked.decision.clone(), name.to_owned(), node.id.clone()))
                }
                _ => None,
            }));
        }
        Ok(users)
    }
}

fn row(resource: &Resource, users: &[(String, String, String)]) -> Value {
    let id = resource.spec.get("decision_id").and_then(Value::as_str);
    let name = resource.name.as_str();
    let is_it = |asked: &str| asked == name || Some(asked) == id;
    let users = users.iter().filter(|(asked, ..)| is_it(asked));
    let used_by: Vec<Value> = users
        .map(|(_, process, element)| json!({"process": process, "element": element}))
        .collect();
    json!({
        "decision": name, "id": id.unwrap_or(name), "version": resource.version, "used_by": used_by,
    })
}
