//! Doors for the fuzz targets.

use crate::secret::Secret;
use crate::sql::statement::Statement;
use crate::transport::SqlBatch;

/// A value on its way into a statement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Part {
    /// An identifier.
    Identifier(String),
    /// A text.
    Literal(String),
    /// A whole number.
    Number(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A secret text.
    Secret(String),
    /// The end of a statement, before another one in the same batch.
    And,
}

/// The batch of these parts, each behind a comma.
#[must_use]
pub fn build(parts: &[Part]) -> SqlBatch {
    let mut batch: Option<Statement> = None;
    for statement in parts.split(|part| matches!(part, Part::And)) {
        let mut built = Statement::new("SELECT ");
        for part in statement {
            built = match part {
                Part::Identifier(name) => built.identifier(name),
                Part::Literal(value) => built.literal(value),
                Part::Number(value) => built.number(*value),
                Part::Bytes(value) => built.bytes(value),
                Part::Secret(value) => built.secret(&Secret::new(value.clone())),
                Part::And => built,
            }
            .text(",");
        }
        batch = Some(match batch {
            Some(batch) => batch.and(&built),
            None => built,
        });
    }
    batch.map_or_else(|| SqlBatch::open(""), Statement::batch)
}
