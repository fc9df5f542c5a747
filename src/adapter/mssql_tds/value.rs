use mssql_tds::datatypes::column_values::{ColumnValues, SqlMoney, SqlTime};
use mssql_tds::datatypes::decoder::DecimalParts;
use mssql_tds::datatypes::sql_string::SqlString;
use time::{Date, Duration, PrimitiveDateTime, Time};

use crate::transport::SqlValue;

/// The driver's value as ours; `None` for what the server should not have sent. What is out of
/// range of a calendar is NULL: no such time can be stored by SQL Server.
pub(super) fn value(value: ColumnValues) -> Option<SqlValue> {
    Some(match value {
        ColumnValues::Null => SqlValue::Null,
        ColumnValues::TinyInt(value) => SqlValue::Int(value.into()),
        ColumnValues::SmallInt(value) => SqlValue::Int(value.into()),
        ColumnValues::Int(value) => SqlValue::Int(value.into()),
        ColumnValues::BigInt(value) => SqlValue::Int(value),
        ColumnValues::Real(value) => SqlValue::Float(value.into()),
        ColumnValues::Float(value) => SqlValue::Float(value),
        ColumnValues::Decimal(value) | ColumnValues::Numeric(value) => decimal(&value)?,
        ColumnValues::Bit(value) => SqlValue::Bit(value),
        ColumnValues::String(value) => SqlValue::Text(text(value)?),
        ColumnValues::Bytes(value) => SqlValue::Bytes(value),
        ColumnValues::Uuid(value) => SqlValue::Guid(value.to_bytes_le()),
        ColumnValues::Xml(value) => SqlValue::Text(utf16(&value.bytes)?),
        ColumnValues::Json(value) => SqlValue::Text(value.as_string()),
        ColumnValues::SmallMoney(value) => money(value.int_val.into()),
        ColumnValues::Money(SqlMoney { lsb_part, msb_part }) => {
            money(i64::from(msb_part) << 32 | i64::from(lsb_part.cast_unsigned()))
        }
        ColumnValues::DateTime(value) => {
            // Ticks of a three-hundredth of a second, rounded to the millisecond as SQL Server shows.
            let milliseconds = (i64::from(value.time) * 1000 + 150) / 300;
            at(1900, value.days.into(), milliseconds * 1_000_000)
        }
        ColumnValues::SmallDateTime(value) => at(
            1900,
            value.days.into(),
            i64::from(value.time) * 60_000_000_000,
        ),
        ColumnValues::Date(value) => at(1, value.get_days().into(), 0),
        ColumnValues::Time(value) => at(1900, 0, nanoseconds(&value)?),
        ColumnValues::DateTime2(value) => at(1, value.days.into(), nanoseconds(&value.time)?),
        ColumnValues::DateTimeOffset(value) => at(
            1,
            value.datetime2.days.into(),
            nanoseconds(&value.datetime2.time)?,
        ),
        // Never sent to a client that did not ask for it.
        ColumnValues::Vector(_) => return None,
    })
}

/// What the encoding does not know becomes U+FFFD. The driver's own way to do this panics on bytes
/// that are no UTF-8, and says them in the panic.
fn text(value: SqlString) -> Option<String> {
    let (bytes, encoding) = value.into_parts();
    let encoding = encoding.resolved_encoding()?;
    let (text, _) = encoding.decode_without_bom_handling(&bytes);
    Some(text.into_owned())
}

fn decimal(value: &DecimalParts) -> Option<SqlValue> {
    let magnitude = i128::try_from(value.magnitude()).ok()?;
    Some(SqlValue::Decimal {
        unscaled: if value.is_positive {
            magnitude
        } else {
            -magnitude
        },
        scale: value.scale,
    })
}

fn money(unscaled: i64) -> SqlValue {
    SqlValue::Decimal {
        unscaled: unscaled.into(),
        scale: 4,
    }
}

