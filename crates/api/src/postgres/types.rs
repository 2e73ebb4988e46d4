//! The types that the door speaks, by name and by number.

/// A type of PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The name as the kernel's answers give it.
    pub name: &'static str,
    /// The number as clients know it.
    pub oid: u32,
    /// Bytes of a value; -1 where they differ.
    pub bytes: i16,
    /// The number of what it is a list of; 0 for no list.
    pub element: u32,
}

const fn of(name: &'static str, oid: u32, bytes: i16, element: u32) -> Kind {
    Kind { name, oid, bytes, element }
}

/// The types.
static KINDS: [Kind; 55] = [
    of("text", 25, -1, 0),
    of("bool", 16, 1, 0),
    of("bytea", 17, -1, 0),
    of("char", 18, 1, 0),
    of("name", 19, 64, 0),
    of("int8", 20, 8, 0),
    of("int2", 21, 2, 0),
    of("int2vector", 22, -1, 21),
    of("int4", 23, 4, 0),
    of("oid", 26, 4, 0),
    of("tid", 27, 6, 0),
    of("xid", 28, 4, 0),
    of("oidvector", 30, -1, 26),
    of("json", 114, -1, 0),
    of("_json", 199, -1, 114),
    of("float4", 700, 4, 0),
    of("float8", 701, 8, 0),
    of("unknown", 705, -2, 0),
    of("bpchar", 1042, -1, 0),
    of("varchar", 1043, -1, 0),
    of("date", 1082, 4, 0),
    of("time", 1083, 8, 0),
    of("timestamp", 1114, 8, 0),
    of("timestamptz", 1184, 8, 0),
    of("interval", 1186, 16, 0),
    of("numeric", 1700, -1, 0),
    of("regproc", 24, 4, 0),
    of("regclass", 2205, 4, 0),
    of("regtype", 2206, 4, 0),
    of("void", 2278, 4, 0),
    of("uuid", 2950, 16, 0),
    of("jsonb", 3802, -1, 0),
    of("_bool", 1000, -1, 16),
    of("_bytea", 1001, -1, 17),
    of("_char", 1002, -1, 18),
    of("_name", 1003, -1, 19),
    of("_int2", 1005, -1, 21),
    of("_int4", 1007, -1, 23),
    of("_text", 1009, -1, 25),
    of("_bpchar", 1014, -1, 1042),
    of("_varchar", 1015, -1, 1043),
    of("_int8", 1016, -1, 20),
    of("_float4", 1021, -1, 700),
    of("_float8", 1022, -1, 701),
    of("_oid", 1028, -1, 26),
    of("_xid", 1011, -1, 28),
    of("_timestamp", 1115, -1, 1114),
    of("_date", 1182, -1, 1082),
    of("_time", 1183, -1, 1083),
    of("_timestamptz", 1185, -1, 1184),
    of("_interval", 1187, -1, 1186),
    of("_numeric", 1231, -1, 1700),
    of("_uuid", 2951, -1, 2950),
    of("_jsonb", 3807, -1, 3802),
    of("_regclass", 2210, -1, 2205),
];

impl Kind {
    /// Returns the type of a name; text where the door knows none, as whatever is only shown is sent.
    pub(crate) fn named(name: &str) -> &'static Self {
        KINDS.iter().find(|kind| kind.name == name).unwrap_or(&KINDS[0])
    }

    /// Returns the type of a number.
    pub(crate) fn of_oid(oid: u32) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.oid == oid)
    }

    /// Returns what it is a list of.
    pub(crate) fn element(&self) -> Option<&'static Self> {
        Self::of_oid(self.element).filter(|_| self.element != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_type_has_its_own_number_and_lists_have_elements() {
        let numbers: BTreeSet<u32> = KINDS.iter().map(|kind| kind.oid).collect();
        assert_eq!(numbers.len(), KINDS.len());
        for kind in KINDS.iter().filter(|kind| kind.name.starts_with('_')) {
            let element = kind.element().expect("a list has elements");
            assert_eq!(kind.name, format!("_{}", element.name));
        }
        assert_eq!(Kind::named("nothing").name, "text");
    }
}
