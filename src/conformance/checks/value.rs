//! Values of every type arrive as what they are. What `time`, `datetimeoffset`, `money` and spatial
//! types become is each transport's own matter: no operation reads them.

use time::macros::datetime;

use crate::conformance::check::{Check, Outcome, check, expect};
use crate::conformance::scene::{Scene, plainly, short};
use crate::transport::SqlValue;

pub(super) const CHECKS: &[Check] = &[
    check!("value/whole-numbers", whole_numbers),
    check!("value/floats", floats),
    check!("value/decimals", decimals),
    check!("value/texts", texts),
    check!("value/unicode", unicode),
    check!("value/bytes", bytes),
    check!("value/guids", guids),
    check!("value/times", times),
    check!("value/variants", variants),
    check!("value/nulls", nulls),
    check!("value/long-texts", long_texts),
    check!("value/long-bytes", long_bytes),
];

/// Selects all the expressions in one row and looks at each.
async fn expect_values(scene: &Scene, cases: &[(&str, SqlValue)]) -> Outcome {
    let mut client = scene.client().await?;
    let expressions: Vec<&str> = cases.iter().map(|(expression, _)| *expression).collect();
    let text = format!("SELECT {}", expressions.join(", "));
    let rows = client.rows(&text).await?;
    expect(
        matches!(&rows[..], [row] if row.len() == cases.len()),
        format!("a row of {} values", cases.len()),
        || format!("{rows:?}"),
    )?;
    for ((expression, expected), seen) in cases.iter().zip(rows.iter().flatten()) {
        expect(
            same(expected, seen),
            format!("{} from {}", plainly(expected), short(expression)),
            || plainly(seen),
        )?;
    }
    Ok(())
}

/// Decimals are the same number whatever their scale.
fn same(expected: &SqlValue, seen: &SqlValue) -> bool {
    match (expected, seen) {
        (
            SqlValue::Decimal {
                unscaled: a,
                scale: x,
            },
            SqlValue::Decimal {
                unscaled: b,
                scale: y,
            },
        ) => {
            let at = |unscaled: i128, scale: u8, other: u8| {
                10_i128
                    .checked_pow(other.saturating_sub(scale).into())
                    .and_then(|factor| unscaled.checked_mul(factor))
            };
            at(*a, *x, *y) == at(*b, *y, *x)
        }
        _ => expected == seen,
    }
}

fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

async fn whole_numbers(scene: &Scene) -> Outcome {
    let cases = [
        ("CAST(1 AS bit)", SqlValue::Bit(true)),
        ("CAST(0 AS bit)", SqlValue::Bit(false)),
        ("CAST(0 AS tinyint)", SqlValue::Int(0)),
        ("CAST(255 AS tinyint)", SqlValue::Int(255)),
        ("CAST(-32768 AS smallint)", SqlValue::Int(-32_768)),
        ("CAST(32767 AS smallint)", SqlValue::Int(32_767)),
        ("CAST(-2147483648 AS int)", SqlValue::Int(-2_147_483_648)),
        ("CAST(2147483647 AS int)", SqlValue::Int(2_147_483_647)),
        (
            "CAST(-9223372036854775808 AS bigint)",
            SqlValue::Int(i64::MIN),
        ),
        (
            "CAST(9223372036854775807 AS bigint)",
            SqlValue::Int(i64::MAX),
        ),
    ];
    expect_values(scene, &cases).await
}

async fn floats(scene: &Scene) -> Outcome {
    let cases = [
        ("CAST(1.5 AS real)", SqlValue::Float(1.5)),
        ("CAST(-0.25 AS real)", SqlValue::Float(-0.25)),
        ("CAST(1E300 AS float)", SqlValue::Float(1e300)),
        ("CAST(-1.25E-300 AS float)", SqlValue::Float(-1.25e-300)),
        ("CAST(0 AS float)", SqlValue::Float(0.0)),
    ];
    expect_values(scene, &cases).await
}

async fn decimals(scene: &Scene) -> Outcome {
    let decimal = |unscaled, scale| SqlValue::Decimal { unscaled, scale };
    let cases = [
        ("CAST(0 AS decimal(1, 0))", decimal(0, 0)),
        ("CAST(-12345.678 AS decimal(9, 3))", decimal(-12_345_678, 3)),
        (
            "CAST(1234567890123456.789 AS numeric(19, 3))",
            decimal(1_234_567_890_123_456_789, 3),
        ),
        (
            "CAST(-12345678901234567.8901234567 AS decimal(28, 10))",
            decimal(-123_456_789_012_345_678_901_234_567, 10),
        ),
        (
            "CAST(99999999999999999999999999999999999999 AS decimal(38, 0))",
            decimal(99_999_999_999_999_999_999_999_999_999_999_999_999, 0),
        ),
    ];
    expect_values(scene, &cases).await
}

async fn texts(scene: &Scene) -> Outcome {
    let cases = [
        ("CAST('ab' AS char(4))", text("ab  ")),
        ("CAST('ab' AS varchar(4))", text("ab")),
        ("CAST(N'ab' AS nchar(4))", text("ab  ")),
        ("CAST(N'ab' AS nvarchar(4))", text("ab")),
        ("CAST('ab' AS varchar(max))", text("ab")),
        ("CAST(N'ab' AS nvarchar(max))", text("ab")),
        ("CAST('' AS varchar(4))", text("")),
        ("CAST(N'' AS nvarchar(max))", text("")),
        ("CAST(N' x ' AS nvarchar(4))", text(" x ")),
        ("N'it''s'", text("it's")),
    ];
    expect_values(scene, &cases).await
}

