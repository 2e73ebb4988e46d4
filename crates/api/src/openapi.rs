//! The OpenAPI 3.1 document, from the tables of operations.

use crate::answer::{PROBLEM, PROBLEM_TYPE};
use crate::route::Line;
use kernel::{Body, Operation};
use serde_json::{Map, Value, json};

/// The refusals that every operation may answer: status, name, when.
const REFUSALS: [(&str, &str, &str); 13] = [
    ("400", "Invalid", "The request is wrong and will be wrong again."),
    ("401", "Unauthenticated", "Who is calling is not known."),
    ("403", "Forbidden", "The caller may not do this."),
    ("404", "NotFound", "It does not exist, or the caller may not see it."),
    ("405", "MethodNotAllowed", "The route does not have this method."),
    ("408", "Timeout", "The request did not arrive in time."),
    ("409", "Conflict", "The state of the resource does not allow it now."),
    ("413", "BodyTooLarge", "The body exceeds the limit."),
    ("415", "MediaType", "The media type is not taken here."),
    ("429", "Exhausted", "A limit was reached; repeat it later."),
    ("431", "HeadTooLarge", "Request line and headers exceed the limit."),
    ("500", "Internal", "A defect; the log has the detail under the id in the answer."),
    ("503", "Unavailable", "It may work later."),
];

/// Returns the OpenAPI 3.1 document of operations. Statuses stand in their order, as a script that reads and writes it has them.
pub fn document(lines: &[Line], title: &str, version: &str) -> Value {
    let mut schemas = Map::new();
    schemas.insert("Problem".into(), problem_schema());
    let mut paths = pages();
    for line in lines {
        let operation = operation(line, &mut schemas);
        let item = paths.entry(line.route.clone()).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(line.method.to_ascii_lowercase(), operation);
        }
    }
    let responses: Map<String, Value> = REFUSALS
        .iter()
        .map(|(status, name, summary)| ((*name).to_owned(), refusal(status, summary)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "summary": "The operations of a unit run by Craton.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "parameters": parameters(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "An RFC 9421 signature of a peer, with Signature-Input and Content-Digest.",
                },
            },
        },
    })
}

