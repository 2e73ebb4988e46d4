//! Reading a form: its JSON, and what is wrong with it.

use super::model::{Bound, Form, Item, Kind, Moment, Options, Rules, Shape};
use super::{COMPONENTS_MAX, NESTING_MAX, PROBLEMS_MAX, TEXT_BYTES_MAX};
use crate::Error;
use crate::feel::{self, Expression};
use crate::text::shorten;
use base::{Place, Problem};
use regex::RegexBuilder;
use serde_json::Value;
use std::collections::BTreeSet;

/// The largest compiled form of a pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Types of components that take a value or hold some.
const FIELDS: [&str; 14] = [
    "textfield",
    "textarea",
    "number",
    "checkbox",
    "select",
    "radio",
    "checklist",
    "taglist",
    "datetime",
    "filepicker",
    "expression",
    "group",
    "dynamiclist",
    "button",
];

/// Types of components that only show something.
const SHOWN: [&str; 6] = ["text", "html", "image", "separator", "spacer", "table"];

/// Properties of a component that may be FEEL for the page alone: here it is only parsed.
const TEXTS: [&str; 9] = [
    "label",
    "description",
    "text",
    "content",
    "source",
    "alt",
    "dataSource",
    "columnsExpression",
    "expression",
];

impl Form {
    /// Reads a form as form-js writes it.
    ///
    /// # Errors
    /// The first problem in the order of the file, the others in [`Problem::also`]: `form.malformed`, `form.too_large`,
    /// `form.invalid`.
    pub fn parse(source: &str) -> Result<Self, Problem> {
        if TEXT_BYTES_MAX < source.len() {
            let reason = format!("its text is longer than {TEXT_BYTES_MAX} bytes");
            return Err(Error::TooLarge { code: "form.too_large", reason }.into());
        }
        let schema: Value = serde_json::from_str(source).map_err(|error| {
            let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
            let column = u32::try_from(error.column()).unwrap_or(u32::MAX);
            malformed(format!("the form is no JSON: {error}"), Place::line(line, column))
        })?;
        let Some(components) = schema.get("components").and_then(Value::as_array) else {
            return Err(malformed("the form has no list `components`".into(), Place::default()));
        };
        let kind = schema.get("type").and_then(Value::as_str);
        if kind != Some("default") {
            let found = kind
                .map_or_else(|| "no type".into(), |kind| format!("the type `{}`", shorten(kind)));
            let message = format!("the form has {found}; form-js writes `default`");
            return Err(malformed(message, Place::pointer("/type")));
        }
        let mut reader = Reader { source, problems: Vec::new(), count: 0, is_computed: false };
        let items = reader.components(components, "/components", &[], 0, &mut Keys::default());
        let is_computed = reader.is_computed;
        let mut problems = reader.problems.into_iter();
        match problems.next() {
            None => Ok(Self { items, is_computed }),
            Some(mut first) => {
                first.also.extend(problems);
                Err(first)
            }
        }
    }
}

fn malformed(message: String, place: Place) -> Problem {
    Error::Malformed { code: "form.malformed", message, place: Some(place) }.into()
}

/// The places at which values of one scope stand.
#[derive(Default)]
struct Keys(BTreeSet<Vec<String>>);

impl Keys {
    /// Takes a place. Returns false where it is taken, stands inside one that is, or around one.
    fn take(&mut self, path: &[String]) -> bool {
        let meets = |taken: &Vec<String>| taken.starts_with(path) || path.starts_with(taken);
        let is_free = !self.0.iter().any(meets);
        self.0.insert(path.to_vec());
        is_free
    }
}

/// A form in the reading.
struct Reader<'s> {
    source: &'s str,
    problems: Vec<Problem>,
    count: usize,
    is_computed: bool,
}

/// A component in the reading.
struct Component<'a> {
    value: &'a Value,
    /// Its JSON pointer.
    at: String,
}