/// The driver's field is named for nanoseconds and holds units of a hundred.
fn nanoseconds(time: &SqlTime) -> Option<i64> {
    i64::try_from(time.time_nanoseconds).ok()?.checked_mul(100)
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16(&units).ok()
}

fn at(year: i32, days: i64, nanoseconds: i64) -> SqlValue {
    let start =
        Date::from_ordinal_date(year, 1).map(|date| PrimitiveDateTime::new(date, Time::MIDNIGHT));
    Duration::days(days)
        .checked_add(Duration::nanoseconds(nanoseconds))
        .and_then(|after| start.ok()?.checked_add(after))
        .map_or(SqlValue::Null, SqlValue::DateTime)
}

#[cfg(test)]
mod tests {
    use mssql_tds::datatypes::column_values::{
        SqlDateTime, SqlDateTime2, SqlSmallDateTime, SqlSmallMoney, SqlXml,
    };
    use mssql_tds::datatypes::sql_string::EncodingType;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn no_text_is_beyond_reading() {
        let read = |bytes: &[u8], encoding| {
            let text = SqlString::new(bytes.to_vec(), encoding);
            super::value(ColumnValues::String(text))
        };
        let text = |text: &str| Some(SqlValue::Text(text.to_owned()));
        let utf8 = EncodingType::Utf8;
        assert_eq!(read("\u{fc}".as_bytes(), utf8), text("\u{fc}"));
        assert_eq!(read(&[0x41, 0x80, 0xff], utf8), text("A\u{fffd}\u{fffd}"));
        let utf16 = EncodingType::Utf16;
        assert_eq!(read(&[0x41, 0, 0, 0xd8], utf16), text("A\u{fffd}"));
        // A collation that never came.
        assert_eq!(read(b"A", EncodingType::DelayedSet), None);
    }

    fn time(value: ColumnValues) -> SqlValue {
        super::value(value).unwrap()
    }

    #[test]
    fn times_count_from_their_own_beginning() {
        // 2000-01-01 is day 730119 from year 1; half past one second, in units of 100 ns.
        let value = ColumnValues::DateTime2(SqlDateTime2 {
            days: 730_119,
            time: SqlTime {
                time_nanoseconds: 15_000_000,
                scale: 7,
            },
        });
        let expected = SqlValue::DateTime(datetime!(2000-01-01 00:00:01.5));
        assert_eq!(time(value), expected);
        let value = ColumnValues::DateTime(SqlDateTime { days: -1, time: 1 });
        let expected = SqlValue::DateTime(datetime!(1899-12-31 00:00:00.003));
        assert_eq!(time(value), expected);
        let value = ColumnValues::SmallDateTime(SqlSmallDateTime { days: 1, time: 61 });
        let expected = SqlValue::DateTime(datetime!(1900-01-02 01:01));
        assert_eq!(time(value), expected);
        let never = ColumnValues::DateTime2(SqlDateTime2 {
            days: u32::MAX,
            time: SqlTime {
                time_nanoseconds: 0,
                scale: 7,
            },
        });
        assert_eq!(time(never), SqlValue::Null);
    }

    #[test]
    fn money_is_exact_and_half_characters_are_refused() {
        let decimal = |unscaled| SqlValue::Decimal { unscaled, scale: 4 };
        let money = |lsb_part, msb_part| time(ColumnValues::Money(SqlMoney { lsb_part, msb_part }));
        assert_eq!(money(-1, 0), decimal(0xffff_ffff));
        assert_eq!(money(-1, -1), decimal(-1));
        let small = ColumnValues::SmallMoney(SqlSmallMoney { int_val: -12_345 });
        assert_eq!(time(small), decimal(-12_345));
        for bytes in [vec![0x41], vec![0x00, 0xd8]] {
            assert_eq!(super::value(ColumnValues::Xml(SqlXml { bytes })), None);
        }
    }
}
