//! Who is shown what KPIs were found to be: whoever may get the KPI, unless a role shows him a part only of the metric or, where he may
//! not read the metric, of something beneath it. Values, and which dimensions have one, would tell him of the rest.

use super::sql::METRICS;
use crate::catalog::Catalog;
use crate::engine::Shared;
use base::Problem;
use kernel::{Read, Reader, ResourceRef};
use std::collections::HashMap;
use std::sync::Arc;

/// Who looks at the values of KPIs.
pub(crate) struct Viewer<'v> {
    reader: &'v Reader,
    catalog: Catalog<'v>,
    /// What was found out about KPIs, and about metrics.
    kpis: HashMap<String, bool>,
    metrics: HashMap<String, bool>,
}

impl<'v> Viewer<'v> {
    /// Returns a reader's look at one commit.
    pub(crate) fn new(shared: &'v Arc<Shared>, reader: &'v Reader) -> Self {
        let catalog = Catalog::of_all(shared, reader);
        Self { reader, catalog, kpis: HashMap::new(), metrics: HashMap::new() }
    }

    /// Returns whether the values of a KPI that come of a metric are shown.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn sees(&mut self, kpi: &str, metric: &str) -> Result<bool, Problem> {
        let may_get = match self.kpis.get(kpi) {
            Some(known) => *known,
            None => {
                let may_get = self.reader.allows("kpi.get", &ResourceRef::new("kpi", kpi))?;
                self.kpis.insert(kpi.to_owned(), may_get);
                may_get
            }
        };
        Ok(may_get && self.sees_metric(metric)?)
    }

    /// Returns whether values that come of a metric are shown.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn sees_metric(&mut self, metric: &str) -> Result<bool, Problem> {
        if let Some(known) = self.metrics.get(metric) {
            return Ok(*known);
        }
        let mut sees = true;
        match self.catalog.declared(METRICS, metric) {
            Ok(tables) => {
                for table in &tables {
                    sees = sees && !self.catalog.is_partly(table, self.reader.caller())?;
                }
            }
            // Nobody knows any more, or at the moment, what it stands on.
            Err(_) => {
                let (reader, caller) = (self.reader, self.reader.caller());
                sees = !reader.kernel().is_restricted(reader, caller)?;
            }
        }
        self.metrics.insert(metric.to_owned(), sees);
        Ok(sees)
    }
}