/// Returns what the document says of one operation.
fn operation(line: &Line, schemas: &mut Map<String, Value>) -> Value {
    let operation = &line.operation;
    let mut parameters = path_parameters(&line.route);
    for (name, summary) in operation.query {
        parameters.push(json!({
            "name": name,
            "in": "query",
            "description": summary,
            "schema": {"type": "string"},
        }));
    }
    parameters.push(json!({"$ref": "#/components/parameters/At"}));
    // An answer with a secret in it is kept nowhere, so a key could not bring it back.
    if !line.is_read() && !operation.is_secret {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    let mut responses = Map::from_iter([("200".to_owned(), success(line, schemas))]);
    if operation.cancel.is_some() {
        let content = json!({JSON: {"schema": {"type": "object"}}});
        let accepted =
            json!({"description": "Accepted; the result comes later.", "content": content});
        responses.insert("202".into(), accepted);
    }
    responses.extend(refusals());
    let mut entry = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "description": needs(operation),
        "x-craton-right": operation.right.as_str(),
        "tags": [operation.kind()],
        "security": security(operation),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = request_body(line, schemas) {
        entry["requestBody"] = body;
    }
    entry
}

/// Returns which right an operation needs, in a sentence.
fn needs(operation: &Operation) -> String {
    let right = operation.right.as_str();
    if operation.is_public {
        format!(
            "Needs the right {right}, which the policies may give to callers without a credential."
        )
    } else {
        format!("Needs the right {right}.")
    }
}

/// Returns the credentials of which an operation takes any; none at all for one that is public.
fn security(operation: &Operation) -> Value {
    if operation.is_public { json!([]) } else { json!([{"bearer": []}, {"signature": []}]) }
}

const JSON: &str = "application/json";

fn path_parameters(route: &str) -> Vec<Value> {
    let names = route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let schema = json!({"type": "string", "minLength": 1, "pattern": "^[^/]+$"});
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect()
}

fn request_body(line: &Line, schemas: &mut Map<String, Value>) -> Option<Value> {
    match &line.operation.body {
        Body::None => None,
        Body::Json(schema) => {
            let is_required = schema["required"].as_array().is_some_and(|names| !names.is_empty());
            let schema = embed(schema, line.operation.name, schemas);
            Some(json!({"required": is_required, "content": {JSON: {"schema": schema}}}))
        }
        Body::Raw(media) => {
            let content: Map<String, Value> = media
                .iter()
                .map(|media| ((*media).to_owned(), json!({"schema": raw_schema(media)})))
                .collect();
            Some(json!({"required": true, "content": content}))
        }
    }
}

/// Returns the schema of bytes: JSON of any form, or text.
fn raw_schema(media: &str) -> Value {
    if media == JSON || media.ends_with("+json") { json!({}) } else { json!({"type": "string"}) }
}

/// Returns what an operation answers. A schema with `contentMediaType` (a text or a list of them) says in which forms the
/// answer may come; the schema itself is that of the JSON form.
fn success(line: &Line, schemas: &mut Map<String, Value>) -> Value {
    let answer = &line.operation.answer;
    let media: Vec<&str> = match &answer["contentMediaType"] {
        Value::String(media) => vec![media],
        Value::Array(media) => media.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut schema = embed(answer, line.operation.name, schemas);
    if let Value::Object(schema) = &mut schema {
        schema.remove("contentMediaType");
    }
    let forms = if media.is_empty() { vec![JSON] } else { media };
    let content: Map<String, Value> = forms
        .into_iter()
        .map(|form| {
            let schema = if form == JSON { schema.clone() } else { raw_schema(form) };
            (form.to_owned(), json!({"schema": schema}))
        })
        .collect();
    json!({"description": "Done.", "content": content})
}

fn refusals() -> Map<String, Value> {
    let entry = |(status, name, _): &(&str, &str, &str)| {
        ((*status).to_owned(), json!({"$ref": format!("#/components/responses/{name}")}))
    };
    REFUSALS.iter().map(entry).collect()
}

fn refusal(status: &str, summary: &str) -> Value {
    let text = json!({"schema": {"type": "string"}});
    let headers = match status {
        "401" => json!({"WWW-Authenticate": text}),
        "405" => json!({"Allow": text}),
        "429" | "503" => json!({"Retry-After": text}),
        _ => json!({}),
    };
    json!({
        "description": summary,
        "headers": headers,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

fn parameters() -> Value {
    json!({
        "At": {
            "name": "at",
            "in": "query",
            "description": "The business time at which it happens; the unit's business clock where absent.",
            "schema": {"type": "string", "format": "date-time"},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes it safe to repeat the request: it takes effect once in 24 hours.",
            "schema": {"type": "string", "pattern": "^[!#-~]{1,255}$"},
        },
    })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "kind"],
        "properties": {
            "type": {"type": "string", "description": format!("`{PROBLEM_TYPE}` and the code.")},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What happened."},
            "code": {"type": "string", "description": "The stable code; docs/errors has a page for each."},
            "kind": {"enum": [
                "invalid", "unauthenticated", "forbidden", "not_found",
                "conflict", "exhausted", "unavailable", "internal",
            ]},
            "hint": {"type": "string", "description": "What to do next."},
            "retry_ms": {"type": "integer", "description": "After how many milliseconds it is worth repeating."},
            "place": {
                "type": "object",
                "description": "Where in the request.",
                "properties": {
                    "file": {"type": "string"},
                    "line": {"type": "integer", "minimum": 1},
                    "column": {"type": "integer", "minimum": 1},
                    "pointer": {"type": "string"},
                },
            },
            "also": {
                "type": "array",
                "description": "Further problems of the same request.",
                "items": {"type": "object"},
            },
        },
    })
}

/// Returns the routes that are no operation.
fn pages() -> Map<String, Value> {
    let page = |id: &str, summary: &str, media: &str, statuses: &[&str]| {
        let mut responses = Map::new();
        let content = json!({media: {"schema": raw_schema(media)}});
        responses.insert("200".into(), json!({"description": "Done.", "content": content}));
        for (status, name, _) in REFUSALS.iter().filter(|(status, _, _)| statuses.contains(status))
        {
            let response = json!({"$ref": format!("#/components/responses/{name}")});
            responses.insert((*status).into(), response);
        }
        json!({"get": {
            "operationId": id, "summary": summary, "tags": ["door"], "security": [], "responses": responses,
        }})
    };
    let text = "text/plain";
    let (head, all) = (["400", "405", "408", "431"], ["400", "405", "408", "431", "500", "503"]);
    let guarded = ["400", "401", "403", "404", "405", "408", "429", "431", "500", "503"];
    let mut metrics =
        page("metrics", "Says what the unit counts, as `unit.metrics` does.", text, &guarded);
    metrics["get"]["security"] = json!([{"bearer": []}]);
    Map::from_iter([
        ("/".to_owned(), page("welcome", "Says what this is.", text, &head)),
        ("/health/live".to_owned(), page("live", "Says that the server runs.", JSON, &head)),
        (
            "/health/ready".to_owned(),
            page("ready", "Says whether the unit takes requests.", JSON, &all),
        ),
        ("/metrics".to_owned(), metrics),
        ("/sign-in".to_owned(), sign_in()),
        ("/sign-out".to_owned(), sign_out()),
        ("/v1/live".to_owned(), live()),
        ("/v1/openapi.json".to_owned(), page("openapi", "Returns this document.", JSON, &head)),
    ])
}

/// Returns the stream of events for viewers.
fn live() -> Value {
    let parameter = |name: &str, place: &str, summary: &str, is_required: bool, schema: Value| json!({"name": name, "in": place, "description": summary, "required": is_required, "schema": schema});
    let topics = json!({"type": "array", "minItems": 1, "items": {"type": "string"}});
    let number = json!({"type": "integer", "minimum": 0});
    let content = json!({"text/event-stream": {"schema": {"type": "string"}}});
    let done = json!({"description": "Events, until the caller goes.", "content": content});
    let mut responses = Map::from_iter([("200".to_owned(), done)]);
    responses.extend(refusals());
    json!({"get": {
        "operationId": "watch",
        "summary": "Tells what changes, as server-sent events.",
        "description": "`hello` with the last commit, then `changed` with a commit and what it or those before it have changed of what the \
                        caller watches and may read; `ended` when his credential ends. docs/guides/live.md has the topics.",
        "tags": ["door"],
        "security": [{"bearer": []}, {"signature": []}],
        "parameters": [
            parameter("watch", "query", "What is watched: `KIND` or `KIND/NAME`. Repeated.", true, topics),
            parameter("since", "query", "The last commit that the caller has heard of.", false, number.clone()),
            parameter("Last-Event-ID", "header", "The same, as browsers send it.", false, number),
        ],
        "responses": responses,
    }})
}

/// Returns the sign-in of a browser with a password.
fn sign_in() -> Value {
    let text = json!({"type": "string"});
    let body = json!({
        "type": "object",
        "required": ["user", "password"],
        "additionalProperties": false,
        "properties": {"user": text, "password": text},
    });
    let answer = json!({
        "type": "object",
        "required": ["user", "roles", "expires"],
        "properties": {
            "user": text,
            "roles": {"type": "array", "items": text},
            "expires": {"type": "string", "format": "date-time"},
        },
    });
    let summary = "Signs a browser in with a password: it gets a cookie. For pages of the unit itself; programs use `session.create`.";
    let mut post = for_pages("sign_in", summary, &answer);
    post["post"]["requestBody"] = json!({"required": true, "content": {JSON: {"schema": body}}});
    post
}

/// Returns the sign-out of a browser.
fn sign_out() -> Value {
    let answer = json!({"type": "object", "properties": {"signed_out": {"type": "boolean"}}});
    for_pages("sign_out", "Ends the session of a browser and takes its cookie back.", &answer)
}

/// Returns something that is for pages of the unit alone.
fn for_pages(id: &str, summary: &str, answer: &Value) -> Value {
    let done = json!({"description": "Done.", "content": {JSON: {"schema": answer}}});
    let mut responses = Map::from_iter([("200".to_owned(), done)]);
    responses.extend(refusals());
    json!({"post": {
        "operationId": id, "summary": summary, "tags": ["door"], "security": [], "responses": responses,
    }})
}

/// Returns a schema with its definitions moved to the components, where references inside an OpenAPI document find them.
fn embed(schema: &Value, owner: &str, schemas: &mut Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    let definitions = schema.as_object_mut().and_then(|object| {
        object.remove("$schema");
        object.remove("$defs")
    });
    if let Some(Value::Object(definitions)) = definitions {
        for (name, mut definition) in definitions {
            refer(&mut definition, owner);
            schemas.insert(format!("{owner}.{name}"), definition);
        }
    }
    refer(&mut schema, owner);
    schema
}

fn refer(schema: &mut Value, owner: &str) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/components/schemas/{owner}.{name}");
            }
            object.values_mut().for_each(|value| refer(value, owner));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| refer(value, owner)),
        _ => {}
    }
}
