//! The extended protocol: statements that are prepared once, portals that give their rows in portions.

use super::Error;
use super::decode::parameters;
use super::encode::Column;
use super::rows::{Rows, Shape};
use super::session::{Failure, Session, bare};
use super::statement::{self, Statement};
use super::types::Kind;
use super::wire::{Bind, Formats, Message, put, row_description};
use base::{Code, Problem};
use kernel::Ending;
use serde_json::{Value, json};
use std::sync::Arc;

/// A prepared statement.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    text: Arc<str>,
    /// Characters of what the client sent before it.
    before: usize,
    /// `None` for a text without a statement.
    statement: Option<Arc<Statement>>,
    /// The types of the parameters as the client said them.
    types: Vec<Option<&'static Kind>>,
    described: Option<Described>,
}

/// What the kernel says of a statement.
#[derive(Debug, Clone, Default)]
struct Described {
    parameters: Vec<&'static Kind>,
    columns: Vec<Column>,
}

/// A statement with its parameters, and its rows once it runs.
pub(crate) struct Portal {
    text: Arc<str>,
    before: usize,
    statement: Option<Arc<Statement>>,
    parameters: Vec<Value>,
    formats: Formats,
    pub(super) rows: Option<Rows>,
    /// True where it has given all its rows.
    is_done: bool,
    is_cursor: bool,
    pub(super) is_held: bool,
}

impl Portal {
    /// Returns a portal that SQL declared.
    pub(super) fn cursor(rows: Rows, is_held: bool) -> Self {
        Self {
            text: Arc::from(""),
            before: 0,
            statement: Some(Arc::new(Statement::Query)),
            parameters: Vec::new(),
            formats: Formats::default(),
            rows: Some(rows),
            is_done: false,
            is_cursor: true,
            is_held,
        }
    }

    pub(super) fn is_cursor(&self) -> bool {
        self.is_cursor
    }
}

