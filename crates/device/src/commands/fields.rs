//! What goes with a command and what comes back, held against the type of the device.

use crate::Error;
use crate::registry::Field;
use base::nearest;
use serde_json::{Map, Value};

/// The longest value that a reason shows, in characters.
const SHOWN_MAX: usize = 40;

/// Checks values against the fields that are declared. `pointer` is where the values stand.
///
/// # Errors
/// `command.invalid` with the first that does not fit.
pub(crate) fn check(
    fields: &[Field],
    given: &Map<String, Value>,
    pointer: &str,
) -> Result<(), Error> {
    let names = || fields.iter().map(|field| field.name.as_str());
    let wrong = |name: &str, reason: String, hint: Option<String>| Error::Command {
        reason,
        pointer: format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
        hint,
    };
    if let Some(name) = given.keys().find(|name| names().all(|known| known != **name)) {
        let shown: String = name.chars().take(SHOWN_MAX).collect();
        let hint = nearest(name, names()).map(|nearest| format!("did you mean `{nearest}`?"));
        return Err(wrong(&shown, format!("there is no field `{shown}`"), hint));
    }
    for field in fields {
        let name = &field.name;
        match given.get(name).filter(|value| !value.is_null()) {
            None if field.required => {
                return Err(wrong(name, format!("field `{name}`: a value is required"), None));
            }
            Some(value) if !field.field_type.holds(value) => {
                let expected = field.field_type.as_str();
                let found: String = value.to_string().chars().take(SHOWN_MAX).collect();
                let reason = format!("field `{name}`: expected {expected}, found `{found}`");
                return Err(wrong(name, reason, None));
            }
            None | Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Problem;
    use serde_json::json;

    fn said(given: Value) -> String {
        let fields: Vec<Field> = serde_json::from_value(json!([
            {"name": "seconds", "type": "int", "required": true},
            {"name": "note", "type": "text"},
        ]))
        .expect("fields");
        match check(&fields, given.as_object().expect("an object"), "/input") {
            Ok(()) => "ok".into(),
            Err(error) => {
                let problem = Problem::from(error);
                let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
                format!("{place}: {} ({})", problem.message, problem.hint.unwrap_or_default())
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(said(json!({"seconds": 5})), "ok");
        assert_eq!(said(json!({"seconds": 5, "note": null})), "ok");
        assert_eq!(said(json!({})), "/input/seconds: field `seconds`: a value is required ()");
        assert_eq!(
            said(json!({"seconds": null})),
            "/input/seconds: field `seconds`: a value is required ()"
        );
        assert_eq!(
            said(json!({"seconds": "5"})),
            "/input/seconds: field `seconds`: expected int, found `\"5\"` ()"
        );
        assert_eq!(
            said(json!({"secnods": 5})),
            "/input/secnods: there is no field `secnods` (did you mean `seconds`?)"
        );
        assert_eq!(said(json!({"a/b": 5})), "/input/a~1b: there is no field `a/b` ()");
    }
}
