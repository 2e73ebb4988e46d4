//! Functions of the catalogue and of texts and lists.

use super::{Evaluator, unsupported, wrong};
use crate::Error;
use crate::catalog::{CATALOG, PUBLIC};
use crate::sql::postgres::catalogue::{Function, Relation, SYSTEM, quoted};
use crate::sql::postgres::rows::{index_statement, is_searched};
use crate::sql::postgres::types::{Type, of_sql};
use crate::sql::postgres::value::{Named, Value};
use crate::sql::postgres::{settings, version};
use serde_json::json;

const fn of(
    name: &'static str,
    arguments: &'static [&'static str],
    result: &'static str,
) -> Function {
    Function { name, arguments, result, is_own: false }
}

/// The functions that questions about the catalogue may use.
pub(crate) static FUNCTIONS: [Function; 148] = [
    of("abs", &["int8"], "int8"),
    of("array_append", &["_text", "text"], "_text"),
    of("array_cat", &["_text", "_text"], "_text"),
    of("array_in", &["cstring"], "_text"),
    of("array_length", &["_text", "int4"], "int4"),
    of("array_lower", &["_text", "int4"], "int4"),
    of("array_ndims", &["_text"], "int4"),
    of("array_position", &["_text", "text"], "int4"),
    of("array_remove", &["_text", "text"], "_text"),
    of("array_to_string", &["_text", "text"], "text"),
    of("array_upper", &["_text", "int4"], "int4"),
    of("ascii", &["text"], "int4"),
    of("btrim", &["text", "text"], "text"),
    of("cardinality", &["_text"], "int4"),
    of("char_length", &["text"], "int4"),
    of("chr", &["int4"], "text"),
    of("col_description", &["oid", "int4"], "text"),
    of("concat", &["text", "text"], "text"),
    of("concat_ws", &["text", "text"], "text"),
    of("current_catalog", &[], "name"),
    of("current_database", &[], "name"),
    of("current_role", &[], "name"),
    of("current_schema", &[], "name"),
    of("current_schemas", &["bool"], "_name"),
    of("current_setting", &["text"], "text"),
    of("current_user", &[], "name"),
    of("format", &["text", "text"], "text"),
    of("format_type", &["oid", "int4"], "text"),
    of("getdatabaseencoding", &[], "name"),
    of("greatest", &["text", "text"], "text"),
    of("has_any_column_privilege", &["oid", "text"], "bool"),
    of("has_column_privilege", &["oid", "text", "text"], "bool"),
    of("has_database_privilege", &["name", "text"], "bool"),
    of("has_function_privilege", &["oid", "text"], "bool"),
    of("has_language_privilege", &["oid", "text"], "bool"),
    of("has_schema_privilege", &["oid", "text"], "bool"),
    of("has_sequence_privilege", &["oid", "text"], "bool"),
    of("has_server_privilege", &["oid", "text"], "bool"),
    of("has_table_privilege", &["oid", "text"], "bool"),
    of("has_tablespace_privilege", &["oid", "text"], "bool"),
    of("has_type_privilege", &["oid", "text"], "bool"),
    of("inet_client_addr", &[], "inet"),
    of("inet_client_port", &[], "int4"),
    of("inet_server_addr", &[], "inet"),
    of("inet_server_port", &[], "int4"),
    of("json_build_object", &["text", "text"], "json"),
    of("least", &["text", "text"], "text"),
    of("left", &["text", "int4"], "text"),
    of("length", &["text"], "int4"),
    of("lower", &["text"], "text"),
    of("ltrim", &["text", "text"], "text"),
    of("mod", &["int8", "int8"], "int8"),
    of("nullif", &["text", "text"], "text"),
    of("obj_description", &["oid", "name"], "text"),
    of("octet_length", &["text"], "int4"),
    of("pg_advisory_unlock_all", &[], "void"),
    of("pg_backend_pid", &[], "int4"),
    of("pg_char_to_encoding", &["name"], "int4"),
    of("pg_client_encoding", &[], "name"),
    of("pg_collation_is_visible", &["oid"], "bool"),
    of("pg_column_is_updatable", &["oid", "int2", "bool"], "bool"),
    of("pg_conversion_is_visible", &["oid"], "bool"),
    of("pg_database_size", &["name"], "int8"),
    of("pg_encoding_to_char", &["int4"], "name"),
    of("pg_export_snapshot", &[], "text"),
    of("pg_function_is_visible", &["oid"], "bool"),
    of("pg_get_constraintdef", &["oid", "bool"], "text"),
    of("pg_get_expr", &["pg_node_tree", "oid"], "text"),
    of("pg_get_function_arg_default", &["oid", "int4"], "text"),
    of("pg_get_function_arguments", &["oid"], "text"),
    of("pg_get_function_identity_arguments", &["oid"], "text"),
    of("pg_get_function_result", &["oid"], "text"),
    of("pg_get_function_sqlbody", &["oid"], "text"),
    of("pg_get_functiondef", &["oid"], "text"),
    of("pg_get_indexdef", &["oid", "int4", "bool"], "text"),
    of("pg_get_partition_constraintdef", &["oid"], "text"),
    of("pg_get_partkeydef", &["oid"], "text"),
    of("pg_get_ruledef", &["oid", "bool"], "text"),
    of("pg_get_serial_sequence", &["text", "text"], "text"),
    of("pg_get_statisticsobjdef", &["oid"], "text"),
    of("pg_get_statisticsobjdef_columns", &["oid"], "text"),
    of("pg_get_triggerdef", &["oid", "bool"], "text"),
    of("pg_get_userbyid", &["oid"], "name"),
    of("pg_get_viewdef", &["oid", "bool"], "text"),
    of("pg_has_role", &["name", "text"], "bool"),
    of("pg_index_column_has_property", &["oid", "int4", "text"], "bool"),
    of("pg_indexes_size", &["regclass"], "int8"),
    of("pg_is_in_recovery", &[], "bool"),
    of("pg_is_other_temp_schema", &["oid"], "bool"),
    of("pg_my_temp_schema", &[], "oid"),
    of("pg_opclass_is_visible", &["oid"], "bool"),
    of("pg_operator_is_visible", &["oid"], "bool"),
    of("pg_opfamily_is_visible", &["oid"], "bool"),
    of("pg_relation_is_publishable", &["regclass"], "bool"),
    of("pg_relation_is_updatable", &["regclass", "bool"], "int4"),
    of("pg_relation_size", &["regclass"], "int8"),
    of("pg_sequence_last_value", &["regclass"], "int8"),
    of("pg_size_pretty", &["int8"], "text"),
    of("pg_statistics_obj_is_visible", &["oid"], "bool"),
    of("pg_table_is_visible", &["oid"], "bool"),
    of("pg_table_size", &["regclass"], "int8"),
    of("pg_tablespace_location", &["oid"], "text"),
    of("pg_tablespace_size", &["oid"], "int8"),
    of("pg_total_relation_size", &["regclass"], "int8"),
    of("pg_ts_config_is_visible", &["oid"], "bool"),
    of("pg_ts_dict_is_visible", &["oid"], "bool"),
    of("pg_ts_parser_is_visible", &["oid"], "bool"),
    of("pg_ts_template_is_visible", &["oid"], "bool"),
    of("pg_type_is_visible", &["oid"], "bool"),
    of("quote_ident", &["text"], "text"),
    of("quote_literal", &["text"], "text"),
    of("quote_nullable", &["text"], "text"),
    of("replace", &["text", "text", "text"], "text"),
    of("right", &["text", "int4"], "text"),
    of("row_security_active", &["oid"], "bool"),
    of("rtrim", &["text", "text"], "text"),
    of("session_user", &[], "name"),
    of("set_config", &["text", "text", "bool"], "text"),
    of("shobj_description", &["oid", "name"], "text"),
    of("split_part", &["text", "text", "int4"], "text"),
    of("starts_with", &["text", "text"], "bool"),
    of("string_to_array", &["text", "text"], "_text"),
    of("strpos", &["text", "text"], "int4"),
    of("substr", &["text", "int4", "int4"], "text"),
    of("substring", &["text", "int4", "int4"], "text"),
    of("to_regclass", &["text"], "regclass"),
    of("to_regnamespace", &["text"], "regnamespace"),
    of("to_regproc", &["text"], "regproc"),
    of("to_regrole", &["text"], "regrole"),
    of("to_regtype", &["text"], "regtype"),
    of("trim", &["text"], "text"),
    of("txid_current", &[], "int8"),
    of("upper", &["text"], "text"),
    of("user", &[], "name"),
    of("version", &[], "text"),
    // Aggregates and functions that give several rows; the evaluator has them elsewhere.
    of("array_agg", &["text"], "_text"),
    of("bool_and", &["bool"], "bool"),
    of("bool_or", &["bool"], "bool"),
    of("count", &["text"], "int8"),
    of("max", &["text"], "text"),
    of("min", &["text"], "text"),
    of("string_agg", &["text", "text"], "text"),
    of("sum", &["int8"], "int8"),
    of("_pg_expandarray", &["_text"], "record"),
    of("generate_series", &["int8", "int8"], "int8"),
    of("generate_subscripts", &["_text", "int4"], "int4"),
    of("unnest", &["_text"], "text"),
    of("coalesce", &["text", "text"], "text"),
];

