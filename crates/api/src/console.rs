//! The console: files to browsers, with what they may do there. Every address that is nothing else and that a browser wants to show leads
//! to the one page, which finds out by itself what to show.
//!
//! A path is looked up in a list and never on the disk: there is nothing to climb out of.

use crate::answer;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};
use console::File;

const FOREVER: &str = "public, max-age=31536000, immutable";
const ASK_FIRST: &str = "no-cache";

/// The first segments of paths that are never addresses of the console.
const NOT_PAGES: [&str; 4] = ["v1", "health", "metrics", "assets"];

/// Says that an answer has headers of its own: they are not made those of the API.
#[derive(Clone, Copy)]
pub(crate) struct Dressed;

/// Returns the answer to a request for the console, where it is one. `path` is decoded.
pub(crate) fn answer(
    files: &'static [File],
    head: &Parts,
    path: &[String],
) -> Option<Response<Body>> {
    if !is_look(head) {
        return None;
    }
    let whole = format!("/{}", path.join("/"));
    if let Ok(at) = files.binary_search_by(|file| file.path.cmp(whole.as_str())) {
        return files.get(at).map(|file| send(file, &head.headers, "accept-encoding"));
    }
    is_page(path).then(|| page(files, head)).flatten()
}

/// Returns the page of the console to a browser that wants something to show.
pub(crate) fn page(files: &'static [File], head: &Parts) -> Option<Response<Body>> {
    if !is_look(head) || !wants_html(&head.headers) {
        return None;
    }
    let index = files.iter().find(|file| file.path == console::INDEX)?;
    // At the same address others get something else.
    Some(send(index, &head.headers, "accept, accept-encoding"))
}

fn is_look(head: &Parts) -> bool {
    matches!(head.method, Method::GET | Method::HEAD)
}

/// Returns whether a path may be an address of the console: a file that is not there is not.
fn is_page(path: &[String]) -> bool {
    let first = path.first().map_or("", String::as_str);
    let is_file = path.len() == 1 && first.contains('.');
    let is_odd = path.iter().any(|segment| segment == ".." || segment == ".");
    !is_file && !is_odd && !NOT_PAGES.contains(&first)
}

/// Returns whether a browser wants something to show.
fn wants_html(headers: &HeaderMap) -> bool {
    weight(headers, header::ACCEPT, "text/html", None) == Some(true)
}

/// Returns whether a client takes something, by a header that lists what it takes; `None` where it does not say.
fn weight(headers: &HeaderMap, name: HeaderName, wanted: &str, any: Option<&str>) -> Option<bool> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let mut of_any = None;
    for item in lines.flat_map(|line| line.split(',')) {
        let (given, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.split(';').find_map(|part| part.trim().strip_prefix("q="));
        let is_taken = quality.is_none_or(|text| text.parse::<f32>().is_ok_and(|q| 0.0 < q));
        let given = given.trim();
        if given.eq_ignore_ascii_case(wanted) {
            return Some(is_taken);
        }
        if any == Some(given) {
            of_any = Some(is_taken);
        }
    }
    of_any
}

/// Returns the form of a file that a client takes: its bytes, the name of its encoding, and its tag.
fn form(file: &File, headers: &HeaderMap) -> (&'static [u8], Option<&'static str>, String) {
    let takes = |name| weight(headers, header::ACCEPT_ENCODING, name, Some("*")) == Some(true);
    // Forms differ in their bytes, so they have tags of their own.
    match (file.brotli, file.gzip) {
        (Some(bytes), _) if takes("br") => (bytes, Some("br"), format!("\"{}-br\"", file.tag)),
        (_, Some(bytes)) if takes("gzip") => (bytes, Some("gzip"), format!("\"{}-gz\"", file.tag)),
        _ => (file.plain, None, format!("\"{}\"", file.tag)),
    }
}

