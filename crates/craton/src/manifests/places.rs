//! Leads what a unit says about a manifest back to the file, line and column where it was written.

use super::{Folder, Manifest, node::At, node::Node, node::Tree};
use base::{Place, Problem};

impl Folder {
    /// Returns a unit's problem with places in the user's files.
    pub fn placed(&self, mut problem: Problem) -> Problem {
        let first = problem.place.clone().unwrap_or_default();
        problem.place = problem.place.map(|place| self.place(place, &problem.message));
        for further in &mut problem.also {
            let place = further.place.take().map(|place| match (&first.file, &place.file) {
                // What was found along with it, without a file of its own, is about the same manifest.
                (Some(_), None) if place.line.is_none() => Place { pointer: place.pointer, ..self.manifest_of(&first) },
                _ => place,
            });
            further.place = place.map(|place| self.place(place, &further.message));
        }
        problem
    }

    /// Returns the place of the manifest that a place is about, also where that is in a file which the manifest names.
    fn manifest_of(&self, place: &Place) -> Place {
        let names = |manifest: &&Manifest| {
            ["/spec/bpmn", "/spec/dmn"].iter().any(|field| Some(manifest.text(field)) == place.file.as_deref())
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
        let Some((manifest, pointer)) = self.find(&place) else { return place };
        // What is wrong inside the file that a manifest names has the line and column of that file.
        let is_inside = pointer == "/spec/source" || pointer.starts_with("/spec/source/");
        if let (true, Some(source)) = (is_inside, &manifest.source) {
            let pointer = pointer.strip_prefix("/spec/source/").map(str::to_owned);
            return Place { file: Some(source.clone()), line: place.line, column: place.column, pointer };
        }
        let at = unknown_field(message)
            .and_then(|field| find_key(manifest.node.reach(pointer), field))
            .unwrap_or_else(|| manifest.node.locate(pointer));
        let pointer = Some(pointer.to_owned()).filter(|pointer| !pointer.is_empty());
        Place { pointer, ..at.in_file(&manifest.file) }
    }

    /// Returns the file that a manifest names, where the place is in it.
    fn source(&self, place: &Place) -> Option<&str> {
        let file = place.file.as_deref()?;
        let is_named = |manifest: &&Manifest| {
            manifest.source.as_deref() == Some(file)
                || ["/spec/bpmn", "/spec/dmn"].iter().any(|field| manifest.text(field) == file)
        };
        let mut naming = self.manifests.iter().filter(is_named).filter_map(|manifest| manifest.source.as_deref());
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
        let found = in_file.rfind(|manifest| place.line.is_none_or(|line| manifest.node.at.line <= line))?;
        Some((found, pointer))
    }
}

/// Returns the field that a message calls unknown.
fn unknown_field(message: &str) -> Option<&str> {
    message.split_once("unknown field `")?.1.split('`').next()
}

/// Returns where a key stands, the first of that name in a value.
fn find_key(node: &Node, key: &str) -> Option<At> {
    match &node.tree {
        Tree::Map(entries) => entries
            .iter()
            .find_map(|(name, at, node)| if name == key { Some(*at) } else { find_key(node, key) }),
        Tree::List(nodes) => nodes.iter().find_map(|node| find_key(node, key)),
        Tree::Scalar(_) => None,
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
        Folder { application: "a".into(), manifests: manifests.collect() }
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
    }

    #[test]
    fn what_was_found_along_is_about_the_same_manifest() {
        let code = base::Code("process.invalid", base::Kind::Invalid);
        let mut problem = Problem::new(code, "first").at(Place::line(3, 4).in_file("b.bpmn"));
        problem.also.push(Problem::new(code, "second").at(Place::pointer("/spec/bpmn")));
        let problem = folder().placed(problem);
        assert_eq!(problem.also[0].place.as_ref().map(Place::to_string).as_deref(), Some("f.yaml:7:3 (/spec/bpmn)"));
    }

    #[test]
    fn what_is_wrong_in_a_named_file_is_placed_there() {
        let place = Place { line: Some(12), column: Some(4), ..Place::pointer("/manifests/1/spec/source/task_1") };
        check(place, "dir/b.bpmn:12:4 (task_1)");
        check(Place::line(3, 4).in_file("b.bpmn"), "dir/b.bpmn:3:4");
    }
}
