use tiberius::{ColumnData, numeric::Numeric};
use time::{Date, Duration, PrimitiveDateTime, Time};

use crate::transport::SqlValue;

/// The driver's value as ours. What is out of range of a calendar is NULL: no such time can be
/// stored by SQL Server.
pub(super) fn value(data: ColumnData<'static>) -> SqlValue {
    convert(data).unwrap_or(SqlValue::Null)
}

fn convert(data: ColumnData<'static>) -> Option<SqlValue> {
    Some(match data {
        ColumnData::U8(value) => SqlValue::Int(value?.into()),
        ColumnData::I16(value) => SqlValue::Int(value?.into()),
        ColumnData::I32(value) => SqlValue::Int(value?.into()),
        ColumnData::I64(value) => SqlValue::Int(value?),
        ColumnData::F32(value) => SqlValue::Float(value?.into()),
        ColumnData::F64(value) => SqlValue::Float(value?),
        ColumnData::Bit(value) => SqlValue::Bit(value?),
        ColumnData::String(value) => SqlValue::Text(value?.into_owned()),
        ColumnData::Guid(value) => SqlValue::Guid(value?.to_bytes_le()),
        ColumnData::Binary(value) => SqlValue::Bytes(value?.into_owned()),
        ColumnData::Numeric(value) => decimal(value?),
        ColumnData::Xml(value) => SqlValue::Text(value?.into_owned().into_string()),
        ColumnData::DateTime(value) => {
            let value = value?;
            // Ticks of a three-hundredth of a second, rounded to the millisecond as SQL Server shows.
            let milliseconds = (i64::from(value.seconds_fragments()) * 1000 + 150) / 300;
            at(1900, value.days().into(), milliseconds * 1_000_000)?
        }
        ColumnData::SmallDateTime(value) => {
            let value = value?;
            at(
                1900,
                value.days().into(),
                i64::from(value.seconds_fragments()) * 60_000_000_000,
            )?
        }
        ColumnData::Date(value) => at(1, value?.days().into(), 0)?,
        ColumnData::Time(value) => at(1900, 0, nanoseconds(value?)?)?,
        ColumnData::DateTime2(value) => {
            let value = value?;
            at(1, value.date().days().into(), nanoseconds(value.time())?)?
        }
        ColumnData::DateTimeOffset(value) => {
            let value = value?.datetime2();
            at(1, value.date().days().into(), nanoseconds(value.time())?)?
        }
    })
}

fn decimal(value: Numeric) -> SqlValue {
    SqlValue::Decimal {
        unscaled: value.value(),
        scale: value.scale(),
    }
}

fn nanoseconds(time: tiberius::time::Time) -> Option<i64> {
    let unit = 10_i64.checked_pow(9_u32.checked_sub(time.scale().into())?)?;
    i64::try_from(time.increments()).ok()?.checked_mul(unit)
}

fn at(year: i32, days: i64, nanoseconds: i64) -> Option<SqlValue> {
    let start = PrimitiveDateTime::new(Date::from_ordinal_date(year, 1).ok()?, Time::MIDNIGHT);
    let after = Duration::days(days).checked_add(Duration::nanoseconds(nanoseconds))?;
    start.checked_add(after).map(SqlValue::DateTime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_count_from_their_own_beginning() {
        let datetime = tiberius::time::DateTime::new(46_000, 300 * 3600 + 1);
        assert_eq!(
            value(ColumnData::DateTime(Some(datetime))),
            SqlValue::DateTime(datetime!(2025-12-11 01:00:00.003))
        );
        let date = tiberius::time::Date::new(0);
        assert_eq!(
            value(ColumnData::Date(Some(date))),
            SqlValue::DateTime(datetime!(0001-01-01 00:00))
        );
        let time = tiberius::time::Time::new(15, 1);
        let value2 = tiberius::time::DateTime2::new(tiberius::time::Date::new(730_119), time);
        assert_eq!(
            value(ColumnData::DateTime2(Some(value2))),
            SqlValue::DateTime(datetime!(2000-01-01 00:00:01.5))
        );
    }

    #[test]
    fn null_stays_null_and_numbers_stay_exact() {
        assert_eq!(value(ColumnData::I32(None)), SqlValue::Null);
        assert_eq!(
            value(ColumnData::Numeric(Some(Numeric::new_with_scale(
                37_000_000_012_300_001,
                0
            )))),
            SqlValue::Decimal {
                unscaled: 37_000_000_012_300_001,
                scale: 0
            }
        );
        let guid = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        let wire = tiberius::Uuid::from_bytes_le(guid);
        assert_eq!(value(ColumnData::Guid(Some(wire))), SqlValue::Guid(guid));
    }
}
