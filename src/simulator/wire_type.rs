//! The types of columns as they go over the wire.

/// The type of a column or parameter, as TDS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// Length in characters; `None` is `max`.
    NVarChar(Option<u16>),
    NChar(u16),
    /// Length in bytes; `None` is `max`.
    VarChar(Option<u16>),
    Char(u16),
    /// Length in bytes; `None` is `max`.
    VarBinary(Option<u16>),
    Binary(u16),
    UniqueIdentifier,
    DateTime,
    SmallDateTime,
    /// Fractional digits, 0 to 7.
    DateTime2(u8),
    Date,
    /// Fractional digits, 0 to 7. Its values are times on 1900-01-01.
    Time(u8),
    /// Fractional digits, 0 to 7. Its values are texts: the local time and its distance from UTC.
    DateTimeOffset(u8),
    /// With four digits behind the point.
    Money,
    SmallMoney,
    Xml,
    Variant,
}

/// Where the values of a column come from: clients see it in the column's flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A statement that is no query, or an aggregate: nothing is said.
    #[default]
    Statement,
    /// A column of a table or view.
    Stored,
    /// One that counts up by itself.
    Identity,
    /// An expression.
    Computed,
}

/// A column of a result set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireColumn {
    pub(crate) name: String,
    pub(crate) kind: WireType,
    pub(crate) nullable: bool,
    pub(crate) origin: Origin,
}

impl WireColumn {
    pub(crate) fn new(name: impl Into<String>, kind: WireType) -> Self {
        Self {
            name: name.into(),
            kind,
            nullable: true,
            origin: Origin::default(),
        }
    }
}
