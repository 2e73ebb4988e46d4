//! Routes from the tables of operations, and the way from a path to its operation.
//!
//! Among routes that match a path the most literal one counts, as OpenAPI says; then the method decides.

use crate::Error;
use base::{Problem, nearest, percent_decode};
use kernel::{Body, Handler, Kernel, Operation, ResourceRef, Target};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An operation with its route.
#[derive(Clone)]
pub struct Line {
    /// The operation.
    pub operation: Operation,
    /// The method in upper case.
    pub method: &'static str,
    /// The route, for example `/v1/streams/{name}/append`.
    pub route: String,
}

impl Line {
    /// Returns whether the operation only looks.
    pub fn is_read(&self) -> bool {
        matches!(self.operation.handler, Handler::Read(_))
    }

    /// Returns the resource that a path of this route names.
    pub(crate) fn resource(&self, parameters: &[&str]) -> ResourceRef {
        let at = |index: usize| parameters.get(index).copied().unwrap_or_default();
        match self.operation.target {
            Target::Named => ResourceRef::new(self.operation.kind(), at(0)),
            Target::Whole => ResourceRef::new(self.operation.kind(), ""),
            Target::Any => ResourceRef::new(at(0), at(1)),
            Target::AnyWhole => ResourceRef::new(at(0), ""),
        }
    }
}

/// Returns the operations that HTTP offers, with their routes.
pub fn lines(kernel: &Kernel) -> Vec<Line> {
    kernel
        .operations()
        .filter(|operation| !operation.is_internal)
        .map(|operation| {
            let kind = kernel.kind(operation.kind());
            let plural =
                kind.map_or_else(|| plural(operation.kind()), |kind| kind.plural.to_owned());
            let (method, route) = place(operation, &plural);
            Line { operation: operation.clone(), method, route }
        })
        .collect()
}

/// Returns method and route of an operation.
fn place(operation: &Operation, plural: &str) -> (&'static str, String) {
    let on = match operation.target {
        Target::Named => format!("/v1/{plural}/{{name}}"),
        Target::Whole => format!("/v1/{plural}"),
        Target::Any => format!("/v1/{plural}/{{kind}}/{{name}}"),
        Target::AnyWhole => format!("/v1/{plural}/{{kind}}"),
    };
    let is_one = matches!(operation.target, Target::Named | Target::Any);
    let is_get = matches!((&operation.handler, &operation.body), (Handler::Read(_), Body::None));
    match operation.verb() {
        "get" if is_one && is_get => ("GET", on),
        "list" if !is_one && is_get => ("GET", on),
        "create" if !is_one && !is_get => ("POST", on),
        "delete" if is_one && !is_get => ("DELETE", on),
        verb => (if is_get { "GET" } else { "POST" }, format!("{on}/{verb}")),
    }
}

/// Returns the plural of a kind that no engine declares.
fn plural(kind: &str) -> String {
    match kind {
        _ if kind.ends_with('y') => format!("{}ies", &kind[..kind.len() - 1]),
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// A page that is no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Welcome,
    OpenApi,
    Live,
    Ready,
    /// Tells a viewer what changes.
    Watch,
    /// Sends a browser to an identity provider.
    SignIn,
    /// Takes a browser that comes back from there.
    Callback,
    /// Signs a browser in with a password.
    Password,
    /// Ends the session of a browser.
    SignOut,
}

/// The pages that are no operation, with their methods and routes.
pub(crate) const PAGES: [(&str, &str, Page); 9] = [
    ("GET", "/", Page::Welcome),
    ("GET", "/v1/openapi.json", Page::OpenApi),
    ("GET", "/v1/live", Page::Watch),
    ("GET", "/health/live", Page::Live),
    ("GET", "/health/ready", Page::Ready),
    ("GET", "/sign-in/{name}", Page::SignIn),
    ("GET", "/sign-in/{name}/callback", Page::Callback),
    ("POST", "/sign-in", Page::Password),
    ("POST", "/sign-out", Page::SignOut),
];

/// An operation that stands at a second place too: where Prometheus looks for it.
pub(crate) const METRICS: (&str, &str) = ("unit.metrics", "/metrics");

/// What stands behind a route and a method.
#[derive(Clone)]
pub(crate) enum Door {
    Page(Page),
    Operation(Arc<Line>),
}

/// A route with what stands behind its methods.
pub(crate) struct Node {
    route: String,
    segments: Vec<String>,
    doors: BTreeMap<&'static str, Door>,
}

impl Node {
    /// Returns the route, for example `/v1/streams/{name}/append`.
    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    /// Returns what stands behind a method; `HEAD` is `GET` without the body.
    pub(crate) fn door(&self, method: &str) -> Option<&Door> {
        self.doors.get(if method == "HEAD" { "GET" } else { method })
    }

    /// Returns the possible methods as in the header `Allow`.
    pub(crate) fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.doors.keys().copied().collect();
        if self.doors.contains_key("GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }

    /// Returns the path's values for the route's parameters, where the route matches.
    pub(crate) fn parameters<'a>(&self, path: &'a [String]) -> Option<Vec<&'a str>> {
        let is_match = self.segments.len() == path.len()
            && self.segments.iter().zip(path).all(|(own, given)| match is_parameter(own) {
                true => !given.is_empty(),
                false => own == given,
            });
        let values = self.segments.iter().zip(path).filter(|(own, _)| is_parameter(own));
        is_match.then(|| values.map(|(_, given)| given.as_str()).collect())
    }
}

