use super::*;

const TEXT: WireType = WireType::NVarChar(None);

fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

fn number(result: Result<SqlValue>) -> i32 {
    result.unwrap_err().0[0].number
}

#[test]
fn texts_to_numbers() {
    let to = |value: &str, kind| convert(&text(value), &Conversion::new(TEXT, kind));
    assert_eq!(to(" 12 ", WireType::Int).unwrap(), SqlValue::Int(12));
    assert_eq!(number(to("x", WireType::Int)), 245);
    assert_eq!(number(to("99999999999", WireType::Int)), 248);
    let decimal = WireType::Decimal {
        precision: 5,
        scale: 2,
    };
    assert_eq!(
        to("1.005", decimal).unwrap(),
        SqlValue::Decimal {
            unscaled: 101,
            scale: 2
        }
    );
    assert_eq!(number(to("12345", decimal)), 8115);
    assert_eq!(number(to("1,5", decimal)), 8114);
}

#[test]
fn bytes_and_texts_by_style() {
    let bytes = SqlValue::Bytes(vec![0xAB, 0x01]);
    let binary = WireType::VarBinary(None);
    let styled =
        |value: &SqlValue, from, to, style| convert(value, &Conversion::styled(from, to, style));
    assert_eq!(
        styled(&bytes, binary, WireType::VarChar(None), 2).unwrap(),
        text("AB01")
    );
    assert_eq!(
        styled(&bytes, binary, WireType::VarChar(None), 1).unwrap(),
        text("0xAB01")
    );
    assert_eq!(styled(&text("AB01"), TEXT, binary, 2).unwrap(), bytes);
    assert_eq!(number(styled(&text("AB01"), TEXT, binary, 1)), 8114);
    assert_eq!(
        styled(&text("A"), TEXT, binary, 0).unwrap(),
        SqlValue::Bytes(vec![0x41, 0])
    );
    assert_eq!(
        styled(&text("A"), WireType::VarChar(None), binary, 0).unwrap(),
        SqlValue::Bytes(vec![0x41])
    );
}

#[test]
fn cast_cuts_and_insert_refuses() {
    let conversion = Conversion::new(TEXT, WireType::NVarChar(Some(2)));
    assert_eq!(convert(&text("abc"), &conversion).unwrap(), text("ab"));
    assert_eq!(number(fit(&text("abc"), &conversion, "t", "c")), 2628);
}

#[test]
fn negative_bytes() {
    let conversion = Conversion::new(WireType::VarBinary(None), WireType::Int);
    let minus_one = SqlValue::Bytes(vec![0xFF; 4]);
    assert_eq!(convert(&minus_one, &conversion).unwrap(), SqlValue::Int(-1));
}
