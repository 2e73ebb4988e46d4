//! Merge patches (RFC 7396) of one device, put together before they are applied.

use serde_json::{Map, Value};

/// Puts the second patch behind the first, so that applying the first then does what applying both does. Returns false, and changes
/// nothing, where one patch cannot say that: an object is merged into what is there, and what is there is what the first has put.
pub(crate) fn compose(first: &mut Map<String, Value>, second: &Map<String, Value>) -> bool {
    if second.iter().any(|(name, value)| value.is_object() && first.contains_key(name)) {
        return false;
    }
    first.extend(second.iter().map(|(name, value)| (name.clone(), value.clone())));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::merge;
    use base::{Entropy, SeededEntropy};
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn later_values_win_and_objects_are_not_guessed() {
        let mut first = object(json!({"a": 1, "b": 2}));
        assert!(compose(&mut first, &object(json!({"b": null, "c": {"d": 1}}))));
        assert_eq!(Value::Object(first.clone()), json!({"a": 1, "b": null, "c": {"d": 1}}));
        assert!(!compose(&mut first, &object(json!({"a": 5, "b": {"e": null}}))));
        assert_eq!(first["a"], 1, "nothing is changed");
    }

    #[test]
    fn one_patch_does_what_the_two_do() {
        let entropy = SeededEntropy::new(11);
        let values =
            [json!(null), json!(1), json!({"x": null, "y": 2}), json!({"x": 3}), json!("t")];
        let patch = || {
            let mut seed = [0_u8; 6];
            entropy.fill(&mut seed);
            let pairs = seed.chunks(2).map(|pair| {
                let name = ["a", "b", "c"][usize::from(pair[0] % 3)];
                (name.to_owned(), values[usize::from(pair[1]) % values.len()].clone())
            });
            pairs.collect::<Map<String, Value>>()
        };
        let mut composed = 0;
        for _ in 0..2_000 {
            let (state, first, second) = (merge(&Map::new(), &patch()), patch(), patch());
            let mut both = first.clone();
            if compose(&mut both, &second) {
                composed += 1;
                assert_eq!(merge(&state, &both), merge(&merge(&state, &first), &second));
            }
        }
        assert!(200 < composed, "{composed}");
    }
}