/// All routes.
pub(crate) struct Routes(Vec<Node>);

impl Routes {
    /// Returns the routes of the operations and of the pages.
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        let mut nodes: BTreeMap<String, BTreeMap<&'static str, Door>> = BTreeMap::new();
        for (method, route, page) in PAGES {
            nodes.entry(route.into()).or_default().insert(method, Door::Page(page));
        }
        for line in lines {
            let (name, place) = METRICS;
            if line.operation.name == name {
                let door = Door::Operation(Arc::new(line.clone()));
                nodes.entry(place.into()).or_default().insert("GET", door);
            }
            let doors = nodes.entry(line.route.clone()).or_default();
            let (name, method) = (line.operation.name, line.method);
            let before = doors.insert(method, Door::Operation(Arc::new(line)));
            assert!(before.is_none(), "`{name}` has a route of its own");
        }
        let mut nodes: Vec<Node> = nodes
            .into_iter()
            .map(|(route, doors)| Node { segments: split(&route), route, doors })
            .collect();
        // Literal segments come before parameters, from left to right.
        nodes.sort_by_cached_key(|node| {
            node.segments
                .iter()
                .map(|segment| (is_parameter(segment), segment.clone()))
                .collect::<Vec<_>>()
        });
        Self(nodes)
    }

    /// Finds the most literal route of a path.
    ///
    /// # Errors
    /// `http.not_found` with the nearest route.
    pub(crate) fn find<'a>(&self, path: &'a [String]) -> Result<(&Node, Vec<&'a str>), Problem> {
        let found = self.0.iter().find_map(|node| Some((node, node.parameters(path)?)));
        found.ok_or_else(|| {
            let asked = format!("/{}", path.join("/"));
            let nearest = self.nearest(path, &asked);
            Error::NotFound { path: asked.chars().take(200).collect(), nearest }.into()
        })
    }

    /// Returns the route that is nearest to a path, its parameters filled from the path.
    fn nearest(&self, path: &[String], asked: &str) -> Option<String> {
        let path = path.strip_suffix(&[String::new()]).unwrap_or(path);
        let filled: Vec<(String, &Node)> = self
            .0
            .iter()
            .filter(|node| node.segments.len() == path.len())
            .map(|node| {
                let parts = node.segments.iter().zip(path);
                let parts = parts.map(|(own, given)| if is_parameter(own) { given } else { own });
                (parts.fold(String::new(), |text, part| text + "/" + part), node)
            })
            .collect();
        let best = nearest(asked, filled.iter().map(|(text, _)| text.as_str()))?;
        let (_, node) = filled.iter().find(|(text, _)| text == best)?;
        let method = node.doors.keys().next()?;
        Some(format!("{method} {}", node.route))
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

fn split(path: &str) -> Vec<String> {
    path.trim_start_matches('/').split('/').map(str::to_owned).collect()
}

/// The longest segment of a path in bytes.
const SEGMENT_BYTES_MAX: usize = 255;

/// Returns the decoded segments of a path.
///
/// # Errors
/// `http.target_invalid`.
pub(crate) fn segments(path: &str) -> Result<Vec<String>, Problem> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let segments = path.split('/').map(|segment| decode("path", segment, false));
    let segments = segments.collect::<Result<Vec<_>, _>>()?;
    if segments.iter().any(|segment| SEGMENT_BYTES_MAX < segment.len()) {
        let reason = "a segment has 255 bytes at most";
        return Err(Error::Target { part: "path", reason }.into());
    }
    Ok(segments)
}