/// Functions that say something about the catalogue or the session: a question that calls one without naming any relation is a
/// question about the catalogue.
pub(crate) fn is_of_catalogue(name: &str) -> bool {
    let is_named_so = ["pg_", "has_", "to_reg", "current_", "inet_", "quote_", "_pg_"];
    let is_other =
        ["version", "session_user", "user", "format_type", "obj_description", "set_config"];
    let is_more =
        ["col_description", "shobj_description", "getdatabaseencoding", "row_security_active"];
    let is_known = FUNCTIONS.iter().any(|function| function.name == name);
    is_known
        && (is_named_so.iter().any(|start| name.starts_with(start))
            || is_other.contains(&name)
            || is_more.contains(&name)
            || name == "txid_current")
}

impl Evaluator<'_> {
    /// Calls a function with values.
    pub(super) fn function(&self, name: &str, args: &[Value]) -> Result<Value, Error> {
        if let Some(value) = self.session(name, args)? {
            return Ok(value);
        }
        if let Some(value) = self.about(name, args) {
            return Ok(value);
        }
        if let Some(value) = self.of_text(name, args)? {
            return Ok(value);
        }
        self.of_lists(name, args)?.ok_or_else(|| unsupported(format!("the function `{name}`")))
    }

    /// Functions that tell of the session and the unit.
    fn session(&self, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
        Ok(Some(match name {
            "version" => version().into(),
            "current_database" | "current_catalog" => CATALOG.into(),
            "current_schema" => PUBLIC.into(),
            "current_schemas" => {
                let is_all = args.first().and_then(Value::truth) == Some(true);
                let names = if is_all { &[SYSTEM, PUBLIC][..] } else { &[PUBLIC][..] };
                Value::list(names.iter().map(Value::text).collect())
            }
            "current_user" | "session_user" | "user" | "current_role" => {
                self.catalogue.user.as_str().into()
            }
            "current_setting" => {
                let name = self.arg(args, 0);
                match settings::named(&name) {
                    Some(setting) => setting.value.into(),
                    None if args.get(1).and_then(Value::truth) == Some(true) => Value::Null,
                    None => return Err(wrong(format!("there is no setting `{name}`"))),
                }
            }
            // A door that lets a client set something does so before it asks the kernel.
            "set_config" => args.get(1).cloned().unwrap_or(Value::Null),
            "getdatabaseencoding" | "pg_client_encoding" => "UTF8".into(),
            "pg_encoding_to_char" => match args.first().and_then(Value::int) {
                Some(6) => "UTF8".into(),
                Some(0) => "SQL_ASCII".into(),
                _ => "".into(),
            },
            "pg_char_to_encoding" => {
                let name = self.arg(args, 0).to_lowercase().replace('-', "");
                Value::Int(if name == "utf8" || name == "unicode" { 6 } else { -1 })
            }
            "pg_backend_pid" | "txid_current" | "inet_server_port" | "inet_client_port" => {
                Value::Int(0)
            }
            "inet_server_addr" | "inet_client_addr" => Value::Null,
            "pg_is_in_recovery" | "pg_is_other_temp_schema" | "row_security_active" => false.into(),
            "pg_my_temp_schema" => Value::Int(0),
            // Each statement sees the last commit: there is nothing to hold on to.
            "pg_export_snapshot" => "00000000-00000000-1".into(),
            "pg_advisory_unlock_all" => "".into(),
            _ => return Ok(None),
        }))
    }

    /// Functions that tell of what stands in the catalogue.
    fn about(&self, name: &str, args: &[Value]) -> Option<Value> {
        let oid = || args.first().and_then(|value| self.oid(Named::Relation, value));
        let relation = || oid().and_then(|oid| self.catalogue.relation(oid));
        Some(match name {
            "format_type" => format_type(args),
            "pg_get_userbyid" => match args.first().and_then(Value::int) {
                Some(oid) => {
                    let role = self.catalogue.role(oid);
                    role.map_or_else(|| format!("unknown (OID={oid})"), str::to_owned).into()
                }
                None => Value::Null,
            },
            "pg_table_is_visible" => oid()
                .and_then(|oid| self.catalogue.relation_name(oid))
                .map(|(schema, _)| is_searched(schema))
                .into(),
            _ if name.ends_with("_is_visible") => true.into(),
            "pg_get_viewdef" => relation().and_then(|found| found.query.clone()).into(),
            "pg_get_indexdef" => relation().map(|found| self.index_text(found, args)).into(),
            "pg_get_constraintdef" => {
                let oid = args.first().and_then(Value::int).unwrap_or(0);
                let mut relations = self.catalogue.relations.iter();
                let found = relations.find(|found| found.constraint == oid && oid != 0);
                found.map(key_text).into()
            }
            "pg_get_function_result"
            | "pg_get_function_arguments"
            | "pg_get_function_identity_arguments" => {
                let oid = args.first().and_then(Value::int).unwrap_or(0);
                let found = self.catalogue.functions().find(|found| found.oid() == oid);
                let shown = found.map(|found| match name {
                    "pg_get_function_result" => Type::known(found.result).spelled(),
                    _ => found.arguments_text(),
                });
                shown.into()
            }
            "obj_description" => match self.described(args) {
                Some(oid) => self.summary(oid, None),
                None => Value::Null,
            },
            "col_description" => {
                let place = args.get(1).and_then(Value::int);
                oid().map_or(Value::Null, |oid| self.summary(oid, place))
            }
            "to_regclass" => self.looked_up(Named::Relation, args),
            "to_regtype" => self.looked_up(Named::Type, args),
            "to_regproc" => self.looked_up(Named::Function, args),
            "to_regnamespace" => self.looked_up(Named::Schema, args),
            "to_regrole" => self.looked_up(Named::Role, args),
            // What can be seen can be read, and nothing else: SQL changes nothing.
            _ if name.starts_with("has_") => self.may(name, args).into(),
            "pg_has_role" => true.into(),
            "pg_relation_is_publishable"
            | "pg_column_is_updatable"
            | "pg_index_column_has_property" => false.into(),
            "pg_relation_is_updatable" => Value::Int(0),
            // How much there is, is not told.
            "pg_relation_size"
            | "pg_table_size"
            | "pg_total_relation_size"
            | "pg_indexes_size"
            | "pg_database_size"
            | "pg_tablespace_size" => Value::Int(0),
            "pg_size_pretty" => {
                args.first().and_then(Value::int).map(|bytes| format!("{bytes} bytes")).into()
            }
            "pg_tablespace_location" | "pg_get_partkeydef" => "".into(),
            "pg_get_expr"
            | "pg_get_function_arg_default"
            | "pg_get_function_sqlbody"
            | "pg_get_functiondef"
            | "pg_get_partition_constraintdef"
            | "pg_get_ruledef"
            | "pg_get_serial_sequence"
            | "pg_get_statisticsobjdef"
            | "pg_get_statisticsobjdef_columns"
            | "pg_get_triggerdef"
            | "pg_sequence_last_value"
            | "shobj_description" => Value::Null,
            _ => return None,
        })
    }

    /// Returns whether the caller may do something with what the arguments name.
    fn may(&self, name: &str, args: &[Value]) -> bool {
        let rights = args.last().map(|value| self.text(value).to_uppercase()).unwrap_or_default();
        let is_one = |right: &str| rights.split(',').any(|asked| asked.trim() == right);
        let is_relation = |value: &Value| {
            let oid = self.oid(Named::Relation, value);
            oid.is_some_and(|oid| self.catalogue.relation_name(oid).is_some())
        };
        match name {
            "has_table_privilege" | "has_column_privilege" | "has_any_column_privilege" => {
                is_one("SELECT") && args.iter().any(is_relation)
            }
            "has_schema_privilege" | "has_type_privilege" | "has_language_privilege" => {
                is_one("USAGE")
            }
            "has_database_privilege" => is_one("CONNECT"),
            "has_function_privilege" => is_one("EXECUTE"),
            _ => is_one("SELECT"),
        }
    }

    /// Returns the number of a relation whose description is asked for, if it is one of a relation.
    fn described(&self, args: &[Value]) -> Option<i64> {
        let oid = args.first().and_then(|value| self.oid(Named::Relation, value))?;
        let is_relation = args.get(1).is_none_or(|of| self.text(of) == "pg_class");
        is_relation.then_some(oid)
    }

    fn summary(&self, oid: i64, place: Option<i64>) -> Value {
        let Some(relation) = self.catalogue.relation(oid) else { return Value::Null };
        let text = match place.and_then(|place| usize::try_from(place).ok()) {
            None => &relation.summary,
            Some(place) => match place.checked_sub(1).and_then(|at| relation.columns.get(at)) {
                Some(column) => &column.summary,
                None => return Value::Null,
            },
        };
        if text.is_empty() { Value::Null } else { Value::text(text) }
    }

    /// Returns the number of what a value names or is.
    fn oid(&self, named: Named, value: &Value) -> Option<i64> {
        match value {
            Value::Text(text) => text.parse().ok().or_else(|| self.catalogue.number(named, text)),
            other => other.int(),
        }
    }

    fn looked_up(&self, named: Named, args: &[Value]) -> Value {
        let found = args.first().and_then(|value| self.oid(named, value));
        found.map_or(Value::Null, |number| Value::Oid(named, number))
    }

    fn index_text(&self, relation: &Relation, args: &[Value]) -> Value {
        let place = args.get(1).and_then(Value::int).unwrap_or(0);
        let column = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
        match column {
            None => index_statement(relation).into(),
            Some(at) => relation.key_columns().nth(at).map(|column| quoted(&column.name)).into(),
        }
    }

    /// Functions of texts.
    fn of_text(&self, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
        let is_strict = !matches!(name, "concat" | "concat_ws" | "format" | "quote_nullable");
        let is_of_text = matches!(
            name,
            "lower"
                | "upper"
                | "length"
                | "char_length"
                | "octet_length"
                | "substring"
                | "substr"
                | "strpos"
                | "btrim"
                | "trim"
                | "ltrim"
                | "rtrim"
                | "replace"
                | "concat"
                | "concat_ws"
                | "left"
                | "right"
                | "split_part"
                | "quote_ident"
                | "quote_literal"
                | "quote_nullable"
                | "format"
                | "starts_with"
                | "ascii"
                | "chr"
        );
        if !is_of_text {
            return Ok(None);
        }
        if is_strict && args.iter().any(Value::is_null) {
            return Ok(Some(Value::Null));
        }
        let text = self.arg(args, 0);
        let number = |at: usize| args.get(at).and_then(Value::int);
        let count = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let signs = || self.arg(args, 1);
        let is_trimmed = |sign: char| match args.len() {
            0 | 1 => sign == ' ',
            _ => signs().contains(sign),
        };
        Ok(Some(match name {
            "lower" => text.to_lowercase().into(),
            "upper" => text.to_uppercase().into(),
            "length" | "char_length" => count(text.chars().count()),
            "octet_length" => count(text.len()),
            "substring" | "substr" => part(&text, number(1).unwrap_or(1), number(2)).into(),
            "strpos" => {
                let found = text.find(&self.arg(args, 1));
                count(found.map_or(0, |at| text[..at].chars().count() + 1))
            }
            "btrim" | "trim" => text.trim_matches(is_trimmed).into(),
            "ltrim" => text.trim_start_matches(is_trimmed).into(),
            "rtrim" => text.trim_end_matches(is_trimmed).into(),
            "replace" => self.replaced(&text, args)?,
            "concat" => args.iter().map(|value| self.text(value)).collect::<String>().into(),
            "concat_ws" => {
                let rest = args.iter().skip(1).filter(|value| !value.is_null());
                rest.map(|value| self.text(value)).collect::<Vec<_>>().join(&text).into()
            }
            "left" => cut(&text, number(1).unwrap_or(0), false).into(),
            "right" => cut(&text, number(1).unwrap_or(0), true).into(),
            "split_part" => {
                let at = number(2).and_then(|at| usize::try_from(at - 1).ok()).unwrap_or(0);
                text.split(&self.arg(args, 1)).nth(at).unwrap_or_default().into()
            }
            "quote_ident" => quoted(&text).into(),
            "quote_nullable" if args.first().is_none_or(Value::is_null) => "NULL".into(),
            "quote_literal" | "quote_nullable" => format!("'{}'", text.replace('\'', "''")).into(),
            "format" => self.formatted(&text, &args[1.min(args.len())..]),
            "starts_with" => text.starts_with(&self.arg(args, 1)).into(),
            "ascii" => Value::Int(text.chars().next().map_or(0, |sign| i64::from(u32::from(sign)))),
            _ => {
                let sign = number(0).and_then(|code| char::from_u32(u32::try_from(code).ok()?));
                sign.map(String::from).into()
            }
        }))
    }

    /// Replaces, where the result stays within bounds.
    fn replaced(&self, text: &str, args: &[Value]) -> Result<Value, Error> {
        let (from, to) = (self.arg(args, 1), self.arg(args, 2));
        if from.is_empty() {
            return Ok(text.into());
        }
        let bytes = text.matches(&from).count().saturating_mul(to.len()).saturating_add(text.len());
        if self.limits.cells < bytes {
            return Err(Error::Exhausted {
                what: format!("{} bytes of one value", self.limits.cells),
            });
        }
        Ok(text.replace(&from, &to).into())
    }

    /// Fills a text: `%s`, `%I`, `%L`.
    fn formatted(&self, text: &str, args: &[Value]) -> Value {
        let (mut out, mut rest, mut args) = (String::new(), text.chars(), args.iter());
        while let Some(sign) = rest.next() {
            if sign != '%' {
                out.push(sign);
                continue;
            }
            match rest.next() {
                Some('%') => out.push('%'),
                Some(form) => {
                    let shown = args.next().map(|value| self.text(value)).unwrap_or_default();
                    out.push_str(&match form {
                        'I' => quoted(&shown),
                        'L' => format!("'{}'", shown.replace('\'', "''")),
                        _ => shown,
                    });
                }
                None => out.push('%'),
            }
        }
        out.into()
    }

    /// Functions of lists, and those of whatever there is.
    fn of_lists(&self, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
        let first = args.first().unwrap_or(&Value::Null);
        let second = args.get(1).unwrap_or(&Value::Null);
        let items = || first.items();
        let count = |count: usize| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let base = if let Value::List { base, .. } = first { *base } else { 1 };
        let is_same = |item: &Value| item.key() == second.key();
        Ok(Some(match name {
            "array_in" => Value::Null,
            "array_length" | "cardinality" => match items() {
                Some(items) if items.is_empty() && name == "array_length" => Value::Null,
                items => items.map(|items| count(items.len())).into(),
            },
            "array_lower" => items().filter(|items| !items.is_empty()).map(|_| base).into(),
            "array_upper" => {
                let length = items().and_then(|items| i64::try_from(items.len()).ok());
                length.filter(|length| 0 < *length).map(|length| base + length - 1).into()
            }
            "array_ndims" => {
                items().filter(|items| !items.is_empty()).map(|_| Value::Int(1)).into()
            }
            "array_position" => {
                let found = items().and_then(|items| items.iter().position(is_same));
                found.map(|at| count(at + 1)).into()
            }
            "array_remove" => items()
                .map(|items| Value::list(items.into_iter().filter(|item| !is_same(item)).collect()))
                .into(),
            "array_append" => {
                let items = items().unwrap_or_default();
                Value::list(items.into_iter().chain([second.clone()]).collect())
            }
            "array_cat" => {
                let more = second.items().unwrap_or_default();
                Value::list(items().unwrap_or_default().into_iter().chain(more).collect())
            }
            "array_to_string" => items().map(|items| self.joined(&items, args)).into(),
            "string_to_array" if first.is_null() => Value::Null,
            "string_to_array" => {
                let (text, by) = (self.text(first), self.text(second));
                if by.is_empty() {
                    Value::list(vec![Value::text(text)])
                } else {
                    Value::list(
                        text.split(&by)
                            .filter(|part| !text.is_empty() || !part.is_empty())
                            .map(Value::text)
                            .collect(),
                    )
                }
            }
            "nullif" => {
                if is_same(first) {
                    Value::Null
                } else {
                    first.clone()
                }
            }
            "greatest" | "least" => {
                let present = args.iter().filter(|value| !value.is_null());
                let found = match name {
                    "greatest" => present.max_by(|one, other| one.order(other)),
                    _ => present.min_by(|one, other| one.order(other)),
                };
                found.cloned().unwrap_or(Value::Null)
            }
            "abs" => match first {
                Value::Float(number) => Value::Float(number.abs()),
                other => other.int().map(i64::wrapping_abs).into(),
            },
            "mod" => match (first.int(), second.int()) {
                (Some(_), Some(0)) => return Err(wrong("division by zero")),
                (Some(one), Some(other)) => one.wrapping_rem(other).into(),
                _ => Value::Null,
            },
            "json_build_object" => self.object(args),
            _ => return Ok(None),
        }))
    }

    fn joined(&self, items: &[Value], args: &[Value]) -> Value {
        let nothing = args.get(2).filter(|value| !value.is_null()).map(|value| self.text(value));
        let shown = items.iter().filter_map(|item| match item.is_null() {
            true => nothing.clone(),
            false => Some(self.text(item)),
        });
        shown.collect::<Vec<_>>().join(&self.arg(args, 1)).into()
    }

    fn object(&self, args: &[Value]) -> Value {
        let mut object = serde_json::Map::new();
        for pair in args.chunks(2) {
            let value = match pair.get(1) {
                None | Some(Value::Null) => json!(null),
                Some(Value::Bool(truth)) => json!(truth),
                Some(Value::Int(number)) => json!(number),
                Some(Value::Float(number)) => json!(number),
                Some(other) => json!(self.text(other)),
            };
            object.insert(self.arg(pair, 0), value);
        }
        serde_json::Value::Object(object).to_string().into()
    }

    /// Returns an argument as text.
    fn arg(&self, args: &[Value], at: usize) -> String {
        args.get(at).map(|value| self.text(value)).unwrap_or_default()
    }
}

