//! The rows of `pg_catalog`. What Craton does not have (triggers, sequences, extensions …) has relations without rows.

use super::catalogue::{
    Catalogue, Column, Draft, LIST_INPUT, OWNER, Relation, SYSTEM, Spec, specs,
};
use super::settings::{SETTINGS, Setting};
use super::types::{TYPES, Type};
use super::value::{Named, Row, Value};
use crate::catalog::{CATALOG, PUBLIC};

/// The numbers of what every PostgreSQL has.
const CLASS: i64 = 1_259;
const HEAP: i64 = 2;
const BTREE: i64 = 403;
const TABLESPACE: i64 = 1_663;
const COLLATION: i64 = 100;

/// Returns the rows of a relation of `pg_catalog`.
pub(super) fn rows(catalogue: &Catalogue, spec: &'static Spec) -> Vec<Row> {
    let draft = || Draft::new(spec);
    match spec.name {
        "pg_namespace" => namespaces(catalogue, draft),
        "pg_class" => classes(catalogue, draft),
        "pg_attribute" => attributes(catalogue, draft),
        "pg_type" => TYPES.iter().map(|kind| type_row(draft(), kind)).collect(),
        "pg_description" => descriptions(catalogue, draft),
        "pg_index" => keys(catalogue).map(|relation| index(draft(), relation)).collect(),
        "pg_constraint" => {
            keys(catalogue).map(|relation| constraint(catalogue, draft(), relation)).collect()
        }
        "pg_am" => access_methods(draft),
        "pg_database" => vec![database(catalogue, draft())],
        "pg_tablespace" => vec![tablespace(draft())],
        "pg_roles" | "pg_authid" => roles(catalogue, draft),
        "pg_user" => users(catalogue, draft),
        "pg_auth_members" => Vec::new(),
        "pg_settings" => SETTINGS.iter().map(|setting| setting_row(draft(), setting)).collect(),
        "pg_tables" => tables(catalogue, draft),
        "pg_views" => views(catalogue, draft),
        "pg_indexes" => keys(catalogue).map(|relation| index_text(draft(), relation)).collect(),
        "pg_proc" => functions(catalogue, draft),
        "pg_collation" => collations(draft),
        "pg_language" => languages(draft),
        "pg_timezone_names" => vec![
            draft().with("name", "UTC").with("abbrev", "UTC").with("utc_offset", "00:00:00").row(),
        ],
        _ => Vec::new(),
    }
}

/// Returns the relations that have a key.
fn keys(catalogue: &Catalogue) -> impl Iterator<Item = &Relation> {
    catalogue.relations.iter().filter(|relation| relation.index != 0)
}

fn schema_of(catalogue: &Catalogue, name: &str) -> i64 {
    catalogue.schemas.get(name).copied().unwrap_or(0)
}

fn namespaces(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let row = |(name, oid): (&String, &i64)| {
        let draft = draft().with("oid", *oid).with("nspname", name.as_str());
        draft.with("nspowner", OWNER.1).row()
    };
    catalogue.schemas.iter().map(row).collect()
}

fn classes(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let class = |oid: i64, schema: &str, name: &str, kind: &str| {
        draft()
            .with("oid", oid)
            .with("relname", name)
            .with("relnamespace", schema_of(catalogue, schema))
            .with("relowner", OWNER.1)
            // How many rows there are is not told: -1 is what PostgreSQL says before it has counted.
            .with("reltuples", Value::Float(-1.0))
            .with("relpersistence", "p")
            .with("relkind", kind)
            .with("relispopulated", true)
            .with("relreplident", if kind == "r" { "d" } else { "n" })
    };
    let width = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let system = specs().iter().map(|spec| {
        let kind = if spec.is_view { "v" } else { "r" };
        let row = class(spec.oid, spec.schema, spec.name, kind);
        row.with("relnatts", width(spec.columns.len())).row()
    });
    let mut rows: Vec<Row> = system.collect();
    for relation in &catalogue.relations {
        let kind = if relation.is_view { "v" } else { "r" };
        let rights = vec![Value::text(format!("{}=r/{}", catalogue.user, OWNER.0))];
        let row = class(relation.oid, &relation.schema, &relation.name, kind)
            .with("relnatts", width(relation.columns.len()))
            .with("relam", if relation.is_view { 0 } else { HEAP })
            .with("relhasindex", relation.index != 0)
            .with("relhasrules", relation.is_view)
            .with("relacl", Value::list(rights));
        rows.push(row.row());
        if relation.index != 0 {
            let row = class(relation.index, &relation.schema, &relation.index_name(), "i")
                .with("relnatts", width(relation.key.len()))
                .with("relam", BTREE);
            rows.push(row.row());
        }
    }
    rows
}

