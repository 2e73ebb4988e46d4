//! Everything that can be done with resources, users, tokens, sessions, passwords, the clock, the questions who may do what and who did
//! what, and the unit.

use super::{System, advance, clock, get, list, metrics, whoami};
use crate::audit::search;
use crate::operation::{Operation, Right, Target, decide, operation, read};
use crate::sign_in::users;
use crate::{Token, apply, batch, policy, running, sign_in};
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the table.
pub(super) fn table(system: &Arc<System>) -> Vec<Operation> {
    [
        resources(system),
        tokens(system),
        sessions(system),
        people(system),
        clocks(system),
        questions(system),
        unit(system),
        running::operations(system),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn resources(system: &Arc<System>) -> Vec<Operation> {
    use Right::{Manage, Read};
    vec![
        operation(
            "resource.apply",
            Manage,
            "Applies manifests, all of them or none.",
            decide(system, |_, tx, call| apply::apply(tx, call)),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["manifests"],
            "additionalProperties": false,
            "properties": {
                "application": {"type": "string"},
                "dry_run": {"type": "boolean"},
                "exclusive": {"type": "boolean"},
                "keep": {
                    "type": "array", "items": {"type": "string"},
                    "description": "Kinds of which nothing is removed: what the application has and `manifests` do not name stays in it.",
                },
                "manifests": {"type": "array", "items": {"type": "object"}},
            },
        })),
        operation(
            "resource.put",
            Manage,
            "Declares one resource; a part of apply.",
            decide(system, |_, tx, call| apply::put_one(tx, call)),
        )
        .on(Target::Any)
        .internal(),
        operation(
            "resource.remove",
            Manage,
            "Removes one resource; a part of apply.",
            decide(system, |_, tx, call| apply::delete_one(tx, call)),
        )
        .on(Target::Any)
        .internal(),
        operation(
            "resource.delete",
            Manage,
            "Removes a resource; its history stays.",
            decide(system, |_, tx, call| apply::delete(tx, call)),
        )
        .on(Target::Any),
        operation(
            "resource.get",
            Read,
            "Returns a resource as it stands.",
            read(system, |_, reader, call| get(reader, call)),
        )
        .on(Target::Any),
        operation(
            "resource.history",
            Read,
            "Returns all versions of a resource.",
            read(system, |_, reader, call| apply::history(reader, call)),
        )
        .on(Target::Any),
        operation(
            "resource.list",
            Read,
            "Returns the resources of a kind that the caller may see.",
            read(system, |_, reader, call| list(reader, call)),
        )
        .on(Target::AnyWhole),
    ]
}

fn tokens(system: &Arc<System>) -> Vec<Operation> {
    use Right::Manage;
    vec![
        operation(
            "token.create",
            Manage,
            "Makes a token of a user; the secret is shown once.",
            decide(system, |_, tx, call| Token::create(tx, call)),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["user"],
            "additionalProperties": false,
            "properties": {
                "user": {"type": "string"},
                "summary": {"type": "string"},
                "scope": {"type": "array", "items": {"enum": ["Read", "Write", "Run", "Manage"]}},
                "expires": {"type": "string", "format": "date-time"},
            },
        }))
        .secret(),
        operation(
            "token.list",
            Manage,
            "Returns all tokens, without their secrets.",
            read(system, |_, reader, _| Token::list(reader)),
        )
        .on_kind()
        .while_closed(),
        operation(
            "token.delete",
            Manage,
            "Revokes a token.",
            decide(system, |_, tx, call| Token::revoke(tx, call)),
        )
        .while_closed(),
    ]
}

fn sessions(system: &Arc<System>) -> Vec<Operation> {
    use Right::{Read, Run};
    vec![
        operation(
            "session.create",
            Run,
            "Signs a user in with his password; the session's token is shown once.",
            decide(system, |_, tx, call| sign_in::create(tx, call)),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["user", "password"],
            "additionalProperties": false,
            "properties": {
                "user": {"type": "string"},
                "password": {"type": "string"},
                "summary": {"type": "string"},
            },
        }))
        .prepared(sign_in::prepare_create)
        .secret()
        .public()
        .while_closed(),
        operation(
            "session.begin",
            Read,
            "Says where to sign in with an identity provider.",
            read(system, |_, reader, call| sign_in::begin(reader, call)),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["provider"],
            "additionalProperties": false,
            "properties": {
                "provider": {"type": "string"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65_535},
            },
        }))
        .public()
        .while_closed(),
        operation(
            "session.finish",
            Run,
            "Signs somebody in with what an identity provider sent him back with.",
            decide(system, |_, tx, call| sign_in::create(tx, call)),
        )
        .on_kind()
        .takes(finish())
        .prepared(sign_in::prepare_finish)
        .secret()
        .public()
        .while_closed(),
        operation(
            "session.list",
            Read,
            "Returns the sessions that the caller may see.",
            read(system, |_, reader, _| sign_in::list(reader)),
        )
        .on_kind()
        .while_closed(),
        operation(
            "session.end",
            Run,
            "Ends a session at once.",
            decide(system, |_, tx, call| sign_in::end(tx, call)),
        )
        .while_closed(),
    ]
}

