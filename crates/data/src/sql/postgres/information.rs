//! The rows of `information_schema`, as far as Craton has what they tell of.

use super::catalogue::{Catalogue, Column, Draft, OWNER, Relation, SYSTEM, Spec, specs};
use super::types::Type;
use super::value::Row;
use crate::catalog::{CATALOG, PUBLIC};

/// Returns the rows of a relation of `information_schema`.
pub(super) fn rows(catalogue: &Catalogue, spec: &'static Spec) -> Vec<Row> {
    let draft = || Draft::new(spec);
    let keys = || catalogue.relations.iter().filter(|relation| relation.index != 0);
    match spec.name {
        "information_schema_catalog_name" => vec![draft().with("catalog_name", CATALOG).row()],
        "schemata" => schemata(catalogue, draft),
        "tables" => tables(catalogue, draft),
        "columns" => columns(catalogue, draft),
        "views" => views(catalogue, draft),
        "table_constraints" => keys().map(|relation| table_constraint(draft(), relation)).collect(),
        "key_column_usage" => keys().flat_map(|relation| key_columns(&draft, relation)).collect(),
        "constraint_column_usage" => {
            keys().flat_map(|relation| constraint_columns(&draft, relation)).collect()
        }
        "constraint_table_usage" => {
            keys().map(|relation| constraint_table(draft(), relation)).collect()
        }
        "table_privileges" | "role_table_grants" => {
            let row = |relation| privilege(catalogue, draft(), relation);
            catalogue.relations.iter().map(row).collect()
        }
        "column_privileges" | "role_column_grants" => {
            let of = |relation: &Relation| -> Vec<Row> {
                let row = |column: &Column| {
                    granted(catalogue, draft(), relation)
                        .with("column_name", column.name.as_str())
                        .row()
                };
                relation.columns.iter().map(row).collect()
            };
            catalogue.relations.iter().flat_map(of).collect()
        }
        "enabled_roles" => vec![draft().with("role_name", catalogue.user.as_str()).row()],
        "character_sets" => vec![character_set(draft())],
        "routines" => routines(catalogue, draft),
        _ => Vec::new(),
    }
}

fn schemata(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let row = |name: &String| {
        draft()
            .with("catalog_name", CATALOG)
            .with("schema_name", name.as_str())
            .with("schema_owner", OWNER.0)
            .row()
    };
    catalogue.schemas.keys().map(row).collect()
}

fn tables(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let table = |schema: &str, name: &str, is_view: bool| {
        draft()
            .with("table_catalog", CATALOG)
            .with("table_schema", schema)
            .with("table_name", name)
            .with("table_type", if is_view { "VIEW" } else { "BASE TABLE" })
            .with("is_insertable_into", "NO")
            .with("is_typed", "NO")
            .row()
    };
    let system = specs().iter().map(|spec| table(spec.schema, spec.name, spec.is_view));
    let own = catalogue.relations.iter();
    let own = own.map(|relation| table(&relation.schema, &relation.name, relation.is_view));
    system.chain(own).collect()
}

fn columns(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let mut rows = Vec::new();
    for spec in specs() {
        for (place, column) in spec.columns.iter().enumerate() {
            let row = column_row(draft(), (spec.schema, spec.name), (place, column.name));
            rows.push(typed(row, column.kind, -1, column.is_required).row());
        }
    }
    for relation in &catalogue.relations {
        for (place, column) in relation.columns.iter().enumerate() {
            let of = (relation.schema.as_str(), relation.name.as_str());
            let row = column_row(draft(), of, (place, &column.name));
            rows.push(typed(row, column.kind, column.modifier, column.is_required).row());
        }
    }
    rows
}

fn column_row(draft: Draft, of: (&str, &str), column: (usize, &str)) -> Draft {
    draft
        .with("table_catalog", CATALOG)
        .with("table_schema", of.0)
        .with("table_name", of.1)
        .with("column_name", column.1)
        .with("ordinal_position", i64::try_from(column.0 + 1).unwrap_or(i64::MAX))
        .with("is_identity", "NO")
        .with("is_generated", "NEVER")
        .with("is_updatable", "NO")
        .with("is_self_referencing", "NO")
}

fn typed(draft: Draft, kind: &'static Type, modifier: i64, is_required: bool) -> Draft {
    let bits = match kind.name {
        "int2" => Some(16),
        "int4" => Some(32),
        "int8" => Some(64),
        "float4" => Some(24),
        "float8" => Some(53),
        _ => None,
    };
    let is_decimal = kind.name == "numeric" && 0 <= modifier;
    let decimal = (modifier - 4).max(0);
    let precision = if is_decimal { Some(decimal >> 16) } else { bits };
    let scale = match kind.name {
        "numeric" if is_decimal => Some(decimal & 0xffff),
        "int2" | "int4" | "int8" => Some(0),
        _ => None,
    };
    let radix = match kind.name {
        "numeric" => Some(10),
        _ => bits.map(|_| 2),
    };
    let is_time = matches!(kind.name, "time" | "timestamp" | "timestamptz" | "interval");
    let data_type = if kind.element == 0 { kind.spelled() } else { "ARRAY".into() };
    draft
        .with("is_nullable", if is_required { "NO" } else { "YES" })
        .with("data_type", data_type)
        .with("numeric_precision", precision)
        .with("numeric_precision_radix", radix)
        .with("numeric_scale", scale)
        .with("datetime_precision", is_time.then_some(6))
        .with("udt_catalog", CATALOG)
        .with("udt_schema", SYSTEM)
        .with("udt_name", kind.name)
}

