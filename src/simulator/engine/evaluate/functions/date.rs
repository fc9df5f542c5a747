//! Dates and times. The server's clock runs in UTC.

use time::{Duration, Month, PrimitiveDateTime};

use super::{Call, Function, INT, Returns, integer_or_null};
use crate::simulator::engine::value::{Conversion, convert, kind_of, parse_date_time};
use crate::simulator::instance::now;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::Expression;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const DATETIME: Returns = Returns::Type(WireType::DateTime);
const DATETIME2: Returns = Returns::Type(WireType::DateTime2(7));

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("CURRENT_TIMESTAMP", (0, 0), DATETIME, current),
    Function::strict("DATEADD", (3, 3), Returns::Argument(2), add),
    Function::strict("DATEDIFF", (3, 3), INT, difference),
    Function::strict(
        "DATEDIFF_BIG",
        (3, 3),
        Returns::Type(WireType::BigInt),
        difference,
    ),
    Function::strict("DATEPART", (2, 2), INT, part),
    Function::strict("DAY", (1, 1), INT, |call| {
        Ok(SqlValue::Int(date(call, 0)?.day().into()))
    }),
    Function::strict("GETDATE", (0, 0), DATETIME, current),
    Function::strict("GETUTCDATE", (0, 0), DATETIME, current),
    Function::lenient("ISDATE", (1, 1), INT, is_date),
    Function::strict("MONTH", (1, 1), INT, |call| {
        Ok(SqlValue::Int(u8::from(date(call, 0)?.month()).into()))
    }),
    Function::strict("SYSDATETIME", (0, 0), DATETIME2, current),
    Function::strict("SYSUTCDATETIME", (0, 0), DATETIME2, current),
    Function::strict("YEAR", (1, 1), INT, |call| {
        Ok(SqlValue::Int(date(call, 0)?.year().into()))
    }),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum DatePart {
    Year,
    Quarter,
    Month,
    Day,
    Week,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    DayOfYear,
    Weekday,
}

/// The word in front: `day`, `dd`, `d`. 155 where it is none.
fn date_part(call: &Call<'_>) -> Result<DatePart> {
    let word = match call.written.first() {
        Some(Expression::Column(parts)) => parts.last().map_or("", String::as_str),
        _ => "",
    };
    Ok(match word.to_ascii_lowercase().as_str() {
        "year" | "yy" | "yyyy" => DatePart::Year,
        "quarter" | "qq" | "q" => DatePart::Quarter,
        "month" | "mm" | "m" => DatePart::Month,
        "day" | "dd" | "d" => DatePart::Day,
        "dayofyear" | "dy" | "y" => DatePart::DayOfYear,
        "weekday" | "dw" | "w" => DatePart::Weekday,
        "week" | "wk" | "ww" => DatePart::Week,
        "hour" | "hh" => DatePart::Hour,
        "minute" | "mi" | "n" => DatePart::Minute,
        "second" | "ss" | "s" => DatePart::Second,
        "millisecond" | "ms" => DatePart::Millisecond,
        "microsecond" | "mcs" => DatePart::Microsecond,
        "nanosecond" | "ns" => DatePart::Nanosecond,
        other => {
            return Err(ServerError::new(
                155,
                15,
                1,
                format!("'{other}' is not a recognized dateadd option."),
            ));
        }
    })
}

fn current(_: &Call<'_>) -> Result<SqlValue> {
    Ok(SqlValue::DateTime(now()))
}

fn date(call: &Call<'_>, at: usize) -> Result<PrimitiveDateTime> {
    let value = call.argument(at);
    let conversion = Conversion::new(kind_of(value), WireType::DateTime2(7));
    match convert(value, &conversion)? {
        SqlValue::DateTime(date) => Ok(date),
        _ => Err(overflow()),
    }
}

/// 517.
fn overflow() -> ServerError {
    ServerError::new(
        517,
        16,
        1,
        "Adding a value to a 'datetime' column caused an overflow.",
    )
}

fn add(call: &Call<'_>) -> Result<SqlValue> {
    let part = date_part(call)?;
    let count = call.integer(1)?.unwrap_or(0);
    let date = date(call, 2)?;
    let moved = match part {
        DatePart::Year => add_months(date, count.saturating_mul(12)),
        DatePart::Quarter => add_months(date, count.saturating_mul(3)),
        DatePart::Month => add_months(date, count),
        _ => {
            let unit = unit(part);
            i32::try_from(count)
                .ok()
                .and_then(|count| unit.checked_mul(count))
                .and_then(|span| date.checked_add(span))
        }
    };
    moved.map(SqlValue::DateTime).ok_or_else(overflow)
}

