//! Reads T-SQL: tokens, then statements.

pub(crate) mod ast;
#[cfg(fuzzing)]
pub mod fuzzing;
mod lexer;
mod parser;
mod token;

pub(crate) use parser::{
    parse_batch, parse_condition, parse_data_type, parse_object_name, parse_parameters,
};
