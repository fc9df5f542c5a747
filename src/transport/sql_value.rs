use std::fmt;

use time::PrimitiveDateTime;

/// A column of a result set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "hosts make them, and read by name only"
)]
pub struct SqlColumn {
    /// The name; empty where the server gives none.
    pub name: String,
}

/// A value of a result set. `sql_variant` arrives as what it holds.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SqlValue {
    /// `NULL` of any type.
    Null,
    /// `bit`.
    Bit(bool),
    /// `tinyint` to `bigint`.
    Int(i64),
    /// `real`, `float`.
    Float(f64),
    /// `decimal`, `numeric`: `unscaled` divided by ten to the `scale`.
    Decimal {
        /// The digits without the point.
        unscaled: i128,
        /// How many digits stand behind the point.
        scale: u8,
    },
    /// `char`, `nvarchar` and their like.
    Text(String),
    /// `binary`, `varbinary`, `image`.
    Bytes(Vec<u8>),
    /// `uniqueidentifier`, in the byte order of the wire (the first three groups little-endian).
    Guid([u8; 16]),
    /// `datetime`, `datetime2`, `date`: no time zone of its own.
    DateTime(PrimitiveDateTime),
}

impl SqlValue {
    /// Whether it is `NULL`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Shows types and lengths, never contents: a value may be somebody's secret.
impl fmt::Debug for SqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Bit(value) => write!(f, "Bit({value})"),
            Self::Int(value) => write!(f, "Int({value})"),
            Self::Float(value) => write!(f, "Float({value})"),
            Self::Decimal { unscaled, scale } => write!(f, "Decimal({unscaled}e-{scale})"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Guid(bytes) => write!(f, "Guid({})", hex::encode(bytes)),
            Self::DateTime(value) => write!(f, "DateTime({value})"),
        }
    }
}
