//! Tokens: what replies are made of.

use crate::simulator::Version;
use crate::simulator::output::TransactionChange;
use crate::simulator::tds::column::{COLLATION, put_type};
use crate::simulator::tds::dialect::Dialect;
use crate::simulator::tds::long_text;
use crate::simulator::tds::value::{Mismatch, put_value};
use crate::simulator::tds::version::TdsVersion;
use crate::simulator::wire_type::{Origin, WireColumn, WireType};
use crate::transport::{SqlMessage, SqlValue};

const RETURN_STATUS: u8 = 0x79;
const COLUMN_METADATA: u8 = 0x81;
const ERROR: u8 = 0xAA;
const INFO: u8 = 0xAB;
const RETURN_VALUE: u8 = 0xAC;
const LOGIN_ACK: u8 = 0xAD;
const FEATURE_EXT_ACK: u8 = 0xAE;
const ROW: u8 = 0xD1;
const ENV_CHANGE: u8 = 0xE3;

/// The longest text of a message, in UTF-16 units: far beyond any server's own, and its token's
/// length still fits.
const LONGEST_MESSAGE: usize = 8000;
const LONGEST_NAME: usize = 128;
/// MS-TDS has room for 1024 characters of a server's name.
const LONGEST_HOST: usize = 1024;
const NULLABLE: u16 = 1;

/// Which DONE token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoneKind {
    Statement = 0xFD,
    Procedure = 0xFE,
    InProcedure = 0xFF,
}

/// More tokens follow the one that has this status.
pub(super) const DONE_MORE: u16 = 0x01;
pub(super) const DONE_ERROR: u16 = 0x02;
/// What came before is to be thrown away; the connection ends.
pub(super) const DONE_SERVER_ERROR: u16 = 0x100;
const DONE_COUNT: u16 = 0x10;
/// Acknowledges an attention.
pub(super) const DONE_ATTENTION: u16 = 0x20;

pub(super) fn put_done(
    out: &mut Vec<u8>,
    kind: DoneKind,
    status: u16,
    command: u16,
    rows: Option<u64>,
    version: TdsVersion,
) {
    let count = if rows.is_some() { DONE_COUNT } else { 0 };
    out.push(kind as u8);
    out.extend((status | count).to_le_bytes());
    out.extend(command.to_le_bytes());
    let rows = rows.unwrap_or(0);
    if version >= TdsVersion::V7_2 {
        out.extend(rows.to_le_bytes());
    } else {
        out.extend(u32::try_from(rows).unwrap_or(u32::MAX).to_le_bytes());
    }
}

/// Writes INFO or ERROR, by the message's class.
pub(super) fn put_message(
    out: &mut Vec<u8>,
    message: &SqlMessage,
    server: &str,
    version: TdsVersion,
) {
    out.push(if message.is_error() { ERROR } else { INFO });
    put_sized(out, |out| {
        out.extend(message.number.to_le_bytes());
        out.extend([message.state, message.class]);
        let text = utf16(&message.text, LONGEST_MESSAGE);
        out.extend(low_16(text.len() / 2).to_le_bytes());
        out.extend(text);
        put_short_text(out, server);
        put_short_text(out, &message.procedure);
        if version >= TdsVersion::V7_2 {
            out.extend(message.line.to_le_bytes());
        } else {
            out.extend(
                u16::try_from(message.line)
                    .unwrap_or(u16::MAX)
                    .to_le_bytes(),
            );
        }
    });
}

