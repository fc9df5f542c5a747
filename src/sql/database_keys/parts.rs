//! The encrypted parts of texts, cut out of them on the server.

use super::column::EncryptedColumn;
use crate::sql::statement::Statement;

/// A column whose texts have encrypted parts, each between two delimiters.
///
/// The texts are cut at their delimiters, one after the other, by a query that names itself: it asks for
/// no more than SELECT on the table, and SQL Server has known it since 2005. Delimiters are found as
/// they are, whatever the collation: one that takes other letters for the same ones takes texts of other
/// lengths for them too.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) column: &'a EncryptedColumn,
    pub(super) delimiter: &'a str,
    /// How long it is, in UTF-16 units.
    pub(super) units: i64,
}

impl Parts<'_> {
    /// `WITH pieces AS (…)`: of each text what stands before its first delimiter, between two of them and
    /// behind the last one. A piece is *inside* behind an odd number of delimiters.
    ///
    /// `ends` is where the delimiter behind a piece stands: 0 where there is none, and NULL where there is
    /// no text. `has_part`: whether a piece before it was a part.
    fn pieces(&self) -> Statement {
        let next = |statement: Statement| {
            statement
                .text("CHARINDEX(")
                .literal(self.delimiter)
                .text(", whole COLLATE Latin1_General_BIN2")
        };
        let statement = Statement::new("WITH texts AS (SELECT CONVERT(nvarchar(max), ")
            .identifier(self.column.column.as_str())
            .text(") AS whole");
        let statement = self
            .column
            .from(statement)
            .text("), pieces AS (SELECT whole, CONVERT(bigint, 1) AS begins, ");
        let statement = next(statement)
            .text(") AS ends, 0 AS is_inside, 0 AS has_part FROM texts UNION ALL SELECT whole, ends + ")
            .number(self.units)
            .text(", ");
        next(statement).text(", ends + ").number(self.units).text(
            "), 1 - is_inside, CASE WHEN is_inside = 1 AND ends > begins THEN 1 ELSE has_part END \
                 FROM pieces WHERE ends > 0) ",
        )
    }

    /// ` FROM pieces`, as often as there are delimiters.
    fn of_pieces(statement: Statement) -> Statement {
        statement.text(" FROM pieces OPTION (MAXRECURSION 0)")
    }

    /// `without_value`, `stored` and `decrypted`, in a session that has opened the key.
    ///
    /// Nothing between two delimiters is no value. What is behind an unpaired one is a value that does
    /// not decrypt, as is what is not in hexadecimal or longer than ENCRYPTBYKEY makes any.
    pub(super) fn count(&self) -> Statement {
        let statement = self.pieces().text(
            "SELECT COUNT_BIG(CASE WHEN ends IS NULL OR (ends = 0 AND is_inside = 0 AND has_part = 0) \
             THEN 1 END) AS without_value, \
             COUNT_BIG(CASE WHEN is_inside = 1 AND ends <> begins THEN 1 END) AS stored, \
             COUNT_BIG(CASE WHEN is_inside = 1 AND ends > begins THEN \
             DECRYPTBYKEY(TRY_CONVERT(varbinary(8000), SUBSTRING(whole, begins, ends - begins), 2)) END) \
             AS decrypted",
        );
        Self::of_pieces(statement)
    }

    /// `under_key`: the values whose first 16 bytes, which are 32 digits, are `key_guid`.
    pub(super) fn count_under(&self, key_guid: &[u8]) -> Statement {
        let statement = self
            .pieces()
            .text(
                "SELECT COUNT_BIG(CASE WHEN is_inside = 1 AND (ends = 0 OR ends - begins >= 32) \
                 AND TRY_CONVERT(varbinary(16), SUBSTRING(whole, begins, 32), 2) = ",
            )
            .bytes(key_guid)
            .text(" THEN 1 END) AS under_key");
        Self::of_pieces(statement)
    }
}