/// The parameters of `session.finish`.
fn finish() -> Value {
    json!({
        "type": "object",
        "required": ["key", "state", "code"],
        "additionalProperties": false,
        "properties": {
            "key": {"type": "string"},
            "state": {"type": "string"},
            "code": {"type": "string"},
            "provider": {"type": "string"},
            "issuer": {"type": "string"},
            "summary": {"type": "string"},
        },
    })
}

fn people(system: &Arc<System>) -> Vec<Operation> {
    use Right::{Manage, Read};
    vec![
        operation(
            "user.list",
            Read,
            "Lists users with their roles, by what they can sign in, and when they were last seen.",
            read(system, |_, reader, call| users::users(reader, call)),
        )
        .on_kind()
        .queries(users::QUERY)
        .answers(users::answer())
        .while_closed(),
        operation(
            "user.set_password",
            Manage,
            "Sets a user's password and ends his other sessions.",
            decide(system, |_, tx, call| sign_in::set_password(tx, call)),
        )
        .takes(json!({
            "type": "object",
            "required": ["password"],
            "additionalProperties": false,
            "properties": {"password": {"type": "string"}, "current": {"type": "string"}},
        }))
        .prepared(sign_in::prepare_password)
        .secret()
        .while_closed(),
        operation(
            "user.delete_password",
            Manage,
            "Takes a user's password away and ends his sessions.",
            decide(system, |_, tx, call| sign_in::delete_password(tx, call)),
        )
        .takes(json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {"current": {"type": "string"}},
        }))
        .prepared(sign_in::prepare_delete)
        .secret()
        .while_closed(),
        operation(
            "user.record",
            Manage,
            "Writes down whom an identity provider vouches for.",
            decide(system, |_, tx, call| sign_in::record(tx, call)),
        )
        .on_kind()
        .internal()
        .while_closed(),
    ]
}

fn clocks(system: &Arc<System>) -> Vec<Operation> {
    use Right::{Manage, Read};
    vec![
        operation(
            "clock.advance",
            Manage,
            "Moves the business clock of a unit that was started with a driven one.",
            decide(system, |_, tx, call| advance(tx, call)),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["to"],
            "additionalProperties": false,
            "properties": {"to": {"type": "string", "format": "date-time"}},
        }))
        .counted(),
        operation(
            "clock.list",
            Read,
            "Returns the business and the wall time.",
            read(system, |_, reader, _| clock(reader)),
        )
        .on_kind(),
    ]
}

fn questions(system: &Arc<System>) -> Vec<Operation> {
    use Right::Read;
    vec![
        operation(
            "policy.check",
            Read,
            "Says whether somebody may do something, and which policies decide.",
            read(system, |_, reader, call| policy::can(reader, call)),
        )
        .on_kind()
        .takes(question())
        .while_closed(),
        operation(
            "policy.why",
            Read,
            "Says step by step why somebody may do something, or what is missing.",
            read(system, |_, reader, call| policy::why(reader, call)),
        )
        .on_kind()
        .takes(question())
        .while_closed(),
        operation(
            "policy.who",
            Read,
            "Says who may do something on a resource, and by which policies.",
            read(system, |_, reader, call| policy::who(reader, call)),
        )
        .on_kind()
        .takes(policy::who_question())
        .while_closed(),
        operation(
            "policy.mine",
            Read,
            "Says which operations the caller may do, each on all resources or on some.",
            read(system, |_, reader, call| policy::mine(reader, call)),
        )
        .on_kind()
        .while_closed(),
        operation(
            "audit.list",
            Read,
            "Lists who did what and what was refused, the newest first; looks at so much of the log at a time.",
            read(system, |_, reader, call| search::list(reader, call)),
        )
        .on_kind()
        .queries(search::QUERY)
        .answers(search::answer())
        .while_closed(),
    ]
}

/// The parameters of `policy.check` and `policy.why`.
fn question() -> Value {
    json!({
        "type": "object",
        "required": ["operation", "resource"],
        "additionalProperties": false,
        "properties": {
            "operation": {"type": "string"},
            "resource": {"type": "string"},
            "as": {"type": "string"},
        },
    })
}

fn unit(system: &Arc<System>) -> Vec<Operation> {
    use Right::{Read, Run};
    vec![
        operation(
            "unit.batch",
            Run,
            "Makes several calls, each with its own rights and result.",
            decide(system, |_, tx, call| batch::batch(tx, call)),
        )
        .on_kind()
        .takes(batch::schema())
        .answers(batch::answer())
        .counted(),
        operation(
            "unit.metrics",
            Read,
            "Says what the unit counts, in the text format of Prometheus; also at `GET /metrics`.",
            read(system, |_, reader, _| metrics(reader)),
        )
        .on_kind()
        .answers(json!({"type": "string", "contentMediaType": "text/plain"}))
        .while_closed(),
        operation(
            "unit.whoami",
            Read,
            "Says who the caller is, which roles he holds, and at which commit the unit is.",
            read(system, |_, reader, _| whoami(reader)),
        )
        .on_kind()
        .while_closed(),
    ]
}
