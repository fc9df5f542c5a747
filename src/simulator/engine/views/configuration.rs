//! The server's settings and those of databases, with the values of a new installation.

use super::{Columns, DESCRIPTION, NULL, Row, View, bit, int, text};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "configurations",
        columns: CONFIGURATIONS,
        make: configurations,
    },
    View {
        schema: "sys",
        name: "database_scoped_configurations",
        columns: SCOPED,
        make: scoped,
    },
];

const CONFIGURATIONS: Columns = &[
    ("configuration_id", WireType::Int),
    ("name", WireType::NVarChar(Some(35))),
    ("value", WireType::Variant),
    ("minimum", WireType::Variant),
    ("maximum", WireType::Variant),
    ("value_in_use", WireType::Variant),
    ("description", WireType::NVarChar(Some(255))),
    ("is_dynamic", WireType::Bit),
    ("is_advanced", WireType::Bit),
];

const SCOPED: Columns = &[
    ("configuration_id", WireType::Int),
    ("name", DESCRIPTION),
    ("value", WireType::Variant),
    ("value_for_secondary", WireType::Variant),
    ("is_value_default", WireType::Bit),
];

const MOST: i64 = 2_147_483_647;

/// The settings whose change waits for a restart.
const STATIC: &[i64] = &[
    103, 106, 107, 109, 117, 544, 1517, 1532, 1546, 1547, 1550, 1551, 1577,
];

/// The settings that are shown without `show advanced options`.
const PLAIN: &[i64] = &[
    102, 115, 116, 117, 124, 400, 518, 542, 1519, 1520, 1534, 1536, 1562, 1576, 1579, 1580, 1584,
    16_393, 16_396,
];

/// Id, name, value, least and most, as documented.
const SETTINGS: &[(i64, &str, i64, i64, i64)] = &[
    (101, "recovery interval (min)", 0, 0, 32_767),
    (102, "allow updates", 0, 0, 1),
    (103, "user connections", 0, 0, 32_767),
    (106, "locks", 0, 5000, MOST),
    (107, "open objects", 0, 0, MOST),
    (109, "fill factor (%)", 0, 0, 100),
    (114, "disallow results from triggers", 0, 0, 1),
    (115, "nested triggers", 1, 0, 1),
    (116, "server trigger recursion", 1, 0, 1),
    (117, "remote access", 1, 0, 1),
    (124, "default language", 0, 0, 9999),
    (400, "cross db ownership chaining", 0, 0, 1),
    (503, "max worker threads", 0, 128, 65_535),
    (505, "network packet size (B)", 4096, 512, 32_767),
    (518, "show advanced options", 0, 0, 1),
    (542, "remote proc trans", 0, 0, 1),
    (544, "c2 audit mode", 0, 0, 1),
    (1126, "default full-text language", 1033, 0, MOST),
    (1127, "two digit year cutoff", 2049, 1753, 9999),
    (1505, "index create memory (KB)", 0, 704, MOST),
    (1517, "priority boost", 0, 0, 1),
    (1519, "remote login timeout (s)", 10, 0, MOST),
    (1520, "remote query timeout (s)", 600, 0, MOST),
    (1531, "cursor threshold", -1, -1, MOST),
    (1532, "set working set size", 0, 0, 1),
    (1534, "user options", 0, 0, 32_767),
    (1536, "max text repl size (B)", 65_536, -1, MOST),
    (1537, "media retention", 0, 0, 365),
    (1538, "cost threshold for parallelism", 5, 0, 32_767),
    (1539, "max degree of parallelism", 0, 0, 32_767),
    (1540, "min memory per query (KB)", 1024, 512, MOST),
    (1541, "query wait (s)", -1, -1, MOST),
    (1543, "min server memory (MB)", 16, 0, MOST),
    (1544, "max server memory (MB)", MOST, 128, MOST),
    (1545, "query governor cost limit", 0, 0, MOST),
    (1546, "lightweight pooling", 0, 0, 1),
    (1547, "scan for startup procs", 0, 0, 1),
    (1550, "affinity I/O mask", 0, -MOST - 1, MOST),
    (1551, "affinity64 I/O mask", 0, -MOST - 1, MOST),
    (1555, "transform noise words", 0, 0, 1),
    (1556, "precompute rank", 0, 0, 1),
    (1557, "PH timeout (s)", 60, 1, 3600),
    (1562, "clr enabled", 0, 0, 1),
    (1568, "default trace enabled", 1, 0, 1),
    (1569, "blocked process threshold (s)", 0, 0, 86_400),
    (1570, "in-doubt xact resolution", 0, 0, 2),
    (1576, "remote admin connections", 0, 0, 1),
    (1577, "common criteria compliance enabled", 0, 0, 1),
    (1578, "EKM provider enabled", 0, 0, 1),
    (1579, "backup compression default", 0, 0, 1),
    (1580, "filestream access level", 0, 0, 2),
    (1581, "optimize for ad hoc workloads", 0, 0, 1),
    (1584, "backup checksum default", 0, 0, 1),
    (16_384, "Agent XPs", 0, 0, 1),
    (16_386, "Database Mail XPs", 0, 0, 1),
    (16_387, "SMO and DMO XPs", 1, 0, 1),
    (16_388, "Ole Automation Procedures", 0, 0, 1),
    (16_390, "xp_cmdshell", 0, 0, 1),
    (16_391, "Ad Hoc Distributed Queries", 0, 0, 1),
    (16_392, "Replication XPs", 0, 0, 1),
    (16_393, "contained database authentication", 0, 0, 1),
    (16_396, "remote data archive", 0, 0, 1),
];

fn configurations(_: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(SETTINGS
        .iter()
        .map(|(id, name, value, least, most)| {
            vec![
                int(*id),
                text(*name),
                int(*value),
                int(*least),
                int(*most),
                int(*value),
                text(*name),
                bit(!STATIC.contains(id)),
                bit(!PLAIN.contains(id)),
            ]
        })
        .collect())
}

/// The settings that came with the view.
fn scoped(_: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let settings = [
        ("MAXDOP", 0),
        ("LEGACY_CARDINALITY_ESTIMATION", 0),
        ("PARAMETER_SNIFFING", 1),
        ("QUERY_OPTIMIZER_HOTFIXES", 0),
    ];
    Ok((1_i64..)
        .zip(settings)
        .map(|(id, (name, value))| vec![int(id), text(name), int(value), NULL, bit(true)])
        .collect())
}
