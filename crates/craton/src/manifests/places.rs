//! Leads what a unit says about a manifest back to the file, line and column where it was written.

use super::{Folder, Manifest, node::At, node::Node, node::Tree};
use base::{Place, Problem};

/// The fields that hold text in a language of its own.
const TEXTS: [&str; 4] = ["/spec/sql", "/spec/policies", "/spec/formula", "/spec/where"];

impl Folder {
    /// Returns a unit's problem with places in the user's files.
    pub fn placed(&self, mut problem: Problem) -> Problem {
        let first = problem.place.clone().unwrap_or_default();
        problem.place = problem.place.map(|place| self.place(place, &problem.message));
        for further in &mut problem.also {
            let place = further.place.take().map(|place| match (&first.file, &place.file) {
                // What was found along with it, without a file of its own, is about the same manifest.
                (Some(_), None) if place.line.is_none() => {
                    Place { pointer: place.pointer, ..self.manifest_of(&first) }
                }
                _ => place,
            });
            further.place = place.map(|place| self.place(place, &further.message));
        }
        problem
    }

    /// Returns the place of the manifest that a place is about, also where that is in a file which the manifest names.
    fn manifest_of(&self, place: &Place) -> Place {
        let names = |manifest: &&Manifest| {
            ["/spec/bpmn", "/spec/dmn", "/spec/form"]
                .iter()
                .any(|field| Some(manifest.text(field)) == place.file.as_deref())
        };
        match self.manifests.iter().find(names) {
            Some(manifest) => Place { column: None, ..manifest.node.at.in_file(&manifest.file) },
            None => place.clone(),
        }
    }

    fn place(&self, place: Place, message: &str) -> Place {
        if let Some(source) = self.source(&place) {
            return Place { file: Some(source.to_owned()), ..place };
        }
        if let Some(place) = self.in_text(&place, message) {
            return place;
        }
        let Some((manifest, pointer)) = self.find(&place) else { return place };
        // What is wrong inside the file that a manifest names has the line and column of that file.
        let is_inside = pointer == "/spec/source" || pointer.starts_with("/spec/source/");
        if let (true, Some(source)) = (is_inside, &manifest.source) {
            let pointer = pointer.strip_prefix("/spec/source/").map(str::to_owned);
            return Place {
                file: Some(source.clone()),
                line: place.line,
                column: place.column,
                pointer,
            };
        }
        let inner = manifest.node.reach(pointer);
        let at = unknown_field(inner, message)
            .or_else(|| {
                find_value(inner, quoted_after(message, &["unknown variant `", "unknown type `"])?)
            })
            .unwrap_or_else(|| manifest.node.locate(pointer));
        let pointer = Some(pointer.to_owned()).filter(|pointer| !pointer.is_empty());
        Place { pointer, ..at.in_file(&manifest.file) }
    }

    /// Returns a place inside SQL or policies as it is in the file. Such places have a line and a column of the text;
    /// where they do not say which manifest it is, the names in the message do, if they leave one.
    fn in_text(&self, place: &Place, message: &str) -> Option<Place> {
        let (line, column) = (place.line?, place.column?);
        let field_of = |manifest: &Manifest| {
            let is_meant =
                |field: &&str| place.pointer.as_deref().is_none_or(|pointer| pointer == *field);
            TEXTS
                .into_iter()
                .filter(is_meant)
                .find(|field| lies_in(manifest.text(field), line, column))
        };
        let is_in_file =
            |manifest: &&Manifest| place.file.as_ref().is_none_or(|file| *file == manifest.file);
        let fits = self
            .manifests
            .iter()
            .filter(is_in_file)
            .filter(|manifest| field_of(manifest).is_some());
        let all: Vec<&Manifest> = fits.collect();
        let is_named = |manifest: &&&Manifest| {
            message.contains(&format!("`{}`", manifest.text("/metadata/name")))
        };
        let named: Vec<&Manifest> = all.iter().filter(is_named).copied().collect();
        let [manifest] = (if named.is_empty() { all } else { named }).try_into().ok()?;
        let field = field_of(manifest)?;
        let at = manifest.node.locate(field);
        let value = manifest.node.reach(field).at;
        let place = if manifest.text(field).contains('\n') {
            // A block begins on the line below its key; its indentation is that of its first line.
            let indent = std::fs::read_to_string(&manifest.file).ok().and_then(|text| {
                let first =
                    text.lines().skip(at.line as usize).find(|line| !line.trim().is_empty())?;
                u32::try_from(first.len() - first.trim_start().len()).ok()
            });
            At { line: at.line + line, column: indent.unwrap_or(0) + column }
        } else {
            At { line: value.line, column: value.column + column - 1 }
        };
        Some(Place { pointer: Some(field.into()), ..place.in_file(&manifest.file) })
    }

