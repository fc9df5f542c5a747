//! What the replies to a client depend on beside what they say.

use crate::simulator::engine::to_text;
use crate::simulator::tds::version::TdsVersion;
use crate::simulator::wire_type::{WireColumn, WireType};
use crate::transport::SqlValue;

/// How the server speaks with a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) version: TdsVersion,
    /// False where [`WireBug::ColumnFlags`](crate::simulator::WireBug::ColumnFlags) is planted.
    pub(super) tells_nullable: bool,
}

impl Dialect {
    /// The type that stands for one that the client doesn't know: before TDS 7.3 dates and times
    /// that came later are texts, as the documentation of down-level clients has it.
    pub(super) fn known(self, kind: WireType) -> WireType {
        if self.version >= TdsVersion::V7_3A {
            return kind;
        }
        let fraction = |digits: u8| {
            if digits == 0 {
                0
            } else {
                u16::from(digits) + 1
            }
        };
        match kind {
            WireType::Date => WireType::NVarChar(Some(10)),
            WireType::Time(digits) => WireType::NVarChar(Some(8 + fraction(digits))),
            WireType::DateTime2(digits) => WireType::NVarChar(Some(19 + fraction(digits))),
            WireType::DateTimeOffset(digits) => WireType::NVarChar(Some(26 + fraction(digits))),
            kind => kind,
        }
    }

    /// A value as the type that stands for its own.
    pub(super) fn value(self, value: SqlValue, kind: WireType) -> SqlValue {
        if value.is_null() || self.known(kind) == kind {
            return value;
        }
        // In its usual form such a value can always be shown.
        to_text(&value, kind, 0).map_or(value, SqlValue::Text)
    }

    pub(super) fn columns(self, columns: Vec<WireColumn>) -> Vec<WireColumn> {
        let known = |column: WireColumn| WireColumn {
            kind: self.known(column.kind),
            ..column
        };
        columns.into_iter().map(known).collect()
    }

    pub(super) fn row(self, row: Vec<SqlValue>, columns: &[WireColumn]) -> Vec<SqlValue> {
        if self.version >= TdsVersion::V7_3A {
            return row;
        }
        // A row of another width is found to be one where it is written.
        let kinds = columns.iter().map(|column| Some(column.kind));
        let kinds = kinds.chain(std::iter::repeat(None));
        row.into_iter()
            .zip(kinds)
            .map(|(value, kind)| match kind {
                Some(kind) => self.value(value, kind),
                None => value,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn newer_types_are_texts_to_older_clients() {
        let dialect = |version| Dialect {
            version,
            tells_nullable: true,
        };
        let moment = || SqlValue::DateTime(datetime!(2024-02-29 12:00:00.5));
        let offset = || SqlValue::Text("2024-02-29 12:00:00 +02:00".to_owned());
        for (kind, value, length, text) in [
            (WireType::Date, moment(), 10, "2024-02-29"),
            (WireType::Time(0), moment(), 8, "12:00:00"),
            (WireType::Time(7), moment(), 16, "12:00:00.5000000"),
            (
                WireType::DateTime2(3),
                moment(),
                23,
                "2024-02-29 12:00:00.500",
            ),
            (
                WireType::DateTimeOffset(0),
                offset(),
                26,
                "2024-02-29 12:00:00 +02:00",
            ),
        ] {
            let old = dialect(TdsVersion::V7_2);
            assert_eq!(old.known(kind), WireType::NVarChar(Some(length)));
            assert_eq!(
                old.value(value.clone(), kind),
                SqlValue::Text(text.to_owned())
            );
            assert_eq!(old.value(SqlValue::Null, kind), SqlValue::Null);
            for version in [TdsVersion::V7_3A, TdsVersion::V8_0] {
                assert_eq!(dialect(version).known(kind), kind);
                assert_eq!(dialect(version).value(value.clone(), kind), value);
            }
        }
        let old = dialect(TdsVersion::V7_2);
        assert_eq!(old.known(WireType::DateTime), WireType::DateTime);
        assert_eq!(old.value(moment(), WireType::DateTime), moment());
    }
}
