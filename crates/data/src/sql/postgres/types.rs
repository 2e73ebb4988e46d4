//! The types of PostgreSQL, and which of them stand for those of Arrow.

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType};
use std::sync::Arc;

/// A type of PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// The name in `pg_type`; that of a list begins with `_`.
    pub(crate) name: &'static str,
    /// The oid.
    pub(crate) oid: u32,
    /// Bytes of a value; -1 where they differ, -2 for a text that ends with a zero.
    pub(crate) bytes: i16,
    /// The oid of the list of it; 0 where there is none.
    pub(crate) list: u32,
    /// The oid of what it is a list of; 0 for no list.
    pub(crate) element: u32,
    /// The category as in `pg_type.typcategory`.
    pub(crate) category: char,
}

const fn plain(name: &'static str, oid: u32, bytes: i16, list: u32, category: char) -> Type {
    Type { name, oid, bytes, list, element: 0, category }
}

const fn list(name: &'static str, oid: u32, element: u32) -> Type {
    Type { name, oid, bytes: -1, list: 0, element, category: 'A' }
}

/// The types, those that clients meet.
pub(crate) static TYPES: [Type; 80] = [
    plain("bool", 16, 1, 1000, 'B'),
    plain("bytea", 17, -1, 1001, 'U'),
    plain("char", 18, 1, 1002, 'Z'),
    plain("name", 19, 64, 1003, 'S'),
    plain("int8", 20, 8, 1016, 'N'),
    plain("int2", 21, 2, 1005, 'N'),
    Type { name: "int2vector", oid: 22, bytes: -1, list: 1006, element: 21, category: 'A' },
    plain("int4", 23, 4, 1007, 'N'),
    plain("regproc", 24, 4, 1008, 'N'),
    plain("text", 25, -1, 1009, 'S'),
    plain("oid", 26, 4, 1028, 'N'),
    plain("tid", 27, 6, 1010, 'U'),
    plain("xid", 28, 4, 1011, 'U'),
    plain("cid", 29, 4, 1012, 'U'),
    Type { name: "oidvector", oid: 30, bytes: -1, list: 1013, element: 26, category: 'A' },
    plain("json", 114, -1, 199, 'U'),
    plain("pg_node_tree", 194, -1, 0, 'Z'),
    plain("float4", 700, 4, 1021, 'N'),
    plain("float8", 701, 8, 1022, 'N'),
    plain("unknown", 705, -2, 0, 'X'),
    plain("inet", 869, -1, 1041, 'I'),
    plain("aclitem", 1033, 16, 1034, 'U'),
    plain("bpchar", 1042, -1, 1014, 'S'),
    plain("varchar", 1043, -1, 1015, 'S'),
    plain("date", 1082, 4, 1182, 'D'),
    plain("time", 1083, 8, 1183, 'D'),
    plain("timestamp", 1114, 8, 1115, 'D'),
    plain("timestamptz", 1184, 8, 1185, 'D'),
    plain("interval", 1186, 16, 1187, 'T'),
    plain("numeric", 1700, -1, 1231, 'N'),
    plain("regclass", 2205, 4, 2210, 'N'),
    plain("regtype", 2206, 4, 2211, 'N'),
    plain("record", 2249, -1, 2287, 'P'),
    plain("cstring", 2275, -2, 1263, 'P'),
    plain("any", 2276, 4, 0, 'P'),
    plain("anyarray", 2277, -1, 0, 'P'),
    plain("void", 2278, 4, 0, 'P'),
    plain("internal", 2281, 8, 0, 'P'),
    plain("anyelement", 2283, 4, 0, 'P'),
    plain("anynonarray", 2776, 4, 0, 'P'),
    plain("uuid", 2950, 16, 2951, 'U'),
    plain("pg_lsn", 3220, 8, 3221, 'U'),
    plain("jsonb", 3802, -1, 3807, 'U'),
    plain("regnamespace", 4089, 4, 4090, 'N'),
    plain("regrole", 4096, 4, 4097, 'N'),
    list("_bool", 1000, 16),
    list("_bytea", 1001, 17),
    list("_char", 1002, 18),
    list("_name", 1003, 19),
    list("_int2", 1005, 21),
    list("_int2vector", 1006, 22),
    list("_int4", 1007, 23),
    list("_regproc", 1008, 24),
    list("_text", 1009, 25),
    list("_tid", 1010, 27),
    list("_xid", 1011, 28),
    list("_cid", 1012, 29),
    list("_oidvector", 1013, 30),
    list("_bpchar", 1014, 1042),
    list("_varchar", 1015, 1043),
    list("_int8", 1016, 20),
    list("_float4", 1021, 700),
    list("_float8", 1022, 701),
    list("_oid", 1028, 26),
    list("_aclitem", 1034, 1033),
    list("_timestamp", 1115, 1114),
    list("_date", 1182, 1082),
    list("_time", 1183, 1083),
    list("_timestamptz", 1185, 1184),
    list("_interval", 1187, 1186),
    list("_json", 199, 114),
    list("_numeric", 1231, 1700),
    list("_inet", 1041, 869),
    list("_cstring", 1263, 2275),
    list("_regclass", 2210, 2205),
    list("_regtype", 2211, 2206),
    list("_uuid", 2951, 2950),
    list("_jsonb", 3807, 3802),
    list("_record", 2287, 2249),
    list("_regnamespace", 4090, 4089),
];