    /// Returns the file that a manifest names, where the place is in it.
    fn source(&self, place: &Place) -> Option<&str> {
        let file = place.file.as_deref()?;
        let is_named = |manifest: &&Manifest| {
            manifest.source.as_deref() == Some(file)
                || ["/spec/bpmn", "/spec/dmn"].iter().any(|field| manifest.text(field) == file)
        };
        let mut naming = self
            .manifests
            .iter()
            .filter(is_named)
            .filter_map(|manifest| manifest.source.as_deref());
        // Two files of the same name in two folders cannot be told apart: then the name stays as it is.
        let found = naming.next()?;
        naming.all(|other| other == found).then_some(found)
    }

    /// Returns the manifest that is meant, and the pointer inside it.
    fn find<'a>(&'a self, place: &'a Place) -> Option<(&'a Manifest, &'a str)> {
        let pointer = place.pointer.as_deref().unwrap_or_default();
        if let Some(rest) = pointer.strip_prefix("/manifests/") {
            let (number, _) = rest.split_once('/').unwrap_or((rest, ""));
            let manifest = self.manifests.get(number.parse::<usize>().ok()?)?;
            return Some((manifest, &rest[number.len()..]));
        }
        let file = place.file.as_deref()?;
        let mut in_file = self.manifests.iter().filter(|manifest| manifest.file == file);
        // The last manifest that begins at or before the line.
        let found = in_file
            .rfind(|manifest| place.line.is_none_or(|line| manifest.node.at.line <= line))?;
        Some((found, pointer))
    }
}

/// Returns whether a text has a line of so many columns.
fn lies_in(text: &str, line: u32, column: u32) -> bool {
    let found = text.lines().nth((line as usize).saturating_sub(1));
    found.is_some_and(|found| column as usize <= found.chars().count() + 1)
}

/// Returns the word in backticks that a message has behind one of these beginnings.
fn quoted_after<'a>(message: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| message.split_once(beginning)?.1.split('`').next())
}

/// Returns where a text stands as a value, the first one that is equal.
fn find_value(node: &Node, value: &str) -> Option<At> {
    match &node.tree {
        Tree::Scalar(found) => (found == value).then_some(node.at),
        Tree::List(nodes) => nodes.iter().find_map(|node| find_value(node, value)),
        Tree::Map(entries) => entries.iter().find_map(|(.., node)| find_value(node, value)),
    }
}

/// Returns where the field stands that a message calls unknown, if it does.
pub(super) fn unknown_field(node: &Node, message: &str) -> Option<At> {
    find_field(node, quoted_after(message, &["unknown field `"])?, message)
}

/// Returns where an unknown field stands. Where several are called so, it is the one beside which stand the fields that the message
/// expects there; the others are known where they are.
fn find_field(node: &Node, field: &str, message: &str) -> Option<At> {
    let expected = message.split_once("expected ").map_or("", |(_, expected)| expected);
    let expected: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let mut found = Vec::new();
    find_fields(node, field, &expected, &mut found);
    found.into_iter().min_by_key(|(_, strange)| *strange).map(|(at, _)| at)
}

