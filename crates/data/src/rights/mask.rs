//! What stands in a masked column: nothing, a hash, a few characters, or what an expression says.

use datafusion::arrow::array::StringBuilder;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// Bytes of the key of `hash`.
pub(crate) const KEY_BYTES: usize = 32;

/// The key of `hash`, made once for each unit.
pub(crate) type Key = [u8; KEY_BYTES];

/// Characters that `last(n)` and `first(n)` can leave.
const SHOWN_MAX: usize = 9;

/// What stands in place of the characters that are not shown, however many they are.
const STARS: &str = "****";

/// What stands in a masked column, in the order of how much it tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mask {
    /// What a SQL expression over the row says.
    Sql(String),
    /// The last characters.
    Last(usize),
    /// The first characters.
    First(usize),
    /// The same text for the same value, and nothing of the value.
    Hash,
    /// Nothing.
    Null,
}

impl Mask {
    /// Reads a mask of a manifest.
    ///
    /// # Errors
    /// What is wrong with the number of characters.
    pub(crate) fn parse(text: Option<&str>) -> std::result::Result<Self, String> {
        let Some(text) = text else { return Ok(Self::Null) };
        let word: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        if word.eq_ignore_ascii_case("hash") {
            return Ok(Self::Hash);
        }
        let inner = |name: &str| word.strip_prefix(name)?.strip_suffix(')');
        let (number, is_last) = match (inner("last("), inner("first(")) {
            (Some(number), _) => (number, true),
            (None, Some(number)) => (number, false),
            (None, None) => return Ok(Self::Sql(text.to_owned())),
        };
        let shown: Option<usize> = number.parse().ok();
        let shown = shown.filter(|shown| (1..=SHOWN_MAX).contains(shown));
        match shown {
            Some(shown) if is_last => Ok(Self::Last(shown)),
            Some(shown) => Ok(Self::First(shown)),
            None => Err(format!("`{word}`: 1 to {SHOWN_MAX} characters can be shown")),
        }
    }

    /// Returns the function that writes the mask; none for those that need none.
    pub(crate) fn form(&self) -> Option<Form> {
        match self {
            Self::Last(shown) => Some(Form::Last(*shown)),
            Self::First(shown) => Some(Form::First(*shown)),
            Self::Hash => Some(Form::Hash),
            Self::Sql(_) | Self::Null => None,
        }
    }
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Hash,
    Last(usize),
    First(usize),
}

/// Returns a text as a mask writes it. The function has no name that a statement could call.
pub(crate) fn written(form: Form, key: Key, text: Expr) -> Expr {
    let signature = Signature::user_defined(Volatility::Immutable);
    let function = ScalarUDF::new_from_impl(MaskFunction { form, key, signature });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![text]))
}

#[derive(PartialEq, Eq, Hash)]
struct MaskFunction {
    form: Form,
    key: Key,
    signature: Signature,
}

/// Without the key.
impl std::fmt::Debug for MaskFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mask {:?}", self.form)
    }
}

impl ScalarUDFImpl for MaskFunction {
    fn name(&self) -> &str {
        "mask"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; arguments.len()])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let Some(argument) = arguments.args.first() else { return exec_err!("there is no text") };
        let array = argument.to_array(rows)?;
        let texts = array.as_string::<i32>();
        let mut builder = StringBuilder::new();
        for text in texts.iter() {
            builder.append_option(text.map(|text| masked(self.form, &self.key, text)));
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    }
}

/// Writes a text. `last(n)` and `first(n)` show nothing of a text that is not at least twice as long.
fn masked(form: Form, key: &Key, text: &str) -> String {
    let count = text.chars().count();
    match form {
        Form::Hash => base::hex(&keyed(key, text.as_bytes())[..16]),
        Form::Last(shown) if 2 * shown <= count => {
            format!("{STARS}{}", text.chars().skip(count - shown).collect::<String>())
        }
        Form::First(shown) if 2 * shown <= count => {
            format!("{}{STARS}", text.chars().take(shown).collect::<String>())
        }
        Form::Last(_) | Form::First(_) => STARS.to_owned(),
    }
}

/// Returns HMAC-SHA-256 (RFC 2104) for a key of at most 64 bytes.
fn keyed(key: &[u8], text: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block.to_vec()
    };
    let inner = base::sha256(&[pad(0x36), text.to_vec()].concat());
    base::sha256(&[pad(0x5c), inner.to_vec()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_masks_and_everything_else_is_sql() {
        assert_eq!(Mask::parse(None), Ok(Mask::Null));
        assert_eq!(Mask::parse(Some("hash")), Ok(Mask::Hash));
        assert_eq!(Mask::parse(Some("last(4)")), Ok(Mask::Last(4)));
        assert_eq!(Mask::parse(Some("first( 2 )")), Ok(Mask::First(2)));
        assert_eq!(Mask::parse(Some("'x'")), Ok(Mask::Sql("'x'".into())));
        assert!(Mask::parse(Some("last(0)")).is_err());
        assert!(Mask::parse(Some("first(10)")).is_err());
    }

    #[test]
    fn a_mask_shows_at_most_half() {
        let key = [7; KEY_BYTES];
        assert_eq!(masked(Form::Last(4), &key, "+49 30 123456"), "****3456");
        assert_eq!(masked(Form::Last(4), &key, "1234567"), "****");
        assert_eq!(masked(Form::First(1), &key, "Ána"), "Á****");
        assert_eq!(masked(Form::First(1), &key, ""), "****");
    }

    #[test]
    fn a_hash_is_the_same_for_the_same_value_and_another_in_another_unit() {
        let of = |key: u8, text: &str| masked(Form::Hash, &[key; KEY_BYTES], text);
        assert_eq!(of(1, "ana"), of(1, "ana"));
        assert_ne!(of(1, "ana"), of(1, "anb"));
        assert_ne!(of(1, "ana"), of(2, "ana"));
        assert_eq!(of(1, "ana").len(), 32);
    }

    #[test]
    fn the_hash_is_the_one_of_rfc_4231() {
        assert_eq!(
            base::hex(&keyed(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            base::hex(&keyed(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }
}