fn attributes(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let attribute = |relation: i64, place: usize, name: &str, kind: &'static Type| {
        let is_short = kind.bytes != -1;
        draft()
            .with("attrelid", relation)
            .with("attname", name)
            .with("atttypid", i64::from(kind.oid))
            .with("attstattarget", -1)
            .with("attlen", i64::from(kind.bytes))
            .with("attnum", i64::try_from(place + 1).unwrap_or(i64::MAX))
            .with("attndims", i64::from(kind.element != 0))
            .with("attcacheoff", -1)
            .with("atttypmod", -1)
            .with("attbyval", is_short && kind.bytes <= 8)
            .with("attalign", if kind.bytes == 8 { "d" } else { "i" })
            .with("attstorage", if is_short { "p" } else { "x" })
            .with("attislocal", true)
            .with("attcollation", if kind.category == 'S' { COLLATION } else { 0 })
    };
    let mut rows = Vec::new();
    for spec in specs() {
        for (place, column) in spec.columns.iter().enumerate() {
            let row = attribute(spec.oid, place, column.name, column.kind);
            rows.push(row.with("attnotnull", column.is_required).row());
        }
    }
    for relation in &catalogue.relations {
        let row = |oid: i64, (place, column): (usize, &Column)| {
            let row = attribute(oid, place, &column.name, column.kind);
            row.with("atttypmod", column.modifier).with("attnotnull", column.is_required).row()
        };
        rows.extend(relation.columns.iter().enumerate().map(|column| row(relation.oid, column)));
        if relation.index != 0 {
            rows.extend(
                relation.key_columns().enumerate().map(|column| row(relation.index, column)),
            );
        }
    }
    rows
}

fn type_row(draft: Draft, kind: &'static Type) -> Row {
    let is_pseudo = kind.category == 'P' || kind.name == "unknown";
    let is_short = 0 < kind.bytes && kind.bytes <= 8;
    let input = if kind.element != 0 && kind.name.starts_with('_') { LIST_INPUT.1 } else { 0 };
    draft
        .with("oid", i64::from(kind.oid))
        .with("typname", kind.name)
        .with("typnamespace", 11)
        .with("typowner", OWNER.1)
        .with("typlen", i64::from(kind.bytes))
        .with("typbyval", is_short)
        .with("typtype", if is_pseudo { "p" } else { "b" })
        .with("typcategory", kind.category.to_string())
        .with("typisdefined", true)
        .with("typdelim", ",")
        .with("typelem", i64::from(kind.element))
        .with("typarray", i64::from(kind.list))
        .with("typinput", Value::Oid(Named::Function, input))
        .with("typalign", if kind.bytes == 8 { "d" } else { "i" })
        .with("typstorage", if kind.bytes < 0 { "x" } else { "p" })
        .with("typtypmod", -1)
        .with("typcollation", if kind.category == 'S' { COLLATION } else { 0 })
        .row()
}