/// Collects where fields of a name stand, each with how many fields beside it are not expected there.
fn find_fields(node: &Node, field: &str, expected: &[&str], found: &mut Vec<(At, usize)>) {
    match &node.tree {
        Tree::Map(entries) => {
            let strange = |name: &str| name != field && !expected.contains(&name);
            for (name, at, node) in entries {
                if name == field {
                    let strange = entries.iter().filter(|(name, ..)| strange(name)).count();
                    found.push((*at, strange));
                }
                find_fields(node, field, expected, found);
            }
        }
        Tree::List(nodes) => {
            nodes.iter().for_each(|node| find_fields(node, field, expected, found));
        }
        Tree::Scalar(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::documents;
    use super::*;

    fn folder() -> Folder {
        let text = "kind: A\nspec:\n  x: 1\n---\nkind: B\nspec:\n  bpmn: b.bpmn\n";
        let nodes = documents("f.yaml", text).expect("reads");
        let manifests = nodes.into_iter().map(|node| Manifest {
            file: "f.yaml".into(),
            value: node.value(),
            node,
            source: Some("dir/b.bpmn".into()),
        });
        Folder { manifests: manifests.collect(), ..Folder::default() }
    }

    fn check(place: Place, expected: &str) {
        assert_eq!(folder().place(place, "unknown field `x`, expected `y`").to_string(), expected);
    }

    #[test]
    fn pointers_lead_to_lines() {
        check(Place::pointer("/manifests/1/spec/bpmn"), "f.yaml:7:3 (/spec/bpmn)");
        let by_line = |line, pointer: &str| Place {
            line: Some(line),
            ..Place::pointer(pointer).in_file("f.yaml")
        };
        check(by_line(1, "/spec/x"), "f.yaml:3:3 (/spec/x)");
        check(by_line(5, "/kind"), "f.yaml:5:1 (/kind)");
        check(by_line(1, "/spec"), "f.yaml:3:3 (/spec)");
        let unknown =
            folder().place(by_line(5, "/spec"), "unknown type `b.bpmn`, expected one of bool");
        assert_eq!(unknown.to_string(), "f.yaml:7:9 (/spec)");
    }

    #[test]
    fn an_unknown_field_is_told_from_one_of_the_same_name_that_is_known() {
        let text = "schema:\n  - {name: id, type: text}\nname: x\nkey: [id]\n";
        let node = documents("f.yaml", text).expect("reads").remove(0);
        let line = |message: &str| find_field(&node, "name", message).map(|at| at.line);
        assert_eq!(line("unknown field `name`, expected one of `schema`, `key`"), Some(3));
        assert_eq!(line("unknown field `name`, expected `type`"), Some(2));
        let type_at = find_field(&node, "type", "unknown field `type`, expected `name`");
        assert_eq!(type_at.map(|at| at.line), Some(2));
        assert!(find_field(&node, "owner", "unknown field `owner`").is_none());
    }

    #[test]
    fn what_is_wrong_inside_a_text_is_placed_in_the_file() {
        let text = "kind: View\nmetadata: {name: late}\nspec:\n  sql: |\n    SELECT\n      x\n";
        let nodes = documents("f.yaml", text).expect("reads");
        let manifest = |node: Node| Manifest {
            file: "f.yaml".into(),
            value: node.value(),
            node,
            source: None,
        };
        let folder =
            Folder { manifests: nodes.into_iter().map(manifest).collect(), ..Folder::default() };
        // The file does not exist here, so that the indentation stays unknown.
        let placed =
            |place: Place| folder.place(place, "view `late`: there is no column `x`").to_string();
        assert_eq!(placed(Place::line(2, 3)), "f.yaml:6:3 (/spec/sql)");
        assert_eq!(
            placed(Place {
                pointer: Some("/spec/sql".into()),
                ..Place::line(2, 3).in_file("f.yaml")
            }),
            "f.yaml:6:3 (/spec/sql)"
        );
        assert_eq!(placed(Place::line(9, 3)), "9:3", "no such line");
    }

    #[test]
    fn what_was_found_along_is_about_the_same_manifest() {
        let code = base::Code("process.invalid", base::Kind::Invalid);
        let mut problem = Problem::new(code, "first").at(Place::line(3, 4).in_file("b.bpmn"));
        problem.also.push(Problem::new(code, "second").at(Place::pointer("/spec/bpmn")));
        let problem = folder().placed(problem);
        assert_eq!(
            problem.also[0].place.as_ref().map(Place::to_string).as_deref(),
            Some("f.yaml:7:3 (/spec/bpmn)")
        );
    }

    #[test]
    fn what_is_wrong_in_a_named_file_is_placed_there() {
        let place = Place {
            line: Some(12),
            column: Some(4),
            ..Place::pointer("/manifests/1/spec/source/task_1")
        };
        check(place, "dir/b.bpmn:12:4 (task_1)");
        check(Place::line(3, 4).in_file("b.bpmn"), "dir/b.bpmn:3:4");
    }
}
