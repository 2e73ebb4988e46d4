//! Why a text is no model that runs, or why a model gave no answer.

use base::{Code, Explain, Kind, Place};

/// Why FEEL, BPMN or DMN was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no FEEL.
    #[error("`{text}` is no valid FEEL expression: {reason}")]
    FeelSyntax {
        /// The expression, shortened.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// The text of an expression is longer or deeper than is allowed.
    #[error("the FEEL expression `{text}` is too large: {reason}")]
    FeelTooLarge {
        /// The expression, shortened.
        text: String,
        /// Which limit.
        reason: String,
    },
    /// The expression may take longer than a step of a process may.
    #[error("the FEEL expression `{text}` is not sure to end soon: {reason}")]
    FeelUnbounded {
        /// The expression, shortened.
        text: String,
        /// What makes it so.
        reason: String,
    },
    /// The expression reads the clock of the wall.
    #[error(
        "the FEEL expression `{text}` calls `{function}()`, which is not the same when it runs again"
    )]
    FeelWallClock {
        /// The expression, shortened.
        text: String,
        /// `now` or `today`.
        function: String,
    },
    /// The expression gave no value.
    #[error("the FEEL expression `{text}` failed: {reason}")]
    FeelFailed {
        /// The expression, shortened.
        text: String,
        /// What the evaluator said.
        reason: String,
    },
    /// The text is no XML, not the XML of a BPMN or DMN model, or no form.
    #[error("{message}")]
    Malformed {
        /// `bpmn.malformed`, `dmn.malformed`, `form.malformed` or `form.invalid`.
        code: &'static str,
        /// What is wrong.
        message: String,
        /// Where.
        place: Option<Place>,
    },
    /// The text is longer or deeper than is allowed.
    #[error("the model is too large: {reason}")]
    TooLarge {
        /// `bpmn.too_large`, `dmn.too_large` or `form.too_large`.
        code: &'static str,
        /// Which limit.
        reason: String,
    },
    /// The model has no such decision.
    #[error("the model has no decision `{decision}`")]
    DecisionUnknown {
        /// The id or name asked for.
        decision: String,
        /// The nearest one there is.
        nearest: Option<String>,
    },
    /// A form was given a value that it does not take.
    #[error("`{label}` {what} [{rule}]")]
    FormValue {
        /// What the user knows the field by.
        label: String,
        /// What it must be.
        what: String,
        /// The rule that is broken.
        rule: &'static str,
        /// The field.
        place: Place,
    },
    /// A decision gave no value.
    #[error("the decision `{decision}` failed: {reason}")]
    DecisionFailed {
        /// The decision.
        decision: String,
        /// What the evaluator said.
        reason: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::FeelSyntax { .. } => Code("feel.syntax", Kind::Invalid),
            Self::FeelTooLarge { .. } => Code("feel.too_large", Kind::Invalid),
            Self::FeelUnbounded { .. } => Code("feel.unbounded", Kind::Invalid),
            Self::FeelWallClock { .. } => Code("feel.wall_clock", Kind::Invalid),
            Self::FeelFailed { .. } => Code("feel.failed", Kind::Invalid),
            Self::Malformed { code, .. } | Self::TooLarge { code, .. } => Code(code, Kind::Invalid),
            Self::DecisionUnknown { .. } => Code("dmn.unknown", Kind::NotFound),
            Self::DecisionFailed { .. } => Code("dmn.failed", Kind::Invalid),
            Self::FormValue { .. } => Code("form.invalid_value", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::FeelSyntax { .. } => {
                "text that begins with `=` is FEEL; a plain text has quotes inside FEEL".into()
            }
            Self::FeelTooLarge { .. } => {
                "cut it into several expressions, or put it into a decision".into()
            }
            Self::FeelUnbounded { .. } => {
                "put it into a script task: that runs under a time limit".into()
            }
            Self::FeelWallClock { .. } => {
                "use the variable `_now`: the instant of the business clock, recorded".into()
            }
            Self::FeelFailed { .. } | Self::DecisionFailed { .. } => {
                "look whether all variables that it names are there, with the types it expects"
                    .into()
            }
            Self::Malformed { code, .. } | Self::TooLarge { code, .. } => {
                format!("docs/errors/{code}.md")
            }
            Self::FormValue { .. } => {
                "change the value of this field, and send the form again".into()
            }
            Self::DecisionUnknown { nearest, .. } => match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "name a decision by its id or its name".into(),
            },
        };
        Some(hint)
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Malformed { place, .. } => place.clone(),
            Self::FormValue { place, .. } => Some(place.clone()),
            _ => None,
        }
    }
}
