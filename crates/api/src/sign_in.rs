//! A browser signs in, with a password or with an identity provider: it gets a cookie with the token of its session. To a provider it is
//! sent, and comes back.
//!
//! A password is taken from pages of the unit alone, as whatever changes something with a cookie: else a page of somebody else could sign a
//! browser in as whom it likes.
//!
//! What the way back needs travels in a cookie of its own, which no script reads and no other site sends along: an answer that
//! was begun in another browser is refused.

use crate::counted::Wire;
use crate::request::{self, SESSION_COOKIE, cookie};
use crate::route::decode;
use crate::router::{Edge, source};
use crate::share::Caller;
use crate::{Error, answer, body};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base::{Code, Kind, Problem, Time};
use kernel::{Call, Credential, Identity, Principal, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;

/// The cookie with what a sign-in under way needs.
const FLOW_COOKIE: &str = "craton_sign_in";

/// Where the cookie of a sign-in under way is sent.
const FLOW_PATH: &str = "/sign-in";

/// The largest body of a sign-in in bytes.
const SIGN_IN_BYTES_MAX: usize = 8 << 10;

const JSON: &str = "application/json";

impl Edge {
    /// Sends a browser to an identity provider.
    pub(crate) async fn sign_in(
        self: Arc<Self>,
        provider: String,
        head: &Parts,
    ) -> Result<Response<Body>, Problem> {
        let call = anonymous("session.begin", head).with(json!({"provider": provider}));
        let begun = self.ask(call).await?;
        let text = |name: &str| begun[name].as_str().unwrap_or_default();
        let mut response = redirect(text("url"))?;
        let seconds = seconds_until(&self, text("until"));
        let is_secure = begun["secure"] == true;
        set_cookie(&mut response, FLOW_COOKIE, text("key"), FLOW_PATH, seconds, is_secure);
        Ok(response)
    }

    /// Takes a browser that comes back from an identity provider, and makes its session. The kernel sees to it that it is the one to
    /// which the browser was sent: by the address at which it came back, and by what the provider says of itself.
    pub(crate) async fn callback(
        self: Arc<Self>,
        provider: String,
        head: &Parts,
    ) -> Result<Response<Body>, Problem> {
        let parameter = |name: &str| -> Result<Option<String>, Problem> {
            let pairs = head.uri.query().unwrap_or_default().split('&');
            let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(given, _)| *given == name);
            found.map(|(_, value)| decode("query", value, true)).transpose()
        };
        if let Some(error) = parameter("error")? {
            return Err(refused(&error));
        }
        let key = cookie(&head.headers, FLOW_COOKIE).unwrap_or_default();
        let mut finish = json!({
            "key": key,
            "state": parameter("state")?.unwrap_or_default(),
            "code": parameter("code")?.unwrap_or_default(),
            "summary": "browser",
            "provider": provider,
        });
        if let Some(issuer) = parameter("iss")? {
            finish["issuer"] = json!(issuer);
        }
        let made = self.ask(anonymous("session.finish", head).with(finish)).await?;
        let text = |name: &str| made[name].as_str().unwrap_or_default();
        let mut response = redirect("/")?;
        let seconds = seconds_until(&self, text("expires"));
        let is_secure = made["secure"] == true;
        set_cookie(&mut response, SESSION_COOKIE, text("token"), "/", seconds, is_secure);
        set_cookie(&mut response, FLOW_COOKIE, "", FLOW_PATH, 0, is_secure);
        Ok(response)
    }

    /// Signs a browser in with a password.
    pub(crate) async fn password(
        self: Arc<Self>,
        head: &Parts,
        body: Body,
    ) -> Result<Response<Body>, Problem> {
        from_own_page(head)?;
        let asked = self.credentials(head, body).await?;
        let made = self.ask(anonymous("session.create", head).with(asked)).await?;
        let text = |name: &str| made[name].as_str().unwrap_or_default();
        let user = Principal::User(text("user").to_owned());
        let mut who = Call::new("unit.whoami", ResourceRef::new("unit", ""), user);
        who.source = source(head);
        let who = self.ask(who).await?;
        // Whoever was signed in here before is not any more.
        self.end_session(head).await?;
        let answer =
            json!({"user": made["user"], "roles": who["roles"], "expires": made["expires"]});
        let mut response = answer::full(StatusCode::OK, JSON, answer.to_string());
        let seconds = seconds_until(&self, text("expires"));
        set_cookie(&mut response, SESSION_COOKIE, text("token"), "/", seconds, is_secure(head));
        Ok(response)
    }

    /// Reads the body of a sign-in. What the kernel takes of it, it takes by name.
    async fn credentials(&self, head: &Parts, body: Body) -> Result<Value, Problem> {
        request::is_json_body(&head.headers)?;
        let mut config = self.options.config.clone();
        config.body_bytes_max = config.body_bytes_max.min(SIGN_IN_BYTES_MAX);
        let unit = self.handle.kernel().memory();
        let (limits, who) = (
            body::Limits { config: &config, bodies: &self.bodies, unit },
            Caller::unknown(source(head)),
        );
        let _place = self.enter(&who)?;
        let held = body::read(body, &head.headers, &who, &limits).await?;
        let mut asked = request::json(&held.bytes)?;
        asked.insert("summary".into(), json!("browser"));
        Ok(Value::Object(asked))
    }

    /// Ends the session of a browser and takes its cookie back.
    pub(crate) async fn sign_out(self: Arc<Self>, head: &Parts) -> Result<Response<Body>, Problem> {
        from_own_page(head)?;
        self.end_session(head).await?;
        let mut response = answer::full(StatusCode::OK, JSON, r#"{"signed_out":true}"#);
        set_cookie(&mut response, SESSION_COOKIE, "", "/", 0, is_secure(head));
        Ok(response)
    }

    /// Ends the session of which a browser has the cookie, where there is one.
    async fn end_session(self: &Arc<Self>, head: &Parts) -> Result<(), Problem> {
        let Some(token) = cookie(&head.headers, SESSION_COOKIE) else { return Ok(()) };
        let handle = self.handle.clone();
        let find = move || handle.authenticate(&Credential::Bearer(&token));
        let found = self.blocking(Some(Principal::Anonymous), find).await?;
        // One that is over needs no end.
        let Ok(Identity { principal, scope, stamp: Some(stamp) }) = found else { return Ok(()) };
        let session = ResourceRef::new("session", stamp.id());
        let mut call = Call::new("session.end", session, principal);
        (call.scope, call.source) = (scope, source(head));
        match self.ask(call).await {
            // It ended meanwhile, or the cookie holds a token that is no session.
            Err(problem) if problem.kind == Kind::NotFound => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// Makes a call and waits for its answer, on a thread that may wait.
    async fn ask(self: &Arc<Self>, call: Call) -> Result<Value, Problem> {
        let _place = self.enter(&Caller::unknown(call.source))?;
        let handle = self.handle.clone();
        let who = Some(call.actor.clone());
        Ok(self.blocking(who, move || handle.call(call)).await??.into_value())
    }
}

/// Refuses what no page of this unit has sent.
fn from_own_page(head: &Parts) -> Result<(), Problem> {
    if request::is_same_origin(&head.headers) { Ok(()) } else { Err(Error::CrossSite.into()) }
}

/// Returns whether a browser shall send its cookie over TLS alone: it has come so, be it to a proxy before the unit.
fn is_secure(head: &Parts) -> bool {
    let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_tls = head.extensions.get::<Arc<Wire>>().is_some_and(|wire| wire.is_tls);
    is_tls || origin.is_some_and(|origin| origin.starts_with("https://"))
}

fn anonymous(operation: &str, head: &Parts) -> Call {
    let mut call = Call::new(operation, ResourceRef::new("session", ""), Principal::Anonymous);
    call.source = source(head);
    call
}

/// Says that the provider has sent somebody back without a code.
fn refused(error: &str) -> Problem {
    let is_word = |character: &char| character.is_ascii_lowercase() || *character == '_';
    let word: String = error.chars().filter(is_word).take(40).collect();
    let message = format!("the identity provider did not sign anybody in ({word})");
    Problem::new(Code("sign_in.rejected", Kind::Unauthenticated), message)
        .with_hint("sign in again")
}

fn seconds_until(edge: &Edge, time: &str) -> i64 {
    let now = edge.handle.kernel().clock().wall();
    Time::parse(time).map_or(0, |time| (time.0 - now.0).max(0) / 1_000)
}

fn redirect(to: &str) -> Result<Response<Body>, Problem> {
    let to = HeaderValue::from_str(to).map_err(|error| {
        Problem::new(Code("kernel.internal", Kind::Internal), format!("an address: {error}"))
    })?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, to);
    // The address of the way back has a code in it.
    answer::put(&mut response, header::REFERRER_POLICY, "no-referrer");
    Ok(response)
}

/// Sets a cookie that no script reads and that comes along when somebody follows a link, and with nothing else from elsewhere.
fn set_cookie(
    response: &mut Response<Body>,
    name: &str,
    value: &str,
    path: &str,
    seconds: i64,
    is_secure: bool,
) {
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_for_the_browser_alone() {
        let mut response = redirect("https://id.example/authorize?x=1").expect("a redirection");
        set_cookie(&mut response, "a", "b.c", "/sign-in", 600, true);
        set_cookie(&mut response, "d", "", "/", 0, false);
        let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies[0], "a=b.c; Path=/sign-in; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(cookies[1], "d=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert!(redirect("/a\nb").is_err());
    }

    #[test]
    fn a_cookie_is_for_tls_alone_where_the_browser_has_come_so() {
        let check = |origin: &str| {
            let request = axum::http::Request::builder().header(header::ORIGIN, origin);
            is_secure(&request.body(()).expect("a request").into_parts().0)
        };
        assert!(check("https://unit.example"));
        assert!(!check("http://127.0.0.1:7700"));
    }

    #[test]
    fn what_a_provider_says_is_shown_as_a_word() {
        let problem = refused("access_denied<script>");
        assert!(problem.message.ends_with("(access_deniedscript)"), "{}", problem.message);
    }
}