fn format_type(args: &[Value]) -> Value {
    let Some(oid) = args.first().and_then(Value::int) else { return Value::Null };
    let Some(kind) = u32::try_from(oid).ok().and_then(Type::of_oid) else {
        return if oid == 0 { "-".into() } else { "???".into() };
    };
    let modifier = args.get(1).and_then(Value::int).filter(|modifier| 4 <= *modifier);
    match modifier {
        Some(modifier) if kind.name == "numeric" => {
            let modifier = modifier - 4;
            format!("numeric({},{})", modifier >> 16, modifier & 0xffff).into()
        }
        _ => kind.spelled().into(),
    }
}

fn key_text(relation: &Relation) -> String {
    let columns: Vec<String> = relation.key_columns().map(|column| quoted(&column.name)).collect();
    format!("PRIMARY KEY ({})", columns.join(", "))
}

/// Returns a part of a text from a place on, counted from 1.
fn part(text: &str, from: i64, count: Option<i64>) -> String {
    let end = count.map_or(i64::MAX, |count| from.saturating_add(count));
    let places = 1_i64..;
    let signs = text.chars().zip(places).filter(|(_, place)| from <= *place && *place < end);
    signs.map(|(sign, _)| sign).collect()
}

/// Returns the first or last signs of a text; a negative number leaves so many out at the other end.
fn cut(text: &str, count: i64, is_end: bool) -> String {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let kept = if count < 0 { (length + count).max(0) } else { count.min(length) };
    if is_end { part(text, length - kept + 1, Some(kept)) } else { part(text, 1, Some(kept)) }
}

/// Returns whether a type that SQL names is one of the catalogue, to which only questions about it cast.
pub(crate) fn is_type_of_catalogue(sql: &datafusion::sql::sqlparser::ast::DataType) -> bool {
    of_sql(sql).is_some_and(|kind| Named::of(kind).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_texts_are_counted_from_one() {
        assert_eq!(part("TABLE x", 0, Some(6)), "TABLE");
        assert_eq!(part("abc", 2, None), "bc");
        assert_eq!(cut("abc", 2, true), "bc");
        assert_eq!(cut("abc", -1, false), "ab");
    }

    #[test]
    fn types_are_written_with_their_modifiers() {
        let shown = |oid: i64, modifier: Value| match format_type(&[Value::Int(oid), modifier]) {
            Value::Text(text) => text.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(shown(1_700, Value::Int(((12 << 16) | 2) + 4)), "numeric(12,2)");
        assert_eq!(shown(20, Value::Int(-1)), "bigint");
        assert_eq!(shown(1_009, Value::Null), "text[]");
        assert_eq!(shown(99_999_999, Value::Null), "???");
    }
}