fn views(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    let view = |relation: &Relation| {
        draft()
            .with("table_catalog", CATALOG)
            .with("table_schema", relation.schema.as_str())
            .with("table_name", relation.name.as_str())
            .with("view_definition", relation.query.as_deref())
            .with("check_option", "NONE")
            .with("is_updatable", "NO")
            .with("is_insertable_into", "NO")
            .row()
    };
    catalogue.relations.iter().filter(|relation| relation.is_view).map(view).collect()
}

fn table_constraint(draft: Draft, relation: &Relation) -> Row {
    draft
        .with("constraint_catalog", CATALOG)
        .with("constraint_schema", relation.schema.as_str())
        .with("constraint_name", relation.index_name())
        .with("table_catalog", CATALOG)
        .with("table_schema", relation.schema.as_str())
        .with("table_name", relation.name.as_str())
        .with("constraint_type", "PRIMARY KEY")
        .with("is_deferrable", "NO")
        .with("initially_deferred", "NO")
        .with("enforced", "YES")
        .row()
}

fn constraint_table(draft: Draft, relation: &Relation) -> Row {
    constraint(draft, relation).row()
}

fn constraint(draft: Draft, relation: &Relation) -> Draft {
    draft
        .with("table_catalog", CATALOG)
        .with("table_schema", relation.schema.as_str())
        .with("table_name", relation.name.as_str())
        .with("constraint_catalog", CATALOG)
        .with("constraint_schema", relation.schema.as_str())
        .with("constraint_name", relation.index_name())
}

fn key_columns(draft: &impl Fn() -> Draft, relation: &Relation) -> Vec<Row> {
    let row = |(place, column): (usize, &Column)| {
        constraint(draft(), relation)
            .with("column_name", column.name.as_str())
            .with("ordinal_position", i64::try_from(place + 1).unwrap_or(i64::MAX))
            .row()
    };
    relation.key_columns().enumerate().map(row).collect()
}

fn constraint_columns(draft: &impl Fn() -> Draft, relation: &Relation) -> Vec<Row> {
    let row = |column: &Column| {
        constraint(draft(), relation).with("column_name", column.name.as_str()).row()
    };
    relation.key_columns().map(row).collect()
}

fn granted(catalogue: &Catalogue, draft: Draft, relation: &Relation) -> Draft {
    draft
        .with("grantor", OWNER.0)
        .with("grantee", catalogue.user.as_str())
        .with("table_catalog", CATALOG)
        .with("table_schema", relation.schema.as_str())
        .with("table_name", relation.name.as_str())
        .with("privilege_type", "SELECT")
        .with("is_grantable", "NO")
}

fn privilege(catalogue: &Catalogue, draft: Draft, relation: &Relation) -> Row {
    granted(catalogue, draft, relation).with("with_hierarchy", "YES").row()
}

fn character_set(draft: Draft) -> Row {
    draft
        .with("character_set_name", "UTF8")
        .with("character_repertoire", "UCS")
        .with("form_of_use", "UTF8")
        .with("default_collate_catalog", CATALOG)
        .with("default_collate_schema", SYSTEM)
        .with("default_collate_name", "default")
        .row()
}

fn routines(catalogue: &Catalogue, draft: impl Fn() -> Draft) -> Vec<Row> {
    catalogue
        .functions()
        .map(|function| {
            let schema = if function.is_own { PUBLIC } else { SYSTEM };
            let kind = Type::known(function.result);
            draft()
                .with("specific_catalog", CATALOG)
                .with("specific_schema", schema)
                .with("specific_name", format!("{}_{}", function.name, function.oid()))
                .with("routine_catalog", CATALOG)
                .with("routine_schema", schema)
                .with("routine_name", function.name)
                .with("routine_type", "FUNCTION")
                .with("data_type", kind.spelled())
                .with("type_udt_catalog", CATALOG)
                .with("type_udt_schema", SYSTEM)
                .with("type_udt_name", kind.name)
                .with("routine_body", "EXTERNAL")
                .with("external_language", "INTERNAL")
                .row()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::STANDARD;
    use super::*;
    use crate::sql::postgres::value::Value;

    #[test]
    fn the_standard_schema_holds_texts_and_numbers_only() {
        let catalogue = Catalogue::new("ana", Vec::new());
        for spec in specs().iter().filter(|spec| spec.schema == STANDARD) {
            for row in rows(&catalogue, spec) {
                let is_plain =
                    |value: &Value| matches!(value, Value::Null | Value::Text(_) | Value::Int(_));
                assert!(row.iter().all(is_plain), "{}", spec.name);
            }
        }
    }
}