impl<'a> Component<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    fn is(&self, name: &str) -> bool {
        self.value.get(name) == Some(&Value::Bool(true))
    }

    fn rule(&self, name: &str) -> Option<&'a Value> {
        self.value.get("validate")?.get(name).filter(|value| !value.is_null() && *value != "")
    }

    /// Returns what the user knows it by: its label, else its key, else its id.
    fn label(&self) -> &'a str {
        let label =
            self.text("label").filter(|label| !label.starts_with('=') && !label.contains("{{"));
        label
            .or_else(|| self.text("key"))
            .or_else(|| self.text("path"))
            .unwrap_or_else(|| self.id())
    }

    fn id(&self) -> &'a str {
        self.text("id").unwrap_or("without an id")
    }
}

impl Reader<'_> {
    /// Notes what is wrong with a component.
    fn wrong(&mut self, component: &Component<'_>, pointer: &str, rule: &str, message: &str) {
        if PROBLEMS_MAX <= self.problems.len() {
            return;
        }
        let kind = component.text("type").unwrap_or("component");
        let name = component.text("key").unwrap_or_else(|| component.id());
        let message = format!("`{}` `{}` {message} [{rule}]", shorten(kind), shorten(name));
        let place = Place {
            line: self.line_of(component),
            ..Place::pointer(format!("{}{pointer}", component.at))
        };
        let error = Error::Malformed { code: "form.invalid", message, place: Some(place) };
        self.problems.push(error.into());
    }

    /// Returns the line of a component: that of its id, which stands in no other.
    fn line_of(&self, component: &Component<'_>) -> Option<u32> {
        let name = component.text("id").or_else(|| component.text("key"))?;
        let offset = self.source.find(&format!("\"{name}\""))?;
        u32::try_from(self.source[..offset].matches('\n').count() + 1).ok()
    }

    fn components(
        &mut self,
        list: &[Value],
        at: &str,
        prefix: &[String],
        depth: usize,
        keys: &mut Keys,
    ) -> Vec<Item> {
        let mut items = Vec::new();
        for (number, value) in list.iter().enumerate() {
            self.count += 1;
            let component = Component { value, at: format!("{at}/{number}") };
            if COMPONENTS_MAX < self.count {
                if self.count == COMPONENTS_MAX + 1 {
                    let message =
                        format!("is one too many: a form has {COMPONENTS_MAX} components at most");
                    self.wrong(&component, "", "components", &message);
                }
                break;
            }
            items.extend(self.component(&component, prefix, depth, keys));
        }
        items
    }

    /// Reads a component; nothing where it has no value, or something is wrong with it.
    fn component(
        &mut self,
        component: &Component<'_>,
        prefix: &[String],
        depth: usize,
        keys: &mut Keys,
    ) -> Option<Item> {
        let Some(kind) = component.text("type") else {
            self.wrong(component, "/type", "type", "has no type");
            return None;
        };
        if !FIELDS.contains(&kind) && !SHOWN.contains(&kind) {
            let known = FIELDS.into_iter().chain(SHOWN);
            let nearest =
                base::nearest(kind, known).map(|name| format!("; did you mean `{name}`?"));
            let message =
                format!("has a type that is not supported{}", nearest.unwrap_or_default());
            self.wrong(component, "/type", "type", &message);
            return None;
        }
        self.texts(component);
        let hide = self.hide(component);
        if kind == "button" || SHOWN.contains(&kind) {
            return None;
        }
        let (path, kind) = match kind {
            "group" | "dynamiclist" => self.container(component, kind, prefix, depth, keys)?,
            _ => (self.key(component, prefix, keys)?, self.kind(component, kind)?),
        };
        let rules = self.rules(component, &kind);
        let is_fixed = component.is("disabled")
            || component
                .value
                .get("readonly")
                .is_some_and(|value| *value != Value::Bool(false) && !value.is_null());
        let label = shorten(component.label());
        Some(Item { path, label, kind, rules, hide, is_fixed })
    }

    /// Reads a group or a list, with what stands in it.
    fn container(
        &mut self,
        component: &Component<'_>,
        kind: &str,
        prefix: &[String],
        depth: usize,
        keys: &mut Keys,
    ) -> Option<(Vec<String>, Kind)> {
        let Some(list) = component.value.get("components").and_then(Value::as_array) else {
            self.wrong(component, "/components", "components", "has no list `components`");
            return None;
        };
        if NESTING_MAX <= depth {
            let message = format!("stands deeper than {NESTING_MAX} in others");
            self.wrong(component, "", "nesting", &message);
            return None;
        }
        let at = format!("{}/components", component.at);
        let path = match component.text("path") {
            Some(text) => self.path(component, "/path", text, prefix)?,
            None => prefix.to_vec(),
        };
        if kind == "group" {
            let items = self.components(list, &at, &path, depth + 1, keys);
            return Some((path, Kind::Group(items)));
        }
        if component.text("path").is_none() {
            self.wrong(component, "/path", "key", "has no path, so nothing says where its rows go");
            return None;
        }
        self.take(component, "/path", &path, keys);
        let items = self.components(list, &at, &[], depth + 1, &mut Keys::default());
        Some((path, Kind::List(items)))
    }

    fn key(
        &mut self,
        component: &Component<'_>,
        prefix: &[String],
        keys: &mut Keys,
    ) -> Option<Vec<String>> {
        let Some(key) = component.text("key") else {
            self.wrong(
                component,
                "/key",
                "key",
                "has no key, so nothing says where its value goes",
            );
            return None;
        };
        let path = self.path(component, "/key", key, prefix)?;
        self.take(component, "/key", &path, keys);
        Some(path)
    }

    fn path(
        &mut self,
        component: &Component<'_>,
        pointer: &str,
        text: &str,
        prefix: &[String],
    ) -> Option<Vec<String>> {
        let is_name = |name: &str| {
            let mut letters = name.chars();
            letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
                && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        if !text.split('.').all(is_name) {
            let message = format!(
                "is named `{}`; a name has letters, digits and `_`, with dots between",
                shorten(text)
            );
            self.wrong(component, pointer, "key", &message);
            return None;
        }
        Some(prefix.iter().cloned().chain(text.split('.').map(str::to_owned)).collect())
    }

    fn take(&mut self, component: &Component<'_>, pointer: &str, path: &[String], keys: &mut Keys) {
        if !keys.take(path) {
            let message = format!("puts its value where another does: `{}`", path.join("."));
            self.wrong(component, pointer, "key-twice", &message);
        }
    }

    fn kind(&mut self, component: &Component<'_>, kind: &str) -> Option<Kind> {
        Some(match kind {
            "number" => Kind::Number {
                digits: component
                    .value
                    .get("decimalDigits")
                    .and_then(Value::as_u64)
                    .and_then(|digits| u32::try_from(digits).ok()),
                is_text: component.is("serializeToString"),
            },
            "checkbox" => Kind::Truth,
            "select" | "radio" => Kind::One(self.options(component)?),
            "checklist" | "taglist" => Kind::Many(self.options(component)?),
            "datetime" => {
                let what = match component.text("subtype") {
                    None | Some("date") => Moment::Day,
                    Some("time") => Moment::TimeOfDay,
                    Some("datetime") => Moment::Both,
                    Some(other) => {
                        let message = format!(
                            "has the subtype `{}`; there are date, time, datetime",
                            shorten(other)
                        );
                        self.wrong(component, "/subtype", "type", &message);
                        return None;
                    }
                };
                Kind::Moment { what, is_past_refused: component.is("disallowPassedDates") }
            }
            "filepicker" => Kind::Files { is_multiple: component.is("multiple") },
            "expression" => Kind::Computed,
            _ => Kind::Text,
        })
    }

    /// Reads where the options of a choice come from.
    fn options(&mut self, component: &Component<'_>) -> Option<Options> {
        if let Some(text) = component.text("valuesExpression") {
            self.is_computed = true;
            return self.feel(component, "/valuesExpression", text).map(Options::Computed);
        }
        if let Some(text) = component.text("valuesKey") {
            self.is_computed = true;
            return self.path(component, "/valuesKey", text, &[]).map(Options::Variable);
        }
        let values = component.value.get("values").and_then(Value::as_array);
        let mut options: Vec<Value> = Vec::new();
        for option in values.into_iter().flatten() {
            match option.get("value") {
                Some(value) if !value.is_null() && *value != "" => {
                    if options.contains(value) {
                        let message =
                            format!("has the option `{}` twice", shorten(&value.to_string()));
                        self.wrong(component, "/values", "option-twice", &message);
                    }
                    options.push(value.clone());
                }
                _ => self.wrong(component, "/values", "options", "has an option without a value"),
            }
        }
        if options.is_empty() {
            let message = "has no options: neither `values` nor `valuesKey` nor `valuesExpression`";
            self.wrong(component, "/values", "options", message);
            return None;
        }
        Some(Options::Fixed(options))
    }

    fn rules(&mut self, component: &Component<'_>, kind: &Kind) -> Rules {
        let is_required = component.rule("required") == Some(&Value::Bool(true));
        let mut rules = Rules { is_required, ..Rules::default() };
        match kind {
            Kind::Number { .. } => {
                rules.min = self.bound(component, "min");
                rules.max = self.bound(component, "max");
            }
            Kind::Text => {
                rules.length_min = self.bound(component, "minLength");
                rules.length_max = self.bound(component, "maxLength");
                rules.pattern = self.pattern(component);
                rules.shape = match component.rule("validationType").and_then(Value::as_str) {
                    Some("email") => Some(Shape::Email),
                    Some("phone") => Some(Shape::Phone),
                    _ => None,
                };
            }
            _ => {}
        }
        rules
    }

    /// Reads a bound: a number, a number as text, or FEEL.
    fn bound(&mut self, component: &Component<'_>, name: &str) -> Option<Bound> {
        let value = component.rule(name)?;
        let pointer = format!("/validate/{name}");
        if let Some(text) = value.as_str().filter(|text| text.trim_start().starts_with('=')) {
            self.is_computed = true;
            return self.feel(component, &pointer, text).map(Bound::Computed);
        }
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        if number.is_none_or(|number| !number.is_finite()) {
            let message = format!("has a `{name}` that is no number");
            self.wrong(component, &pointer, "bound", &message);
            return None;
        }
        number.map(Bound::Fixed)
    }

    fn pattern(&mut self, component: &Component<'_>) -> Option<regex::Regex> {
        let text = component.rule("pattern")?.as_str()?;
        match RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let reason = shorten(error.to_string().lines().last().unwrap_or_default());
                let message = format!("has a pattern that cannot be checked: {reason}");
                self.wrong(component, "/validate/pattern", "pattern", &message);
                None
            }
        }
    }

    fn hide(&mut self, component: &Component<'_>) -> Option<Expression> {
        let text = component.value.get("conditional")?.get("hide")?.as_str()?;
        if text.trim().is_empty() {
            return None;
        }
        self.is_computed = true;
        self.feel(component, "/conditional/hide", text)
    }

    /// Compiles an expression that is evaluated where values are checked.
    fn feel(&mut self, component: &Component<'_>, pointer: &str, text: &str) -> Option<Expression> {
        match Expression::compile_feel(text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.wrong(
                    component,
                    pointer,
                    "expression",
                    &format!("has an expression that is refused: {error}"),
                );
                None
            }
        }
    }

    /// Parses what may be FEEL for the page alone, which knows functions of its own.
    fn texts(&mut self, component: &Component<'_>) {
        for name in TEXTS {
            let Some(text) = component.text(name).filter(|text| text.starts_with('=')) else {
                continue;
            };
            if let Err(error @ (Error::FeelSyntax { .. } | Error::FeelTooLarge { .. })) =
                feel::check(text)
            {
                let message = format!("has an expression that is refused: {error}");
                self.wrong(component, &format!("/{name}"), "expression", &message);
            }
        }
    }
}