/// Decodes percent signs, and plus signs as spaces where `is_form`.
///
/// # Errors
/// `http.target_invalid` for a percent sign without two hexadecimal digits and for bytes that are not UTF-8.
pub(crate) fn decode(part: &'static str, text: &str, is_form: bool) -> Result<String, Problem> {
    let target = |reason| Error::Target { part, reason };
    let text = if is_form { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    let bytes =
        percent_decode(&text).ok_or_else(|| target("`%` is followed by two hexadecimal digits"))?;
    Ok(String::from_utf8(bytes.into_owned()).map_err(|_| target("it is not UTF-8"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Reply, Right, operation};
    use serde_json::{Value, json};

    fn look() -> Handler {
        Handler::Read(Arc::new(|_, _| Ok(Reply::Value(Value::Null))))
    }

    fn change() -> Handler {
        Handler::Decide(Arc::new(|_, _| Ok(Reply::Value(Value::Null))))
    }

    fn table() -> Vec<Line> {
        let operations = [
            operation("stream.get", Right::Read, "", look()),
            operation("stream.list", Right::Read, "", look()).on_kind(),
            operation("stream.create", Right::Manage, "", change()).on_kind(),
            operation("stream.delete", Right::Manage, "", change()),
            operation("stream.append", Right::Write, "", change()).takes_raw(&["application/json"]),
            operation("stream.query", Right::Read, "", look()).on_kind().takes(json!({})),
            operation("resource.get", Right::Read, "", look()).on(Target::Any),
            operation("resource.list", Right::Read, "", look()).on(Target::AnyWhole),
            operation("resource.history", Right::Read, "", look()).on(Target::Any),
            operation("resource.apply", Right::Manage, "", change()).on_kind().takes(json!({})),
        ];
        let line = |operation: Operation| {
            let (method, route) = place(&operation, &plural(operation.kind()));
            Line { operation, method, route }
        };
        operations.into_iter().map(line).collect()
    }

    #[test]
    fn routes_follow_from_name_target_and_body() {
        let routes: Vec<String> = table()
            .iter()
            .map(|line| format!("{} {} {}", line.operation.name, line.method, line.route))
            .collect();
        assert_eq!(
            routes,
            [
                "stream.get GET /v1/streams/{name}",
                "stream.list GET /v1/streams",
                "stream.create POST /v1/streams",
                "stream.delete DELETE /v1/streams/{name}",
                "stream.append POST /v1/streams/{name}/append",
                "stream.query POST /v1/streams/query",
                "resource.get GET /v1/resources/{kind}/{name}",
                "resource.list GET /v1/resources/{kind}",
                "resource.history GET /v1/resources/{kind}/{name}/history",
                "resource.apply POST /v1/resources/apply",
            ]
        );
    }

    fn find(method: &str, path: &str) -> String {
        let routes = Routes::new(table());
        let path = match segments(path) {
            Ok(path) => path,
            Err(problem) => return problem.message,
        };
        match routes.find(&path) {
            Ok((node, parameters)) => match node.door(method) {
                Some(Door::Operation(line)) => {
                    format!("{} {}", line.operation.name, line.resource(&parameters))
                }
                Some(Door::Page(page)) => format!("{page:?}"),
                None => format!("allow {}", node.allow()),
            },
            Err(problem) => problem.hint.unwrap_or_default(),
        }
    }

    #[test]
    fn paths_find_their_operation() {
        assert_eq!(find("GET", "/"), "Welcome");
        assert_eq!(find("GET", "/v1/streams"), "stream.list stream");
        assert_eq!(find("HEAD", "/v1/streams/orders"), "stream.get stream/orders");
        assert_eq!(find("DELETE", "/v1/streams/a%20b"), "stream.delete stream/a b");
        assert_eq!(find("POST", "/v1/streams/query"), "stream.query stream");
        assert_eq!(find("GET", "/v1/resources/stream"), "resource.list stream");
        assert_eq!(find("GET", "/v1/resources/stream/x/history"), "resource.history stream/x");
    }

    #[test]
    fn wrong_methods_and_paths_name_the_right_ones() {
        assert_eq!(find("PUT", "/v1/streams/orders"), "allow DELETE, GET, HEAD, OPTIONS");
        assert_eq!(find("GET", "/v1/streams/query"), "allow POST, OPTIONS");
        assert_eq!(find("GET", "/v1/strems/orders"), "did you mean `DELETE /v1/streams/{name}`?");
        assert_eq!(
            find("POST", "/v1/streams/orders/apend"),
            "did you mean `POST /v1/streams/{name}/append`?"
        );
        assert_eq!(find("GET", "/v1/streams/"), "did you mean `GET /v1/streams`?");
        assert_eq!(
            find("POST", "/v1/streams//append"),
            "did you mean `POST /v1/streams/{name}/append`?"
        );
        assert_eq!(find("GET", "/favicon.ico"), "`GET /v1/openapi.json` lists all routes");
        assert_eq!(
            find("GET", "/%zz"),
            "the path is wrong: `%` is followed by two hexadecimal digits"
        );
        assert_eq!(find("GET", "/%ff"), "the path is wrong: it is not UTF-8");
    }
}