/// The names that SQL has for types besides those in `pg_type`.
const ALIASES: [(&str, &str); 22] = [
    ("bigint", "int8"),
    ("boolean", "bool"),
    ("character", "bpchar"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("string", "text"),
    ("clob", "text"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("double", "float8"),
    ("double precision", "float8"),
    ("float", "float8"),
    ("int", "int4"),
    ("integer", "int4"),
    ("real", "float4"),
    ("smallint", "int2"),
    ("tinyint", "int2"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
    ("time without time zone", "time"),
    ("nvarchar", "varchar"),
    ("blob", "bytea"),
];

impl Type {
    /// Returns the type of a name as SQL or `pg_type` has it; `text[]` and `_text` are the same.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let lower = name.trim().to_ascii_lowercase();
        let bare = lower.strip_prefix("pg_catalog.").unwrap_or(&lower);
        let (bare, is_list) = match bare.strip_suffix("[]") {
            Some(element) => (element.trim(), true),
            None => (bare, false),
        };
        // Lengths and precisions make no other type.
        let bare = match (bare.find('('), bare.find(')')) {
            (Some(open), Some(close)) if open < close => {
                format!("{}{}", bare[..open].trim_end(), &bare[close + 1..])
            }
            _ => bare.to_owned(),
        };
        let known = ALIASES.iter().find(|(alias, _)| *alias == bare).map(|(_, name)| *name);
        let name = known.unwrap_or(&bare);
        let found = TYPES.iter().find(|known| known.name == name)?;
        if is_list { found.as_list() } else { Some(found) }
    }

    /// Returns the type of an oid.
    pub(crate) fn of_oid(oid: u32) -> Option<&'static Self> {
        TYPES.iter().find(|known| known.oid == oid)
    }

    /// Returns the type that is surely there.
    pub(crate) fn known(name: &str) -> &'static Self {
        TYPES.iter().find(|known| known.name == name).unwrap_or(&TYPES[9])
    }

    /// Returns the list of this type.
    pub(crate) fn as_list(&'static self) -> Option<&'static Self> {
        Self::of_oid(self.list).filter(|_| self.list != 0)
    }

    /// Returns what this type is a list of.
    pub(crate) fn element(&'static self) -> Option<&'static Self> {
        Self::of_oid(self.element).filter(|_| self.element != 0)
    }

    /// Returns the name as `format_type` writes it.
    pub(crate) fn spelled(&'static self) -> String {
        if let Some(element) = self.element().filter(|_| self.name.starts_with('_')) {
            return format!("{}[]", element.spelled());
        }
        let spelled = match self.name {
            "bool" => "boolean",
            "char" => "\"char\"",
            "int8" => "bigint",
            "int2" => "smallint",
            "int4" => "integer",
            "float4" => "real",
            "float8" => "double precision",
            "bpchar" => "character",
            "varchar" => "character varying",
            "time" => "time without time zone",
            "timestamp" => "timestamp without time zone",
            "timestamptz" => "timestamp with time zone",
            "any" => "\"any\"",
            name => name,
        };
        spelled.to_owned()
    }

    /// Returns the type of Arrow in which values of this type are bound and cast.
    pub(crate) fn arrow(&'static self) -> DataType {
        if let Some(element) = self.element() {
            return DataType::List(Arc::new(Field::new("item", element.arrow(), true)));
        }
        match self.name {
            "bool" => DataType::Boolean,
            "bytea" => DataType::Binary,
            "int2" => DataType::Int16,
            "int4" => DataType::Int32,
            "int8" | "oid" | "xid" | "cid" => DataType::Int64,
            "float4" => DataType::Float32,
            "float8" => DataType::Float64,
            "numeric" => DataType::Decimal128(38, 10),
            "date" => DataType::Date32,
            "time" => DataType::Time64(TimeUnit::Microsecond),
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
            _ => DataType::Utf8,
        }
    }
}

/// Returns the type as which a client of PostgreSQL gets the values of a type of Arrow. Lists and structs are JSON.
pub(crate) fn of_arrow(data_type: &DataType) -> &'static Type {
    let name = match data_type {
        DataType::Boolean => "bool",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "int2",
        DataType::Int32 | DataType::UInt16 => "int4",
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "int8",
        DataType::Float16 | DataType::Float32 => "float4",
        DataType::Float64 => "float8",
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "numeric",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Dictionary(_, value) => return of_arrow(value),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Struct(_)
        | DataType::Map(..) => "json",
        _ => "text",
    };
    Type::known(name)
}

/// Returns the modifier of a column: precision and scale of a number, -1 where there is none.
pub(crate) fn modifier(data_type: &DataType) -> i64 {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if 0 <= *scale =>
        {
            ((i64::from(*precision) << 16) | i64::from(*scale)) + 4
        }
        _ => -1,
    }
}

