//! Values without a greatest length, for clients from before `nvarchar(max)`: TDS 7.1.

use crate::simulator::tds::code_page;
use crate::simulator::tds::column::COLLATION;
use crate::simulator::tds::value::{Mismatch, binary, text, utf16};
use crate::simulator::tds::version::TdsVersion;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// A type that stands for one that the client doesn't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LongText {
    Image = 0x22,
    Text = 0x23,
    NText = 0x63,
}

/// What stands for a type, if such a client doesn't know it.
pub(super) fn of(kind: WireType, version: TdsVersion) -> Option<LongText> {
    if version >= TdsVersion::V7_2 {
        return None;
    }
    match kind {
        WireType::NVarChar(None) | WireType::Xml => Some(LongText::NText),
        WireType::VarChar(None) => Some(LongText::Text),
        WireType::VarBinary(None) => Some(LongText::Image),
        _ => None,
    }
}

impl LongText {
    /// Writes `TYPE_INFO`, and the name of the table that a column is from, which is not told.
    pub(super) fn put_type(self, out: &mut Vec<u8>) {
        out.push(self as u8);
        let length: i32 = match self {
            Self::NText => i32::MAX - 1,
            Self::Text | Self::Image => i32::MAX,
        };
        out.extend(length.to_le_bytes());
        if self != Self::Image {
            out.extend(COLLATION);
        }
        out.extend([0; 2]);
    }

    /// Writes a value behind a pointer and a moment, which nobody asks for.
    pub(super) fn put_value(
        self,
        out: &mut Vec<u8>,
        kind: WireType,
        value: &SqlValue,
    ) -> Result<(), Mismatch> {
        const POINTER: u8 = 16;
        const MOMENT: usize = 8;
        if value.is_null() {
            out.push(0);
            return Ok(());
        }
        let bytes = match self {
            Self::NText => utf16(value),
            Self::Text => text(value).map(code_page::encode),
            Self::Image => binary(value),
        };
        let length = |bytes: &Vec<u8>| i32::try_from(bytes.len()).ok();
        let (bytes, length) = bytes
            .and_then(|bytes| length(&bytes).map(|length| (bytes, length)))
            .ok_or_else(|| Mismatch::new(kind, value))?;
        out.push(POINTER);
        out.extend([0; POINTER as usize + MOMENT]);
        out.extend(length.to_le_bytes());
        out.extend(bytes);
        Ok(())
    }
}
