//! Dates and times.

use time::{Date, Duration, Month, PrimitiveDateTime, Time};

use crate::simulator::wire_type::WireType;

/// Reads the forms that do not depend on a language: `2026-03-09`, `20260309`,
/// `2026-03-09 13:04:05.678`, `2026-03-09T13:04:05`.
pub(crate) fn parse_date_time(text: &str) -> Option<PrimitiveDateTime> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    if !date.is_ascii() || !time.is_ascii() {
        return None;
    }
    if date.contains(':') {
        // A time alone is a time on the first day.
        return Some(PrimitiveDateTime::new(first_day()?, parse_time(text)?));
    }
    let digits: Vec<&str> = date.split(['-', '/']).collect();
    let (year, month, day) = match digits.as_slice() {
        [whole] if whole.len() == 8 => (&whole[..4], &whole[4..6], &whole[6..]),
        [year, month, day] if year.len() == 4 => (*year, *month, *day),
        _ => return None,
    };
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    Some(PrimitiveDateTime::new(date, parse_time(time.trim())?))
}

/// Reads a date and time with its distance from UTC, in minutes: `2026-03-09 13:04:05 +02:00`.
pub(crate) fn parse_date_time_offset(text: &str) -> Option<(PrimitiveDateTime, i16)> {
    let text = text.trim();
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, clock) = match offset.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) || hours * 60 + minutes > 14 * 60 {
        return None;
    }
    // A date alone ends in six characters that are none.
    let local = local.trim_end();
    local.contains(':').then_some(())?;
    Some((parse_date_time(local)?, sign * (hours * 60 + minutes)))
}

/// As SQL Server shows it.
pub(crate) fn date_time_offset_text(local: PrimitiveDateTime, minutes: i16, digits: u8) -> String {
    let (year, month, day) = local.to_calendar_date();
    let (hour, minute, second, nanosecond) = local.as_hms_nano();
    let fraction = format!("{nanosecond:09}");
    let fraction = fraction
        .get(..usize::from(digits.min(7)))
        .unwrap_or_default();
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if minutes < 0 { '-' } else { '+' };
    let (away_hours, away_minutes) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
    format!(
        "{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}{point}{fraction} \
         {sign}{away_hours:02}:{away_minutes:02}",
        u8::from(month)
    )
}

fn first_day() -> Option<Date> {
    Date::from_calendar_date(1900, Month::January, 1).ok()
}

fn parse_time(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::MIDNIGHT);
    }
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = clock.split(':').collect();
    let number = |at: usize| {
        parts
            .get(at)
            .map_or(Some(0), |part| part.parse::<u8>().ok())
    };
    if !(2..=3).contains(&parts.len()) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Time::from_hms_nano(number(0)?, number(1)?, number(2)?, nanoseconds).ok()
}

/// A date and time as its type holds it: datetime in three-hundredths of a second.
pub(crate) fn round_to(value: PrimitiveDateTime, kind: WireType) -> PrimitiveDateTime {
    let nanoseconds = i64::from(value.nanosecond());
    let unit = match kind {
        WireType::Date => return value.replace_time(Time::MIDNIGHT),
        WireType::SmallDateTime => {
            // To the nearest minute.
            let into =
                Duration::seconds(value.second().into()) + Duration::nanoseconds(nanoseconds);
            let up = if into >= Duration::seconds(30) { 60 } else { 0 };
            return (value - into)
                .checked_add(Duration::seconds(up))
                .unwrap_or(value);
        }
        WireType::Time(digits) => {
            let rounded = round_to(value, WireType::DateTime2(digits));
            return first_day().map_or(rounded, |day| rounded.replace_date(day));
        }
        WireType::DateTime => {
            let ticks = (nanoseconds * 3 + 5_000_000) / 10_000_000;
            // Ticks show as .000, .003 and .007.
            let milliseconds = (ticks * 10 + 1) / 3;
            return value
                .checked_add(Duration::nanoseconds(
                    milliseconds * 1_000_000 - nanoseconds,
                ))
                .unwrap_or(value);
        }
        WireType::DateTime2(digits) => 10_i64.pow(9 - u32::from(digits.min(7))),
        _ => return value,
    };
    let rounded = (nanoseconds + unit / 2) / unit * unit;
    value
        .checked_add(Duration::nanoseconds(rounded - nanoseconds))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn distances_from_utc_come_back() {
        let text = "2026-03-09 13:04:05.5000000 -03:30";
        let (local, minutes) = parse_date_time_offset(text).unwrap();
        assert_eq!((local, minutes), (datetime!(2026-03-09 13:04:05.5), -210));
        assert_eq!(date_time_offset_text(local, minutes, 7), text);
        assert_eq!(
            date_time_offset_text(local, 60, 0),
            "2026-03-09 13:04:05 +01:00"
        );
        for bad in [
            "",
            "2026-03-09",
            "2026-03-09 13:04",
            "13:04:05 +15:00",
            "x+01:00",
        ] {
            assert_eq!(parse_date_time_offset(bad), None, "{bad}");
        }
    }

    #[test]
    fn narrow_types_round() {
        let value = datetime!(2026-12-31 23:59:30);
        assert_eq!(
            round_to(value, WireType::SmallDateTime),
            datetime!(2027-01-01 00:00)
        );
        let value = datetime!(2026-12-31 23:59:29.9);
        assert_eq!(
            round_to(value, WireType::SmallDateTime),
            datetime!(2026-12-31 23:59)
        );
        assert_eq!(
            round_to(value, WireType::Time(0)),
            datetime!(1900-01-01 23:59:30)
        );
    }

    #[test]
    fn forms_without_a_language_are_read() {
        for text in [
            "2026-03-09 13:04:05.5",
            "2026-03-09T13:04:05.500",
            "20260309 13:04:05.5",
        ] {
            assert_eq!(
                parse_date_time(text),
                Some(datetime!(2026-03-09 13:04:05.5)),
                "{text}"
            );
        }
        for text in [
            "2026-13-01",
            "",
            "x",
            "2026-02-30",
            "2026-01-01 25:00",
            "é",
            "2026-01-01 é",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }

    #[test]
    fn datetime_counts_in_three_hundredths() {
        for (from, to) in [
            (
                datetime!(2026-01-01 00:00:00.001),
                datetime!(2026-01-01 00:00:00.000),
            ),
            (
                datetime!(2026-01-01 00:00:00.002),
                datetime!(2026-01-01 00:00:00.003),
            ),
            (
                datetime!(2026-01-01 00:00:00.005),
                datetime!(2026-01-01 00:00:00.007),
            ),
            (
                datetime!(2026-01-01 00:00:00.999),
                datetime!(2026-01-01 00:00:01),
            ),
        ] {
            assert_eq!(round_to(from, WireType::DateTime), to);
        }
    }
}
