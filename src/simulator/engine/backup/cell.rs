//! Cells of result sets and rows of msdb: a value with its name, made together so that they can't
//! part.

use crate::simulator::media::lsn;
use crate::simulator::wire_type::{WireColumn, WireType};
use crate::transport::SqlValue;

/// A cell of a result set.
pub(super) type Cell = (&'static str, WireType, SqlValue);

/// A log sequence number.
pub(super) const LSN: WireType = WireType::Decimal {
    precision: 25,
    scale: 0,
};

/// The columns that these cells stand under.
pub(super) fn columns(cells: &[Cell]) -> Vec<WireColumn> {
    cells
        .iter()
        .map(|(name, kind, _)| WireColumn::new(*name, *kind))
        .collect()
}

/// `nvarchar`.
pub(super) const fn characters(length: u16) -> WireType {
    WireType::NVarChar(Some(length))
}

pub(super) fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

pub(super) fn optional(value: Option<&str>) -> SqlValue {
    value.map_or(SqlValue::Null, text)
}

pub(super) fn number(value: impl Into<i64>) -> SqlValue {
    SqlValue::Int(value.into())
}

/// A count that is never near the end of `bigint`.
pub(super) fn count(value: u64) -> SqlValue {
    SqlValue::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The log sequence number of a change.
pub(super) const fn change(value: u64) -> SqlValue {
    SqlValue::Decimal {
        unscaled: lsn(value),
        scale: 0,
    }
}

/// A size as `numeric(20,0)`, or no log sequence number.
pub(super) fn size(value: u64) -> SqlValue {
    SqlValue::Decimal {
        unscaled: i128::from(value),
        scale: 0,
    }
}
