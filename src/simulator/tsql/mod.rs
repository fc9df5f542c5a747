//! Reads T-SQL: tokens, then statements.

pub(crate) mod ast;
