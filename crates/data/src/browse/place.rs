//! What stands behind a name that SQL knows.

use crate::catalog::{Catalog, LATEST, PUBLIC, SET_ASIDE, view_spec};
use crate::lineage::edges;
use crate::metrics::sql::METRICS;
use crate::queries::check::APPLICATION;
use base::Problem;
use kernel::{End, Read, Resource};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    /// The newest row of each key of a stream.
    Table,
    /// The rows of a stream that were set aside.
    SetAside,
    View,
    Metric,
    /// What a peer lends.
    Lent,
    /// What the unit tells of itself.
    System,
}

impl Kind {
    /// Returns the word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Table => "table",
            Self::SetAside => "set_aside",
            Self::View => "view",
            Self::Metric => "metric",
            Self::Lent => "lent",
            Self::System => "system",
        }
    }
}

/// A relation by what declares it.
pub(crate) struct Place {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The stream, view or metric behind it.
    pub(crate) resource: Option<Arc<Resource>>,
    pub(crate) summary: String,
}

impl Place {
    /// Returns what stands behind a name; nothing where it is none.
    pub(crate) fn of(
        catalog: &Catalog<'_>,
        read: &dyn Read,
        schema: &str,
        name: &str,
    ) -> Result<Option<Self>, Problem> {
        let place = |kind, resource: Option<Arc<Resource>>, summary: String| {
            let (schema, name) = (schema.to_owned(), name.to_owned());
            Ok(Some(Self { schema, name, kind, resource, summary }))
        };
        let said = |resource: &Resource| resource.spec["summary"].as_str().unwrap_or("").to_owned();
        if schema == PUBLIC {
            let parts = [
                (Some(name), Kind::Stream),
                (name.strip_suffix(LATEST), Kind::Table),
                (name.strip_suffix(SET_ASIDE), Kind::SetAside),
            ];
            for (stream, kind) in parts {
                let Some(stream) = stream else { continue };
                let Some(stream) = read.resource("stream", stream)? else { continue };
                let summary = match kind {
                    Kind::Table => format!("The newest row of each key of {}.", stream.name),
                    Kind::SetAside => "Rows that were set aside, with their reasons.".into(),
                    _ => said(&stream),
                };
                return place(kind, Some(stream), summary);
            }
        }
        let kind = if schema == METRICS { Kind::Metric } else { Kind::View };
        if let Some(found) = read.resource(kind.as_str(), name)?
            && (kind == Kind::Metric || view_spec(&found)?.schema == schema)
        {
            let summary = said(&found);
            return place(kind, Some(found), summary);
        }
        match catalog.offered(schema, name)? {
            Some(offered) => {
                let kind = if offered.pages.is_some() { Kind::Lent } else { Kind::System };
                place(kind, None, offered.summary.clone())
            }
            None => Ok(None),
        }
    }

    /// Returns the name as SQL writes it.
    pub(crate) fn written(&self) -> String {
        written(&self.schema, &self.name)
    }

    /// Returns the end of lineage that stands for it.
    pub(crate) fn end(&self, read: &dyn Read) -> Result<End, Problem> {
        let name = self.written();
        Ok(edges::behind(read, &name)?.unwrap_or_else(|| End::relation(&name)))
    }

    /// Returns what every list says of it.
    pub(crate) fn to_json(&self, read: &dyn Read) -> Result<Value, Problem> {
        let of = |field: fn(&Resource) -> Option<&String>| {
            self.resource.as_ref().and_then(|resource| field(resource)).cloned()
        };
        let end = self.end(read)?.resource;
        Ok(json!({
            "name": self.written(),
            "schema": self.schema,
            "kind": self.kind.as_str(),
            "resource": {"kind": end.kind, "name": end.name},
            "summary": self.summary,
            "owner": of(|resource| Some(&resource.owner)),
            "application": of(|resource| resource.labels.get(APPLICATION)),
        }))
    }
}

/// Returns a relation's name as a statement writes it.
pub(crate) use crate::rights::decide::written;
