//! The system's table-valued functions.

use super::{Columns, Row, bit, columns, int, text};
use crate::simulator::engine::evaluate::{Column, Context, integer, text as text_of};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// A function behind FROM.
#[derive(Debug)]
pub(crate) struct TableFunction {
    pub(super) name: &'static str,
    columns: Columns,
    make: fn(&Context<'_>, &[SqlValue]) -> Result<Vec<Row>>,
}

impl TableFunction {
    pub(crate) fn columns(&self) -> Vec<Column> {
        columns(self.columns)
    }

    pub(crate) fn rows(&self, context: &Context<'_>, arguments: &[SqlValue]) -> Result<Vec<Row>> {
        (self.make)(context, arguments)
    }
}

pub(super) const FUNCTIONS: &[TableFunction] = &[
    TableFunction {
        name: "dm_os_file_exists",
        columns: FILE_EXISTS,
        make: file_exists,
    },
    TableFunction {
        name: "dm_os_volume_stats",
        columns: VOLUME,
        make: volume,
    },
];

const FILE_EXISTS: Columns = &[
    ("file_exists", WireType::Bit),
    ("file_is_a_directory", WireType::Bit),
    ("parent_directory_exists", WireType::Bit),
];

const VOLUME: Columns = &[
    ("database_id", WireType::Int),
    ("file_id", WireType::Int),
    ("volume_mount_point", WireType::NVarChar(Some(512))),
    ("logical_volume_name", WireType::NVarChar(Some(512))),
    ("total_bytes", WireType::BigInt),
    ("available_bytes", WireType::BigInt),
    ("is_read_only", WireType::Bit),
];

/// As `xp_fileexist` tells it. Undocumented in SQL Server, as is who may ask.
pub(crate) fn look(context: &Context<'_>, path: &str) -> (bool, bool, bool) {
    let disk = &context.instance.disk;
    let (is_file, is_folder) = disk.look(path).unwrap_or_default();
    let has_parent = disk.has_folder(path).unwrap_or_default();
    (is_file, is_folder, has_parent)
}

fn file_exists(context: &Context<'_>, arguments: &[SqlValue]) -> Result<Vec<Row>> {
    let path = match arguments.first() {
        Some(path) => text_of(path)?.unwrap_or_default(),
        None => String::new(),
    };
    let (is_file, is_folder, has_parent) = look(context, &path);
    Ok(vec![vec![bit(is_file), bit(is_folder), bit(has_parent)]])
}

/// The volume of a database's file.
fn volume(context: &Context<'_>, arguments: &[SqlValue]) -> Result<Vec<Row>> {
    super::session::check_server_state(context)?;
    let number = |at: usize| match arguments.get(at) {
        Some(value) => integer(value),
        None => Ok(None),
    };
    let (database, wanted) = (number(0)?, number(1)?);
    let mut rows = Vec::new();
    for entry in &context.state.catalog.databases {
        for file in &entry.files {
            if Some(i64::from(entry.id)) == database && Some(i64::from(file.id)) == wanted {
                let mount = file
                    .path
                    .split_inclusive(context.instance.platform.separator());
                rows.push(vec![
                    int(entry.id),
                    int(file.id),
                    text(mount.take(1).collect::<String>()),
                    text(""),
                    int(VOLUME_BYTES),
                    int(available_bytes(context)),
                    bit(false),
                ]);
            }
        }
    }
    Ok(rows)
}

/// One tebibyte: what a volume of the server holds. (The machine's own disks are not shown.)
const VOLUME_BYTES: i64 = 1 << 40;

/// What the quota leaves, where the server's disks have one.
fn available_bytes(context: &Context<'_>) -> i64 {
    let left = context.instance.disk.quota();
    left.and_then(|left| i64::try_from(left).ok())
        .map_or(VOLUME_BYTES, |left| left.min(VOLUME_BYTES))
}