const fn unit(part: DatePart) -> Duration {
    match part {
        DatePart::Week => Duration::weeks(1),
        DatePart::Hour => Duration::hours(1),
        DatePart::Minute => Duration::minutes(1),
        DatePart::Second => Duration::seconds(1),
        DatePart::Millisecond => Duration::milliseconds(1),
        DatePart::Microsecond => Duration::microseconds(1),
        DatePart::Nanosecond => Duration::nanoseconds(1),
        _ => Duration::days(1),
    }
}

/// The last day of the month where the day does not exist in the other one.
fn add_months(date: PrimitiveDateTime, months: i64) -> Option<PrimitiveDateTime> {
    let count = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1;
    let count = count.checked_add(months)?;
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(count.rem_euclid(12)).ok()? + 1).ok()?;
    let day = date.day().min(month.length(year));
    let moved = time::Date::from_calendar_date(year, month, day).ok()?;
    Some(PrimitiveDateTime::new(moved, date.time()))
}

/// How many boundaries lie between, as DATEDIFF counts.
fn difference(call: &Call<'_>) -> Result<SqlValue> {
    let part = date_part(call)?;
    let (from, to) = (date(call, 1)?, date(call, 2)?);
    let years = i64::from(to.year()) - i64::from(from.year());
    let months = years * 12 + i64::from(u8::from(to.month())) - i64::from(u8::from(from.month()));
    let days = i64::from(to.date().to_julian_day()) - i64::from(from.date().to_julian_day());
    let clock = |date: PrimitiveDateTime, unit: i128| {
        let midnight = i128::from(date.date().to_julian_day()) * 86_400_000_000_000;
        let (hour, minute, second, nano) = date.time().as_hms_nano();
        let seconds = i128::from(hour) * 3600 + i128::from(minute) * 60 + i128::from(second);
        (midnight + seconds * 1_000_000_000 + i128::from(nano)).div_euclid(unit)
    };
    let count: i128 = match part {
        DatePart::Year => years.into(),
        DatePart::Quarter => {
            let quarter = |date: PrimitiveDateTime| i64::from(u8::from(date.month()) - 1) / 3;
            (years * 4 + quarter(to) - quarter(from)).into()
        }
        DatePart::Month => months.into(),
        DatePart::Day | DatePart::DayOfYear | DatePart::Weekday => days.into(),
        part => {
            let unit = unit(part).whole_nanoseconds();
            clock(to, unit) - clock(from, unit)
        }
    };
    i64::try_from(count).map(SqlValue::Int).map_err(|_| {
        ServerError::new(
            535,
            16,
            0,
            "The datediff function resulted in an overflow. The number of dateparts separating \
             two date/time instances is too large. Try to use datediff with a less precise \
             datepart.",
        )
    })
}

fn part(call: &Call<'_>) -> Result<SqlValue> {
    let part = date_part(call)?;
    let date = date(call, 1)?;
    let number: i64 = match part {
        DatePart::Year => date.year().into(),
        DatePart::Quarter => i64::from((u8::from(date.month()) - 1) / 3) + 1,
        DatePart::Month => u8::from(date.month()).into(),
        DatePart::Day => date.day().into(),
        DatePart::DayOfYear => date.ordinal().into(),
        DatePart::Weekday => date.weekday().number_from_sunday().into(),
        DatePart::Week => date.sunday_based_week().into(),
        DatePart::Hour => date.hour().into(),
        DatePart::Minute => date.minute().into(),
        DatePart::Second => date.second().into(),
        DatePart::Millisecond => date.millisecond().into(),
        DatePart::Microsecond => date.microsecond().into(),
        DatePart::Nanosecond => date.nanosecond().into(),
    };
    Ok(integer_or_null(Some(number)))
}

fn is_date(call: &Call<'_>) -> Result<SqlValue> {
    Ok(super::yes_or_no(match call.argument(0) {
        SqlValue::Text(text) => parse_date_time(text).is_some(),
        SqlValue::DateTime(_) => true,
        _ => false,
    }))
}
