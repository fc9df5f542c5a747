//! Rows and their columns.

use crate::simulator::engine::evaluate::Column;
use crate::simulator::engine::value::{Conversion, convert, is_text, kind_of};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::{WireColumn, WireType};
use crate::transport::SqlValue;

/// What a query or a row source gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rowset {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<SqlValue>>,
}

impl Rowset {
    /// The columns as they go over the wire.
    pub(crate) fn wire_columns(&self) -> Vec<WireColumn> {
        self.columns
            .iter()
            .map(|column| WireColumn {
                name: column.name.clone(),
                kind: column.kind,
                nullable: column.is_nullable,
                origin: column.origin,
            })
            .collect()
    }
}

/// A value as its column's type has it: what was inferred for the column is what clients get.
pub(crate) fn conform(value: SqlValue, kind: WireType) -> Result<SqlValue> {
    let fits = match (&value, kind) {
        (SqlValue::Null, _) | (_, WireType::Variant) | (SqlValue::Int(_), WireType::BigInt) => true,
        (SqlValue::Int(value), WireType::Int) => i32::try_from(*value).is_ok(),
        (SqlValue::Int(value), WireType::SmallInt) => i16::try_from(*value).is_ok(),
        (SqlValue::Int(value), WireType::TinyInt) => u8::try_from(*value).is_ok(),
        (SqlValue::Decimal { scale, .. }, WireType::Decimal { scale: wanted, .. }) => {
            *scale == wanted
        }
        (SqlValue::Text(_), kind) => is_text(kind),
        (SqlValue::Bit(_), WireType::Bit)
        | (SqlValue::Float(_), WireType::Float | WireType::Real)
        | (SqlValue::Bytes(_), WireType::VarBinary(_))
        | (SqlValue::Guid(_), WireType::UniqueIdentifier) => true,
        _ => false,
    };
    if fits {
        Ok(value)
    } else {
        convert(&value, &Conversion::new(kind_of(&value), kind))
    }
}
