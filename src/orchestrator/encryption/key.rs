//! The symmetric key of the database, by its identifier.

use crate::error::{Error, Result};
use crate::names::KeyName;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// The key as the catalog has it, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SymmetricKey(Option<Vec<u8>>);

impl SymmetricKey {
    /// Reads it in a session that is in the database, of a login that sees its keys.
    pub(super) async fn read(
        connection: &mut Connection<'_>,
        name: Option<&KeyName>,
    ) -> Result<Self> {
        let name = name.ok_or_else(|| Error::invalid("symmetric_key", "it has no name"))?;
        let question = Statement::new(
            "SELECT CONVERT(varbinary(16), key_guid) AS key_guid FROM sys.symmetric_keys WHERE name = ",
        )
        .literal(name.as_str());
        let answer = connection.look(question.batch()).await?;
        let row = answer.rows(0).next();
        let bytes = row.map(|row| row.bytes_or_null("key_guid")).transpose()?;
        Ok(Self(bytes.flatten().map(<[u8]>::to_vec)))
    }

    /// Its identifier, as it stands in what is encrypted under it.
    pub(super) fn guid(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    /// The same, in hexadecimal.
    pub(super) fn shown(&self) -> Option<String> {
        self.guid().map(hex::encode)
    }
}