fn descriptions(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let description = |relation: &Relation, place: usize, text: &str| {
        draft()
            .with("objoid", relation.oid)
            .with("classoid", CLASS)
            .with("objsubid", i64::try_from(place).unwrap_or(i64::MAX))
            .with("description", text)
            .row()
    };
    let mut rows = Vec::new();
    for relation in &catalogue.relations {
        if !relation.summary.is_empty() {
            rows.push(description(relation, 0, &relation.summary));
        }
        for (place, column) in relation.columns.iter().enumerate() {
            if !column.summary.is_empty() {
                rows.push(description(relation, place + 1, &column.summary));
            }
        }
    }
    rows
}

fn index(draft: Draft, relation: &Relation) -> Row {
    let count = i64::try_from(relation.key.len()).unwrap_or(i64::MAX);
    let all =
        |number: i64| Value::vector(relation.key.iter().map(|_| Value::Int(number)).collect());
    draft
        .with("indexrelid", relation.index)
        .with("indrelid", relation.oid)
        .with("indnatts", count)
        .with("indnkeyatts", count)
        .with("indisunique", true)
        .with("indisprimary", true)
        .with("indimmediate", true)
        .with("indisvalid", true)
        .with("indisready", true)
        .with("indislive", true)
        .with(
            "indkey",
            Value::vector(relation.key.iter().map(|place| Value::Int(*place)).collect()),
        )
        .with("indcollation", all(0))
        .with("indclass", all(0))
        .with("indoption", all(0))
        .row()
}

fn constraint(catalogue: &Catalogue, draft: Draft, relation: &Relation) -> Row {
    draft
        .with("oid", relation.constraint)
        .with("conname", relation.index_name())
        .with("connamespace", schema_of(catalogue, &relation.schema))
        .with("contype", "p")
        .with("convalidated", true)
        .with("conrelid", relation.oid)
        .with("conindid", relation.index)
        .with("confupdtype", " ")
        .with("confdeltype", " ")
        .with("confmatchtype", " ")
        .with("conislocal", true)
        .with("connoinherit", true)
        .with("conkey", Value::list(relation.key.iter().map(|place| Value::Int(*place)).collect()))
        .row()
}

fn access_methods(draft: impl Fn() -> Draft) -> Vec<Row> {
    let method = |(oid, name, kind): (i64, &str, &str)| {
        draft().with("oid", oid).with("amname", name).with("amtype", kind).row()
    };
    [(HEAP, "heap", "t"), (BTREE, "btree", "i")].into_iter().map(method).collect()
}

fn database(catalogue: &Catalogue, draft: Draft) -> Row {
    draft
        .with("oid", catalogue.database_oid)
        .with("datname", CATALOG)
        .with("datdba", OWNER.1)
        .with("encoding", 6)
        .with("datlocprovider", "c")
        .with("datallowconn", true)
        .with("datconnlimit", -1)
        .with("dattablespace", TABLESPACE)
        .with("datcollate", "C.UTF-8")
        .with("datctype", "C.UTF-8")
        .row()
}

fn tablespace(draft: Draft) -> Row {
    draft.with("oid", TABLESPACE).with("spcname", "pg_default").with("spcowner", OWNER.1).row()
}

/// Returns the role that owns everything and the caller's own. Others are not told.
fn roles(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let role = |name: &str, oid: i64, may_sign_in: bool| {
        draft()
            .with("oid", oid)
            .with("rolname", name)
            .with("rolinherit", true)
            .with("rolcanlogin", may_sign_in)
            .with("rolconnlimit", -1)
            .row()
    };
    let mut rows = vec![role(OWNER.0, OWNER.1, false)];
    if catalogue.user != OWNER.0 {
        rows.push(role(&catalogue.user, catalogue.user_oid, true));
    }
    rows
}

fn users(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    vec![
        draft().with("usename", catalogue.user.as_str()).with("usesysid", catalogue.user_oid).row(),
    ]
}

fn setting_row(draft: Draft, setting: &Setting) -> Row {
    draft
        .with("name", setting.name)
        .with("setting", setting.value)
        .with("category", "Craton")
        .with("short_desc", setting.summary)
        .with("context", "internal")
        .with("vartype", "string")
        .with("source", "default")
        .with("boot_val", setting.value)
        .with("reset_val", setting.value)
        .with("pending_restart", false)
        .row()
}

