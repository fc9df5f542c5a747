//! Dates and times in the numbers of the wire.

use time::{Date, Duration, Month, PrimitiveDateTime, Time};

/// The first day of `date` and `datetime2`: the year 1.
const YEAR_1: i32 = 1_721_426;
/// Day zero of `datetime`: the year 1900.
const YEAR_1900: i32 = 2_415_021;
const NANOSECONDS_PER_DAY: u64 = 86_400_000_000_000;
/// `datetime` counts three-hundredths of a second.
const TICKS_PER_DAY: u64 = 86_400 * 300;

fn nanoseconds(time: Time) -> u64 {
    let (hour, minute, second, nanosecond) = time.as_hms_nano();
    let seconds = (u64::from(hour) * 60 + u64::from(minute)) * 60 + u64::from(second);
    seconds * 1_000_000_000 + u64::from(nanosecond)
}

fn time_of(nanoseconds: u64) -> Option<Time> {
    let seconds = u32::try_from(nanoseconds / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanoseconds % 1_000_000_000).ok()?;
    let hour = u8::try_from(seconds / 3600).ok()?;
    let minute = u8::try_from(seconds / 60 % 60).ok()?;
    let second = u8::try_from(seconds % 60).ok()?;
    Time::from_hms_nano(hour, minute, second, rest).ok()
}

/// `value` over `divisor`, rounded half up.
const fn rounded(value: u64, divisor: u64) -> u64 {
    (value + divisor / 2) / divisor
}

/// The days and ticks of a `datetime`; `None` before 1753.
pub(super) fn to_datetime(value: PrimitiveDateTime) -> Option<(i32, u32)> {
    if value.year() < 1753 {
        return None;
    }
    let days = value.date().to_julian_day() - YEAR_1900;
    let ticks = rounded(nanoseconds(value.time()) * 3, 10_000_000);
    let ticks = u32::try_from(ticks).ok()?;
    if u64::from(ticks) == TICKS_PER_DAY {
        return Some((days + 1, 0));
    }
    Some((days, ticks))
}

/// The `datetime` of these days and ticks.
pub(super) fn from_datetime(days: i32, ticks: u32) -> Option<PrimitiveDateTime> {
    let date = Date::from_julian_day(days.checked_add(YEAR_1900)?).ok()?;
    let time = time_of(rounded(u64::from(ticks) * 10_000_000, 3))?;
    Some(PrimitiveDateTime::new(date, time))
}

/// The days since the year 1.
pub(super) fn to_days(date: Date) -> Option<u32> {
    u32::try_from(date.to_julian_day() - YEAR_1).ok()
}

pub(super) fn from_days(days: u32) -> Option<Date> {
    Date::from_julian_day(i32::try_from(days).ok()?.checked_add(YEAR_1)?).ok()
}

/// The days of a `datetime2`, and its time in units of its scale.
pub(super) fn to_datetime2(value: PrimitiveDateTime, scale: u8) -> Option<(u32, u64)> {
    let unit = unit(scale)?;
    let days = to_days(value.date())?;
    let units = rounded(nanoseconds(value.time()), unit);
    if units * unit >= NANOSECONDS_PER_DAY {
        return Some((days + 1, 0));
    }
    Some((days, units))
}

pub(super) fn from_datetime2(days: u32, units: u64, scale: u8) -> Option<PrimitiveDateTime> {
    let time = time_of(units.checked_mul(unit(scale)?)?)?;
    Some(PrimitiveDateTime::new(from_days(days)?, time))
}

/// The nanoseconds in a unit of that scale.
fn unit(scale: u8) -> Option<u64> {
    let digits = 9_u32.checked_sub(u32::from(scale)).filter(|_| scale <= 7)?;
    Some(10_u64.pow(digits))
}

/// The UTC time of a local one that is so many minutes ahead.
pub(super) fn to_utc(local: PrimitiveDateTime, minutes: i16) -> Option<PrimitiveDateTime> {
    local.checked_sub(Duration::minutes(minutes.into()))
}

/// The local time, so many minutes ahead of UTC.
pub(super) fn from_utc(utc: PrimitiveDateTime, minutes: i16) -> Option<PrimitiveDateTime> {
    utc.checked_add(Duration::minutes(minutes.into()))
}

/// How many bytes the time of a `datetime2` takes.
pub(super) const fn time_length(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

/// The days and minutes of a `smalldatetime`.
pub(super) fn to_smalldatetime(value: PrimitiveDateTime) -> Option<(u16, u16)> {
    let days = u16::try_from(value.date().to_julian_day() - YEAR_1900).ok()?;
    let minutes = u16::from(value.hour()) * 60 + u16::from(value.minute());
    Some((days, minutes))
}

/// The `smalldatetime` of these days and minutes.
pub(super) fn from_smalldatetime(days: u16, minutes: u16) -> Option<PrimitiveDateTime> {
    let start = Date::from_calendar_date(1900, Month::January, 1).ok()?;
    let date = start.checked_add(Duration::days(i64::from(days)))?;
    let time = time_of(u64::from(minutes) * 60_000_000_000)?;
    Some(PrimitiveDateTime::new(date, time))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn datetime_counts_from_1900_in_three_hundredths_of_a_second() {
        for (value, days, ticks) in [
            (datetime!(1900-01-01 00:00), 0, 0),
            (datetime!(1753-01-01 00:00), -53_690, 0),
            (datetime!(2024-02-29 12:00:00.003), 45_349, 12_960_001),
            (datetime!(1999-12-31 23:59:59.997), 36_523, 25_919_999),
            (datetime!(1999-12-31 23:59:59.999), 36_524, 0),
        ] {
            assert_eq!(to_datetime(value), Some((days, ticks)), "{value}");
        }
        assert_eq!(to_datetime(datetime!(1752-12-31 00:00)), None);
        assert_eq!(
            from_datetime(45_349, 12_960_001),
            Some(datetime!(2024-02-29 12:00:00.003333333))
        );
        assert_eq!(from_datetime(i32::MAX, 0), None);
        assert_eq!(from_datetime(0, u32::MAX), None);
    }

    #[test]
    fn datetime2_counts_from_the_year_1_in_its_own_scale() {
        let value = datetime!(2024-02-29 01:02:03.123456789);
        assert_eq!(to_datetime2(value, 7), Some((738_944, 37_231_234_568)));
        assert_eq!(to_datetime2(value, 0), Some((738_944, 3723)));
        assert_eq!(to_datetime2(datetime!(0001-01-01 00:00), 3), Some((0, 0)));
        assert_eq!(
            to_datetime2(datetime!(2024-02-29 23:59:59.9999), 3),
            Some((738_945, 0))
        );
        assert_eq!(to_datetime2(value, 8), None);
        for scale in 0..=7 {
            let (days, units) = to_datetime2(value, scale).unwrap();
            let back = from_datetime2(days, units, scale).unwrap();
            assert!((back - value).abs() <= time::Duration::seconds(1));
        }
        assert_eq!(from_datetime2(u32::MAX, 0, 7), None);
        assert_eq!(from_datetime2(0, u64::MAX, 7), None);
    }
}
