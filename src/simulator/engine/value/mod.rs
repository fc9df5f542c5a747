//! Values: how T-SQL compares, converts and computes them.

mod arithmetic;
mod compare;
mod convert;
mod date;
mod text;
mod types;

pub(crate) use arithmetic::{combine, negate};
pub(crate) use compare::{compare, fold, order, row_key};
pub(crate) use convert::{Conversion, convert, fit};
pub(crate) use date::{date_time_offset_text, parse_date_time, parse_date_time_offset, round_to};
pub(crate) use text::{decimal_text, parse_guid, plain_text, to_text};
pub(crate) use types::{common_type, is_text, kind_of, type_name};
