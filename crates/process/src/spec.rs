//! What the manifests `Process` and `Decision` say.

use base::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `spec` of a `Process`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpec {
    /// The BPMN file, beside the manifest.
    #[serde(default)]
    pub bpmn: Option<String>,
    /// The text of the BPMN file. The command line puts it here.
    pub source: String,
    /// The id of the process in the file, where it has several.
    #[serde(default)]
    pub process_id: Option<String>,
    /// The roles under which the process acts.
    #[serde(default)]
    pub roles: Vec<String>,
    /// FEEL over the first variables: what the business calls an instance.
    #[serde(default)]
    pub business_key: Option<String>,
    /// Streams whose rows are published to the process as messages.
    #[serde(default)]
    pub on: Vec<OnSpec>,
    /// Variables by which instances can be listed.
    #[serde(default)]
    pub indexed: Vec<String>,
}

/// Rows of a stream become messages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnSpec {
    /// The stream.
    pub stream: String,
    /// FEEL over the row: which rows. All where absent.
    #[serde(default)]
    pub when: Option<String>,
    /// The message's name.
    pub message: String,
    /// FEEL over the row: the correlation key.
    pub key: String,
    /// How long the message waits for its process, ISO 8601: `P30D` where absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ttl: Option<Period>,
}

/// The `spec` of a `Decision`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionSpec {
    /// The DMN file, beside the manifest.
    #[serde(default)]
    pub dmn: Option<String>,
    /// The text of the DMN file. The command line puts it here.
    pub source: String,
    /// The id or the name of the decision in the file; the resource's own name where absent.
    #[serde(default)]
    pub decision_id: Option<String>,
}