/// Returns the type that a statement names.
pub(crate) fn of_sql(sql: &SqlType) -> Option<&'static Type> {
    match sql {
        SqlType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => of_sql(element)?.as_list(),
        SqlType::Timestamp(_, zone) => {
            use datafusion::sql::sqlparser::ast::TimezoneInfo::{Tz, WithTimeZone};
            Some(Type::known(match zone {
                Tz | WithTimeZone => "timestamptz",
                _ => "timestamp",
            }))
        }
        SqlType::Float(_) => Some(Type::known("float8")),
        SqlType::Interval { .. } => Some(Type::known("interval")),
        SqlType::Char(_) | SqlType::Character(_) => Some(Type::known("bpchar")),
        other => Type::named(&other.to_string().replace('"', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sql_and_of_the_catalogue_mean_the_same_types() {
        let oid = |name: &str| Type::named(name).map(|found| found.oid);
        assert_eq!(oid("bigint"), Some(20));
        assert_eq!(oid("INT8"), Some(20));
        assert_eq!(oid("pg_catalog.int2[]"), Some(1005));
        assert_eq!(oid("numeric(12,2)"), Some(1700));
        assert_eq!(oid("character varying(10)"), Some(1043));
        assert_eq!(oid("timestamp(3) with time zone"), Some(1184));
        assert_eq!(oid("nothing"), None);
    }

    #[test]
    fn every_list_and_its_element_name_each_other() {
        for list in TYPES.iter().filter(|known| known.name.starts_with('_')) {
            let element = list.element().expect("a list has elements");
            assert_eq!(element.list, list.oid, "{}", list.name);
            assert_eq!(list.name, format!("_{}", element.name));
        }
    }
}
