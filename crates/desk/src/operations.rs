//! Everything that can be done with screens, files and notifications.

use crate::engine::Desk;
use crate::files::keep::{Added, Shown};
use crate::files::media::TAKEN;
use crate::push;
use crate::screens::show::{Menu, Screen};
use kernel::Right::{Manage, Read, Write};
use kernel::{Operation, decide, operation, read};
use schemars::JsonSchema;
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the table.
pub(crate) fn table(desk: &Arc<Desk>) -> Vec<Operation> {
    [screens(desk), files(desk), subscriptions(desk)].into_iter().flatten().collect()
}

/// Returns the JSON schema of a type.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn screens(desk: &Arc<Desk>) -> Vec<Operation> {
    vec![
        operation(
            "screen.list",
            Read,
            "Lists the screens in the caller's menu: those that are for his roles.",
            read(desk, Desk::list_screens),
        )
        .on_kind()
        .answers(schema::<Menu>()),
        operation(
            "screen.get",
            Read,
            "Shows what a screen is made of, to those it is for.",
            read(desk, Desk::get_screen),
        )
        .answers(schema::<Screen>()),
    ]
}

fn files(desk: &Arc<Desk>) -> Vec<Operation> {
    vec![
        operation(
            "file.create",
            Write,
            "Adds a picture or a document to be named in a form; the same bytes are one file.",
            decide(desk, Desk::create_file),
        )
        .on_kind()
        .takes_raw(&TAKEN)
        .answers(schema::<Added>()),
        operation(
            "file.delete",
            Manage,
            "Deletes a file, whoever has added it; what names it names nothing then.",
            decide(desk, Desk::delete_file),
        )
        .answers(object(json!({"file": text()}))),
        operation(
            "file.get",
            Read,
            "Shows how large a file is, what it is, and who added it.",
            read(desk, Desk::get_file),
        )
        .answers(schema::<Shown>()),
        operation("file.read", Read, "Returns the bytes of a file.", read(desk, Desk::read_file))
            .answers(json!({"contentMediaType": TAKEN})),
    ]
}

fn subscriptions(desk: &Arc<Desk>) -> Vec<Operation> {
    vec![
        operation(
            "subscription.key",
            Read,
            "Shows the key by which push services know this unit: browsers subscribe with it.",
            read(desk, push::show_key),
        )
        .on_kind()
        .answers(object(json!({"key": text()}))),
        operation(
            "subscription.create",
            Write,
            "Has a browser of the caller told of his tasks; the same address again takes the place of what was there.",
            decide(desk, push::create),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["endpoint", "keys"],
            "additionalProperties": false,
            "properties": {
                "endpoint": {"type": "string", "description": "The address that the browser's push service gave it."},
                "keys": {
                    "type": "object",
                    "required": ["p256dh", "auth"],
                    "additionalProperties": false,
                    "properties": {"p256dh": text(), "auth": text()},
                },
                "expirationTime": {"type": ["number", "null"], "description": "As browsers give it; not kept."},
                "summary": {"type": "string", "description": "What tells the device apart for its user."},
                "language": {"type": "string", "description": "`en`, `zh`: in which the browser is told."},
            },
        }))
        .answers(shown()),
        operation(
            "subscription.list",
            Read,
            "Lists the browsers of the caller that are told, without their keys.",
            read(desk, push::list),
        )
        .on_kind()
        .answers(object(json!({"items": {"type": "array", "items": shown()}}))),
        operation(
            "subscription.delete",
            Write,
            "Has a browser told no more.",
            decide(desk, push::delete),
        ),
        operation(
            "subscription.keep",
            Manage,
            "Keeps the key by which push services know this unit, where there is none yet.",
            decide(desk, push::keep_key),
        )
        .on_kind()
        .internal()
        .secret(),
        operation(
            "subscription.record",
            Manage,
            "Records what browsers were told, and what is to be told them.",
            decide(desk, push::record),
        )
        .on_kind()
        .internal()
        .counted(),
    ]
}

fn text() -> Value {
    json!({"type": "string"})
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

/// A subscription as its user sees it.
fn shown() -> Value {
    object(json!({
        "id": {"type": "string", "description": "The first 32 digits of the address's SHA-256, in hexadecimal."},
        "service": text(), "summary": text(), "language": text(), "created": text(), "renewed": text(),
    }))
}