impl Session {
    /// Carries out a message of the extended protocol.
    pub(super) async fn extended(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Parse { name, sql, types } => self.parse(name, &sql, &types)?,
            Message::Bind(bind) => self.bind(bind).await?,
            Message::Describe { is_portal: true, name } => self.describe_portal(&name).await?,
            Message::Describe { is_portal: false, name } => self.describe_statement(&name).await?,
            Message::Execute { portal, rows } => self.execute(&portal, rows).await?,
            Message::Close { is_portal, name } => {
                // What is not there is closed already.
                if is_portal {
                    self.portals.remove(&name);
                } else {
                    self.statements.remove(&name);
                }
                self.wire.put(b'3', |_| {});
            }
            _ => return Err(Error::Protocol { reason: "it cannot stand here".into() }.into()),
        }
        Ok(())
    }

    fn parse(&mut self, name: String, sql: &str, types: &[u32]) -> Result<(), Failure> {
        let limit = self.door.config.postgres_statements_max;
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(Error::Exists { what: "prepared statement", name }.into());
        }
        if limit <= self.statements.len() && !self.statements.contains_key(&name) {
            return Err(Error::Limit { what: "prepared statements", limit }.into());
        }
        let parts = statement::split(sql);
        if 1 < parts.len() {
            let what = "more than one statement in a prepared one".into();
            return Err(Error::Unsupported { what }.into());
        }
        let statement = parts.first().map(|part| statement::read(part.text)).transpose()?;
        if let Some(statement) = &statement {
            self.check(statement)?;
        }
        let prepared = Prepared {
            text: Arc::from(parts.first().map_or("", |part| part.text)),
            before: parts.first().map_or(0, |part| part.before),
            statement: statement.map(Arc::new),
            types: types
                .iter()
                .map(|oid| Kind::of_oid(*oid).filter(|kind| kind.name != "unknown"))
                .collect(),
            described: None,
        };
        self.statements.insert(name, prepared);
        self.wire.put(b'1', |_| {});
        Ok(())
    }

    fn prepared(&self, name: &str) -> Result<Prepared, Error> {
        let found = self.statements.get(name).cloned();
        found.ok_or_else(|| Error::NoStatement { name: name.to_owned() })
    }

    /// Returns what a statement takes and gives; the kernel is asked once.
    async fn described(&mut self, name: &str) -> Result<Described, Failure> {
        let prepared = self.prepared(name)?;
        if let Some(described) = prepared.described {
            return Ok(described);
        }
        let described = match prepared.statement.as_deref() {
            Some(Statement::Query) => {
                self.asked = Some((Arc::clone(&prepared.text), prepared.before));
                let types: Vec<_> =
                    prepared.types.iter().map(|kind| kind.map(|kind| kind.name)).collect();
                let sql = prepared.text.to_string();
                let args = json!({"sql": sql, "dialect": "postgres", "types": types});
                let call = self.call("sql.describe", args);
                let ending = Ending::default();
                let work = move |door: &super::serve::Door| -> Result<Value, Problem> {
                    Ok(door.kernel.read(&call(door)?)?.into_value())
                };
                let value = self.ask(&ending, work).await?;
                described_of(&value)?
            }
            Some(other) => Described {
                parameters: Vec::new(),
                columns: self.columns_of(other)?.unwrap_or_default(),
            },
            None => Described::default(),
        };
        // The columns of a FETCH are those of its cursor, which may be another the next time.
        let is_lasting = matches!(prepared.statement.as_deref(), Some(Statement::Query));
        if let (true, Some(prepared)) = (is_lasting, self.statements.get_mut(name)) {
            prepared.described = Some(described.clone());
        }
        Ok(described)
    }

    async fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let prepared = self.prepared(&bind.statement)?;
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            return Err(Error::Exists { what: "cursor", name: bind.portal }.into());
        }
        self.portals.remove(&bind.portal);
        self.make_room_for_portal()?;
        let is_said =
            prepared.types.len() == bind.values.len() && prepared.types.iter().all(Option::is_some);
        let kinds: Vec<&'static Kind> = match is_said {
            true => prepared.types.iter().copied().flatten().collect(),
            false => self.described(&bind.statement).await?.parameters,
        };
        let portal = Portal {
            text: prepared.text,
            before: prepared.before,
            statement: prepared.statement,
            parameters: parameters(&bind, &kinds)?,
            formats: Formats::new(bind.results)?,
            rows: None,
            is_done: false,
            is_cursor: false,
            is_held: false,
        };
        self.portals.insert(bind.portal, portal);
        self.wire.put(b'2', |_| {});
        Ok(())
    }

    async fn describe_statement(&mut self, name: &str) -> Result<(), Failure> {
        let described = self.described(name).await?;
        let mut out = Vec::new();
        put(&mut out, b't', |out| {
            let count = described.parameters.len();
            out.extend(u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
            described.parameters.iter().for_each(|kind| out.extend(kind.oid.to_be_bytes()));
        });
        if described.columns.is_empty() {
            bare(&mut out, b'n');
        } else {
            row_description(&mut out, &described.columns, &Formats::default());
        }
        self.wire.put_all(&out);
        Ok(())
    }

    /// Describes a portal. A question is started for it: its first rows come with its columns.
    async fn describe_portal(&mut self, name: &str) -> Result<(), Failure> {
        let mut portal = self.taken(name)?;
        let statement = portal.statement.clone();
        let columns = match statement.as_deref() {
            Some(Statement::Query) => {
                self.started(&mut portal).await?;
                portal.rows.as_ref().map(|rows| rows.columns().to_vec())
            }
            Some(other) => self.columns_of(other)?,
            None => None,
        };
        let mut out = Vec::new();
        match columns {
            Some(columns) if !columns.is_empty() => {
                row_description(&mut out, &columns, &portal.formats)
            }
            _ => bare(&mut out, b'n'),
        }
        self.wire.put_all(&out);
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    fn taken(&mut self, name: &str) -> Result<Portal, Error> {
        let found = self.portals.remove(name);
        found.ok_or_else(|| Error::NoPortal { name: name.to_owned() })
    }

    async fn started(&mut self, portal: &mut Portal) -> Result<(), Failure> {
        self.asked = Some((Arc::clone(&portal.text), portal.before));
        if portal.rows.is_none() && !portal.is_done {
            let (text, parameters) = (Arc::clone(&portal.text), portal.parameters.clone());
            portal.rows = Some(self.start(&text, parameters).await?);
        }
        Ok(())
    }

    async fn execute(&mut self, name: &str, rows_max: i32) -> Result<(), Failure> {
        let mut portal = self.taken(name)?;
        let Some(statement) = portal.statement.clone() else {
            self.wire.put(b'I', |_| {});
            self.portals.insert(name.to_owned(), portal);
            return Ok(());
        };
        self.check(&statement)?;
        if *statement != Statement::Query {
            let formats = portal.formats.clone();
            let text = Arc::clone(&portal.text);
            // A cursor that this closes may be the portal itself: it is put back before.
            self.portals.insert(name.to_owned(), portal);
            return self.control(&statement, &text, &formats).await;
        }
        self.started(&mut portal).await?;
        let most = u64::try_from(rows_max).ok().filter(|most| *most != 0);
        let mut count = 0;
        if let Some(rows) = portal.rows.take() {
            let shape = Shape::Rows(portal.formats.clone());
            let (rows, sent) = self.send(rows, shape, most).await?;
            count = sent.count;
            (portal.is_done, portal.rows) = (sent.is_end, Some(rows).filter(|_| !sent.is_end));
        }
        if portal.is_done {
            self.complete(&format!("SELECT {count}"));
        } else {
            self.wire.put(b's', |_| {});
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }
}

/// Reads what the kernel says of a statement.
fn described_of(value: &Value) -> Result<Described, Problem> {
    let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let parameters = list("parameters");
    let parameters = parameters.iter().map(|name| Kind::named(name.as_str().unwrap_or_default()));
    let columns = list("columns").into_iter().map(|column| {
        let text =
            |name: &str| column.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let modifier = column.get("modifier").and_then(Value::as_i64).unwrap_or(-1);
        Column {
            name: text("name"),
            kind: Kind::named(&text("type")),
            modifier: i32::try_from(modifier).unwrap_or(-1),
        }
    });
    if !value.is_object() {
        let code = Code("kernel.internal", base::Kind::Internal);
        return Err(Problem::new(code, "a description is none"));
    }
    Ok(Described { parameters: parameters.collect(), columns: columns.collect() })
}