fn send(file: &'static File, headers: &HeaderMap, vary: &str) -> Response<Body> {
    let (bytes, encoding, tag) = form(file, headers);
    let is_held = holds(headers, &tag);
    let mut response = if is_held {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        answer::full(StatusCode::OK, file.media(), bytes)
    };
    let caching = if file.is_immutable() { FOREVER } else { ASK_FIRST };
    answer::put(&mut response, header::CACHE_CONTROL, caching);
    answer::put(&mut response, header::ETAG, &tag);
    answer::put(&mut response, header::VARY, vary);
    if let Some(encoding) = encoding.filter(|_| !is_held) {
        answer::put(&mut response, header::CONTENT_ENCODING, encoding);
    }
    dress(&mut response);
    response
}

/// Returns whether a browser has this form already.
fn holds(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut held = lines.flat_map(|line| line.split(',')).map(str::trim);
    held.any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
}

/// Sets what a browser may do with an answer of the console.
fn dress(response: &mut Response<Body>) {
    let named = HeaderName::from_static;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, console::CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (named("permissions-policy"), console::PERMISSIONS_POLICY),
        (named("cross-origin-opener-policy"), "same-origin"),
        (named("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        answer::put(response, name, value);
    }
    response.extensions_mut().insert(Dressed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    static FILES: &[File] = &[
        File {
            path: "/assets/a-1.js",
            tag: "1",
            plain: b"script",
            brotli: Some(b"br"),
            gzip: Some(b"gz"),
        },
        File { path: "/icon.png", tag: "2", plain: b"png", brotli: None, gzip: None },
        File { path: "/index.html", tag: "3", plain: b"<html>", brotli: None, gzip: None },
    ];

    fn check(path: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let path = crate::route::segments(head.uri.path()).expect("a path");
        let Some(response) = answer(FILES, &head, &path) else { return "none".into() };
        let text = |name: HeaderName| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or("-").to_owned()
        };
        let (status, tag) = (response.status().as_u16(), text(header::ETAG));
        format!("{status} {tag} {}", text(header::CONTENT_ENCODING))
    }

    const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

    #[test]
    fn a_file_comes_in_the_form_that_a_client_takes() {
        let takes = |text| check("/assets/a-1.js", &[("accept-encoding", text)]);
        assert_eq!(takes("gzip, deflate, br, zstd"), "200 \"1-br\" br");
        assert_eq!(takes("gzip, br;q=0"), "200 \"1-gz\" gzip");
        assert_eq!(takes("identity, *;q=0"), "200 \"1\" -");
        assert_eq!(takes("*"), "200 \"1-br\" br");
        assert_eq!(check("/assets/a-1.js", &[]), "200 \"1\" -");
        assert_eq!(check("/icon.png", &[("accept-encoding", "br")]), "200 \"2\" -");
    }

    #[test]
    fn who_has_a_file_is_not_sent_it_again() {
        let held = |tag| {
            let pairs = [("if-none-match", tag), ("accept-encoding", "br")];
            check("/assets/a-1.js", &pairs)
        };
        assert_eq!(held("\"1-br\""), "304 \"1-br\" -");
        assert_eq!(held("\"0\", W/\"1-br\""), "304 \"1-br\" -");
        assert_eq!(held("\"1\""), "200 \"1-br\" br");
    }

    #[test]
    fn addresses_lead_to_the_page_and_missing_files_do_not() {
        for path in
            ["/", "/tasks", "/tasks/17-3", "/sign-in", "/processes/order.v2", "/data/stream/a%2Fb"]
        {
            assert_eq!(check(path, &[HTML]), "200 \"3\" -", "{path}");
            assert_eq!(check(path, &[("accept", "application/json")]), "none", "{path}");
            assert_eq!(check(path, &[]), "none", "{path}");
        }
        for path in [
            "/assets/b.js",
            "/assets/../index.html",
            "/assets/%2e%2e/index.html",
            "/assets/..%2findex.html",
            "/assets//etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/favicon.ico",
            "/v1/nothing",
            "/health/nothing",
        ] {
            assert_eq!(check(path, &[HTML]), "none", "{path}");
        }
    }
}