/// Writes ENVCHANGE for a change of text: database, language or packet size.
pub(super) fn put_text_change(out: &mut Vec<u8>, change: TextChange, new: &str, old: &str) {
    out.push(ENV_CHANGE);
    put_sized(out, |out| {
        out.push(change as u8);
        put_short_text(out, new);
        put_short_text(out, old);
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextChange {
    Database = 1,
    Language = 2,
    PacketSize = 4,
}

pub(super) fn put_collation(out: &mut Vec<u8>) {
    out.push(ENV_CHANGE);
    put_sized(out, |out| {
        out.extend([7, 5]);
        out.extend(COLLATION);
        out.push(0);
    });
}

/// Writes ENVCHANGE for a session that was reset, which clients before TDS 7.2 are not told.
pub(super) fn put_reset(out: &mut Vec<u8>, version: TdsVersion) {
    const RESET_DONE: u8 = 18;
    if version < TdsVersion::V7_2 {
        return;
    }
    out.push(ENV_CHANGE);
    put_sized(out, |out| out.extend([RESET_DONE, 0, 0]));
}

/// Writes ENVCHANGE for a server where the client is to sign in instead, over TCP.
pub(super) fn put_routing(out: &mut Vec<u8>, host: &str, port: u16) {
    const ROUTING: u8 = 20;
    const TCP: u8 = 0;
    out.push(ENV_CHANGE);
    put_sized(out, |out| {
        out.push(ROUTING);
        put_sized(out, |out| {
            out.push(TCP);
            out.extend(port.to_le_bytes());
            let host = utf16(host, LONGEST_HOST);
            out.extend(low_16(host.len() / 2).to_le_bytes());
            out.extend(host);
        });
        out.extend([0, 0]);
    });
}

/// Writes ENVCHANGE for a transaction. Its descriptor tells it apart from earlier ones; before TDS 7.2
/// there was none, and nothing is told.
pub(super) fn put_transaction(
    out: &mut Vec<u8>,
    change: TransactionChange,
    descriptor: u64,
    version: TdsVersion,
) {
    if version < TdsVersion::V7_2 {
        return;
    }
    out.push(ENV_CHANGE);
    put_sized(out, |out| {
        let (change, new, old) = match change {
            TransactionChange::Begun => (8, Some(descriptor), None),
            TransactionChange::Committed => (9, None, Some(descriptor)),
            TransactionChange::RolledBack => (10, None, Some(descriptor)),
        };
        out.push(change);
        for descriptor in [new, old] {
            match descriptor {
                Some(descriptor) => {
                    out.push(8);
                    out.extend(descriptor.to_le_bytes());
                }
                None => out.push(0),
            }
        }
    });
}

/// Writes LOGINACK with the TDS version that both sides speak: clients take a newer one than
/// their own for a mistake.
pub(super) fn put_login_ack(out: &mut Vec<u8>, tds_version: u32, version: Version) {
    const T_SQL: u8 = 1;
    let (major, minor, build, _) = version.product();
    out.push(LOGIN_ACK);
    put_sized(out, |out| {
        out.push(T_SQL);
        out.extend(tds_version.to_be_bytes());
        put_short_text(out, "Microsoft SQL Server\0\0");
        out.extend([major, minor]);
        out.extend(build.to_be_bytes());
    });
}

/// Writes FEATUREEXTACK with the features that are granted.
pub(super) fn put_feature_ack(out: &mut Vec<u8>, granted: &[(u8, &[u8])]) {
    out.push(FEATURE_EXT_ACK);
    for (feature, data) in granted {
        out.push(*feature);
        out.extend(u32::from(low_16(data.len())).to_le_bytes());
        out.extend(*data);
    }
    out.push(0xFF);
}

/// Writes COLMETADATA. Clients read a nullable type wrongly whose column doesn't tell that it is.
pub(super) fn put_columns(out: &mut Vec<u8>, columns: &[WireColumn], dialect: Dialect) {
    out.push(COLUMN_METADATA);
    out.extend(low_16(columns.len()).to_le_bytes());
    for column in columns {
        put_user_type(out, dialect.version);
        let flags = if dialect.tells_nullable {
            flags(column)
        } else {
            0
        };
        out.extend(flags.to_le_bytes());
        match long_text::of(column.kind, dialect.version) {
            Some(old) => old.put_type(out),
            None => put_type(out, column.kind, column.nullable),
        }
        put_short_text(out, &column.name);
    }
}

/// No type here is one of a user's own.
fn put_user_type(out: &mut Vec<u8>, version: TdsVersion) {
    out.extend([0; 2]);
    if version >= TdsVersion::V7_2 {
        out.extend([0; 2]);
    }
}

/// The flags of a column. Whether one of a table can be written is never said: 2 in the two bits
/// for it, as captured.
const fn flags(column: &WireColumn) -> u16 {
    let nullable = if column.nullable { NULLABLE } else { 0 };
    nullable
        | match column.origin {
            Origin::Statement => 0,
            Origin::Stored => 0x08,
            Origin::Identity => 0x10,
            Origin::Computed => 0x20,
        }
}

/// Writes a row. After an error nothing of it is left in `out`.
pub(super) fn put_row(
    out: &mut Vec<u8>,
    columns: &[WireColumn],
    row: &[SqlValue],
    version: TdsVersion,
) -> Result<(), RowError> {
    if row.len() != columns.len() {
        return Err(RowError::Width {
            columns: columns.len(),
            values: row.len(),
        });
    }
    let start = out.len();
    out.push(ROW);
    for (column, value) in columns.iter().zip(row) {
        let written = match long_text::of(column.kind, version) {
            Some(old) => old.put_value(out, column.kind, value),
            None => put_value(out, column.kind, column.nullable, value),
        };
        if let Err(mismatch) = written {
            out.truncate(start);
            return Err(RowError::Value {
                column: column.name.clone(),
                mismatch,
            });
        }
    }
    Ok(())
}

/// A row that can't be sent: a fault of the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowError {
    #[error("a row of {values} values stands in a result set of {columns} columns")]
    Width { columns: usize, values: usize },
    #[error("column {column:?}: {mismatch}")]
    Value { column: String, mismatch: Mismatch },
}

pub(super) fn put_return_status(out: &mut Vec<u8>, status: i32) {
    out.push(RETURN_STATUS);
    out.extend(status.to_le_bytes());
}

/// Writes the value of an OUTPUT parameter.
pub(super) fn put_return_value(
    out: &mut Vec<u8>,
    ordinal: u16,
    name: &str,
    kind: WireType,
    value: &SqlValue,
    version: TdsVersion,
) -> Result<(), Mismatch> {
    const OUTPUT_PARAMETER: u8 = 1;
    let mut token = vec![RETURN_VALUE];
    token.extend(ordinal.to_le_bytes());
    put_short_text(&mut token, name);
    token.push(OUTPUT_PARAMETER);
    put_user_type(&mut token, version);
    token.extend(NULLABLE.to_le_bytes());
    put_type(&mut token, kind, true);
    put_value(&mut token, kind, true, value)?;
    out.extend(token);
    Ok(())
}

/// Writes a length of two bytes and what `write` writes.
fn put_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    out.extend(low_16(body.len()).to_le_bytes());
    out.extend(body);
}

/// `B_VARCHAR`.
fn put_short_text(out: &mut Vec<u8>, text: &str) {
    let text = utf16(text, LONGEST_NAME);
    out.push(u8::try_from(text.len() / 2).unwrap_or(u8::MAX));
    out.extend(text);
}

/// At most that many units of UTF-16, as bytes.
fn utf16(text: &str, units: usize) -> Vec<u8> {
    text.encode_utf16()
        .take(units)
        .flat_map(u16::to_le_bytes)
        .collect()
}

/// The lengths here are bounded by what they measure.
fn low_16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::server_error::message;
    use crate::simulator::tds::version::TdsVersion::{V7_1, V7_4};

    const fn dialect(version: TdsVersion) -> Dialect {
        Dialect {
            version,
            tells_nullable: true,
        }
    }

    #[test]
    fn clients_of_sql_server_2000_get_shorter_numbers_and_long_values_as_ntext() {
        let columns = [
            WireColumn::new("t", WireType::NVarChar(None)),
            WireColumn::new("b", WireType::VarBinary(None)),
        ];
        assert_eq!(
            written(|out| put_columns(out, &columns, dialect(V7_1))),
            "810200 0000 0100 63 feffff7f 0904d00034 0000 017400 0000 0100 22 ffffff7f 0000 016200"
                .replace(' ', "")
        );
        let pointer = "10 00000000000000000000000000000000 0000000000000000";
        let row = [SqlValue::Text("ä".to_owned()), SqlValue::Null];
        assert_eq!(
            written(|out| put_row(out, &columns, &row, V7_1).unwrap()),
            format!("d1 {pointer} 02000000 e400 00").replace(' ', "")
        );
        let wrong = [SqlValue::Int(1), SqlValue::Null];
        assert!(put_row(&mut Vec::new(), &columns, &wrong, V7_1).is_err());
        assert_eq!(
            written(|out| put_done(out, DoneKind::Statement, 0, 193, Some(2), V7_1)),
            "fd1000c10002000000"
        );
        assert!(
            written(|out| put_message(out, &message(208, 16, 1, "x"), "", V7_1))
                .ends_with("0000 0100".replace(' ', "").as_str())
        );
        let value = written(|out| {
            put_return_value(out, 1, "@n", WireType::Int, &SqlValue::Int(7), V7_1).unwrap();
        });
        assert_eq!(
            value,
            "ac0100 02 40006e00 01 0000 0100 2604 0407000000".replace(' ', "")
        );
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        hex::encode(out)
    }

    #[test]
    fn messages_are_info_or_error_by_their_class() {
        let mut info = message(5701, 0, 2, "x");
        info.procedure = "p".to_owned();
        assert_eq!(
            written(|out| put_message(out, &info, "S", V7_4)),
            "ab1400 45160000 02 00 0100 7800 01 5300 01 7000 01000000".replace(' ', "")
        );
        let error = message(18456, 14, 1, "");
        assert!(written(|out| put_message(out, &error, "", V7_4)).starts_with("aa"));
    }

    #[test]
    fn long_messages_are_cut_and_their_length_is_right() {
        let mut out = Vec::new();
        let long = message(50_000, 16, 1, "x".repeat(100_000));
        put_message(&mut out, &long, "S", V7_4);
        let length = usize::from(u16::from_le_bytes([out[1], out[2]]));
        assert_eq!(length + 3, out.len());
    }

    #[test]
    fn changes_have_new_and_old() {
        assert_eq!(
            written(|out| put_text_change(out, TextChange::Database, "a", "bc")),
            "e30900 01 01 6100 02 62006300".replace(' ', "")
        );
        assert_eq!(written(put_collation), "e3080007050904d0003400");
        assert_eq!(written(|out| put_reset(out, V7_4)), "e30300120000");
        assert_eq!(
            written(|out| put_routing(out, "ab", 1434)),
            "e30e00 14 0900 00 9a05 0200 61006200 0000".replace(' ', "")
        );
        let long = written(|out| put_routing(out, &"x".repeat(70_000), 1));
        assert_eq!(long.len() / 2, 3 + 1 + 2 + 5 + 2048 + 2);
        assert_eq!(
            written(|out| put_transaction(out, TransactionChange::Begun, 1, V7_4)),
            "e30b0008 08 0100000000000000 00".replace(' ', "")
        );
        assert_eq!(
            written(|out| put_transaction(out, TransactionChange::RolledBack, 1, V7_4)),
            "e30b000a 00 08 0100000000000000".replace(' ', "")
        );
    }

    #[test]
    fn the_acknowledgement_of_a_login_has_its_version_big_endian() {
        let ack = written(|out| put_login_ack(out, 0x7400_0004, Version::Sql2022));
        assert!(ack.starts_with("ad3600017400000416"), "{ack}");
        assert!(
            ack.ends_with("00000000 1000108c".replace(' ', "").as_str()),
            "{ack}"
        );
        assert_eq!(
            written(|out| put_feature_ack(out, &[(0x0A, &[1])])),
            "ae0a0100000001ff"
        );
    }

    #[test]
    fn rows_follow_their_columns() {
        let columns = [
            WireColumn::new("n", WireType::Int),
            WireColumn {
                name: "b".to_owned(),
                kind: WireType::TinyInt,
                nullable: false,
                origin: Origin::Identity,
            },
        ];
        assert_eq!(
            written(|out| put_columns(out, &columns, dialect(V7_4))),
            "810200 00000000 0100 2604 016e00 00000000 1000 30 016200".replace(' ', "")
        );
        let mut out = vec![7];
        put_row(
            &mut out,
            &columns,
            &[SqlValue::Null, SqlValue::Int(5)],
            V7_4,
        )
        .unwrap();
        assert_eq!(out, [7, 0xD1, 0, 5]);
        let error = put_row(
            &mut out,
            &columns,
            &[SqlValue::Int(1), SqlValue::Null],
            V7_4,
        )
        .unwrap_err();
        assert!(error.to_string().contains("\"b\""), "{error}");
        assert!(put_row(&mut out, &columns, &[], V7_4).is_err());
        assert_eq!(out.len(), 4);
    }

    #[test]
    fn calls_end_with_values_and_a_status() {
        assert_eq!(written(|out| put_return_status(out, -1)), "79ffffffff");
        let value = written(|out| {
            put_return_value(out, 1, "@n", WireType::Int, &SqlValue::Int(7), V7_4).unwrap();
        });
        assert_eq!(
            value,
            "ac0100 02 40006e00 01 00000000 0100 2604 0407000000".replace(' ', "")
        );
        assert_eq!(
            written(|out| put_done(out, DoneKind::Statement, DONE_MORE, 230, Some(2), V7_4)),
            "fd1100e6000200000000000000"
        );
    }
}
