//! The doors of a node that does not take calls: every call is refused with the reason, so that callers go to another node.

use crate::answer;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use base::Problem;
use std::sync::Arc;

/// Says why a node takes no calls. Must return at once.
pub type Away = Arc<dyn Fn() -> Problem + Send + Sync>;

/// Returns routes of which only `/health/live` answers; all others, `/health/ready` among them, say why not.
pub fn standby(away: Away) -> axum::Router {
    axum::Router::new().fallback(answer).with_state(away)
}

async fn answer(State(away): State<Away>, request: Request) -> Response<Body> {
    let mut response = match request.uri().path() {
        "/health/live" => answer::full(StatusCode::OK, "text/plain; charset=utf-8", "live\n"),
        _ => answer::refusal(&away()),
    };
    answer::secure(&mut response);
    response
}