fn tables(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let table = |schema: &str, name: &str, has_index: bool| {
        draft()
            .with("schemaname", schema)
            .with("tablename", name)
            .with("tableowner", OWNER.0)
            .with("hasindexes", has_index)
            .with("hasrules", false)
            .with("hastriggers", false)
            .with("rowsecurity", false)
            .row()
    };
    let system = specs().iter().filter(|spec| !spec.is_view);
    let system = system.map(|spec| table(spec.schema, spec.name, false));
    let own = catalogue.relations.iter().filter(|relation| !relation.is_view);
    let own = own.map(|relation| table(&relation.schema, &relation.name, relation.index != 0));
    system.chain(own).collect()
}

fn views(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let view = |schema: &str, name: &str, query: Option<&str>| {
        draft()
            .with("schemaname", schema)
            .with("viewname", name)
            .with("viewowner", OWNER.0)
            .with("definition", query)
            .row()
    };
    let system = specs().iter().filter(|spec| spec.is_view);
    let system = system.map(|spec| view(spec.schema, spec.name, None));
    let own = catalogue.relations.iter().filter(|relation| relation.is_view);
    let own = own.map(|relation| view(&relation.schema, &relation.name, relation.query.as_deref()));
    system.chain(own).collect()
}

/// Returns the statement that would make the index of a key.
pub(super) fn index_statement(relation: &Relation) -> String {
    let columns: Vec<String> =
        relation.key_columns().map(|column| super::catalogue::quoted(&column.name)).collect();
    format!(
        "CREATE UNIQUE INDEX {} ON {}.{} USING btree ({})",
        super::catalogue::quoted(&relation.index_name()),
        super::catalogue::quoted(&relation.schema),
        super::catalogue::quoted(&relation.name),
        columns.join(", ")
    )
}

fn index_text(draft: Draft, relation: &Relation) -> Row {
    draft
        .with("schemaname", relation.schema.as_str())
        .with("tablename", relation.name.as_str())
        .with("indexname", relation.index_name())
        .with("indexdef", index_statement(relation))
        .row()
}

fn functions(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let oid_of = |name: &str| Value::Int(i64::from(Type::known(name).oid));
    catalogue
        .functions()
        .map(|function| {
            let arguments: Vec<Value> =
                function.arguments.iter().map(|name| oid_of(name)).collect();
            draft()
                .with("oid", function.oid())
                .with("proname", function.name)
                .with("pronamespace", function.schema())
                .with("proowner", OWNER.1)
                .with("prolang", 12)
                .with("procost", Value::Float(1.0))
                .with("prokind", "f")
                .with("provolatile", "s")
                .with("proparallel", "s")
                .with("pronargs", i64::try_from(arguments.len()).unwrap_or(0))
                .with("prorettype", oid_of(function.result))
                .with("proargtypes", Value::vector(arguments))
                .with("prosrc", function.name)
                .row()
        })
        .collect()
}

fn collations(draft: impl Fn() -> Draft) -> Vec<Row> {
    let collation = |(oid, name, provider): (i64, &str, &str)| {
        draft()
            .with("oid", oid)
            .with("collname", name)
            .with("collnamespace", 11)
            .with("collowner", OWNER.1)
            .with("collprovider", provider)
            .with("collisdeterministic", true)
            .with("collencoding", -1)
            .row()
    };
    [(COLLATION, "default", "d"), (950, "C", "c")].into_iter().map(collation).collect()
}

fn languages(draft: impl Fn() -> Draft) -> Vec<Row> {
    let language = |(oid, name): (i64, &str)| {
        draft().with("oid", oid).with("lanname", name).with("lanowner", OWNER.1).row()
    };
    [(12, "internal"), (14, "sql")].into_iter().map(language).collect()
}

/// Returns whether names of a schema need no schema.
pub(super) fn is_searched(schema: &str) -> bool {
    schema == SYSTEM || schema == PUBLIC
}