async fn unicode(scene: &Scene) -> Outcome {
    // A letter with a mark of its own, one outside the basic plane, Hebrew, Chinese, a line end.
    let words = "e\u{301}\u{1f600}\u{5d0}\u{6f22}\r\n\u{0}z";
    let literal = "N'e\u{301}\u{1f600}\u{5d0}\u{6f22}' + NCHAR(13) + NCHAR(10) + NCHAR(0) + N'z'";
    let long = format!("CAST({literal} AS nvarchar(max))");
    let cases = [(literal, text(words)), (&long, text(words))];
    expect_values(scene, &cases).await
}

async fn bytes(scene: &Scene) -> Outcome {
    let bytes = |value: &[u8]| SqlValue::Bytes(value.to_vec());
    let cases = [
        ("CAST(0x00FF AS binary(4))", bytes(&[0, 0xFF, 0, 0])),
        ("CAST(0x00FF AS varbinary(4))", bytes(&[0, 0xFF])),
        ("CAST(0x00FF AS varbinary(max))", bytes(&[0, 0xFF])),
        ("CAST(0x AS varbinary(4))", bytes(&[])),
        ("CAST(0x AS varbinary(max))", bytes(&[])),
    ];
    expect_values(scene, &cases).await
}

async fn guids(scene: &Scene) -> Outcome {
    let guid = [
        0xFF, 0x19, 0x96, 0x6F, 0x86, 0x8B, 0x11, 0xD0, 0xB4, 0x2D, 0x00, 0xC0, 0x4F, 0xC9, 0x64,
        0xFF,
    ];
    let cases = [(
        "CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)",
        SqlValue::Guid(guid),
    )];
    expect_values(scene, &cases).await
}

async fn times(scene: &Scene) -> Outcome {
    let cases = [
        (
            "CAST('2025-12-11T01:02:03.003' AS datetime)",
            SqlValue::DateTime(datetime!(2025-12-11 01:02:03.003)),
        ),
        (
            "CAST('1753-01-01T00:00:00' AS datetime)",
            SqlValue::DateTime(datetime!(1753-01-01 00:00)),
        ),
        (
            "CAST('2025-12-11T01:02:03.1234567' AS datetime2(7))",
            SqlValue::DateTime(datetime!(2025-12-11 01:02:03.123_456_7)),
        ),
        (
            "CAST('0001-01-01T00:00:00' AS datetime2(0))",
            SqlValue::DateTime(datetime!(0001-01-01 00:00)),
        ),
        (
            "CAST('9999-12-31T23:59:59.9999999' AS datetime2(7))",
            SqlValue::DateTime(datetime!(9999-12-31 23:59:59.999_999_9)),
        ),
        (
            "CAST('2024-02-29' AS date)",
            SqlValue::DateTime(datetime!(2024-02-29 00:00)),
        ),
        (
            "CAST('2024-02-29T12:34:00' AS smalldatetime)",
            SqlValue::DateTime(datetime!(2024-02-29 12:34)),
        ),
    ];
    expect_values(scene, &cases).await
}

async fn variants(scene: &Scene) -> Outcome {
    let cases = [
        ("CAST(CAST(7 AS int) AS sql_variant)", SqlValue::Int(7)),
        ("CAST(N'v\u{fc}' AS sql_variant)", text("v\u{fc}")),
        (
            "CAST(0x01FF AS sql_variant)",
            SqlValue::Bytes(vec![1, 0xFF]),
        ),
        ("CAST(NULL AS sql_variant)", SqlValue::Null),
    ];
    expect_values(scene, &cases).await
}

async fn nulls(scene: &Scene) -> Outcome {
    const TYPES: &[&str] = &[
        "bit",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "real",
        "float",
        "decimal(38, 10)",
        "char(3)",
        "varchar(3)",
        "varchar(max)",
        "nchar(3)",
        "nvarchar(3)",
        "nvarchar(max)",
        "binary(3)",
        "varbinary(3)",
        "varbinary(max)",
        "uniqueidentifier",
        "datetime",
        "smalldatetime",
        "datetime2(7)",
        "date",
    ];
    let expressions: Vec<String> = TYPES
        .iter()
        .map(|kind| format!("CAST(NULL AS {kind})"))
        .collect();
    let cases: Vec<(&str, SqlValue)> = expressions
        .iter()
        .map(|expression| (expression.as_str(), SqlValue::Null))
        .collect();
    expect_values(scene, &cases).await
}

const LENGTH: usize = 1 << 20;

async fn long_texts(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let text = "DECLARE @t nvarchar(max) = N'0123456789abcd\u{fc}\u{6f22}'; \
                WHILE LEN(@t) < 1048576 SET @t = @t + @t; SELECT @t";
    let expected = SqlValue::Text("0123456789abcd\u{fc}\u{6f22}".repeat(LENGTH / 16));
    client.expect_value(text, &expected).await
}

async fn long_bytes(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let text = "DECLARE @b varbinary(max) = 0x000102030405060708090A0B0C0D0E0F; \
                WHILE DATALENGTH(@b) < 1048576 SET @b = @b + @b; SELECT @b";
    let expected = SqlValue::Bytes((0..16).collect::<Vec<u8>>().repeat(LENGTH / 16));
    client.expect_value(text, &expected).await
}
