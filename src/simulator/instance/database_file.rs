//! The files of a database: its primary data file holds everything, its log file only says whose it
//! is.

use rusqlite::Connection;

use super::OpenDatabase;
use crate::simulator::catalog::{Contents, Guid};
use crate::simulator::storage::{EnvelopeError, FileKind, OsError, seal, unseal};

/// Why a database's rows could not be taken from or put into SQLite.
#[derive(Debug, thiserror::Error)]
#[error("the row store failed: {0}")]
pub(crate) struct RowsFailed(#[from] rusqlite::Error);

/// Nothing of a database was lost, but it can't be written: the same as a failing device.
impl From<RowsFailed> for OsError {
    fn from(_: RowsFailed) -> Self {
        Self::Device
    }
}

impl OpenDatabase {
    /// A database with these rows, or with none.
    pub(crate) fn new(contents: Contents, image: Option<&[u8]>) -> Result<Self, RowsFailed> {
        Ok(Self {
            contents,
            rows: open_rows(image)?,
        })
    }

    /// The committed rows, as they go into files.
    pub(crate) fn image(&mut self) -> Result<Vec<u8>, RowsFailed> {
        Ok(self.rows.serialize(c"main")?.to_vec())
    }

    /// Puts all rows back to an earlier image.
    pub(crate) fn restore_image(&mut self, image: &[u8]) -> Result<(), RowsFailed> {
        Ok(self
            .rows
            .deserialize_read_exact(c"main", image, image.len(), false)?)
    }

    /// The primary data file.
    pub(crate) fn data_file(&mut self) -> Result<Vec<u8>, RowsFailed> {
        let image = self.image()?;
        let contents = serde_json::to_vec(&self.contents)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(seal(FileKind::Data, &[&contents, &image]))
    }
}

/// A connection whose rows live in memory. It always starts from an image: SQLite then keeps the
/// committed rows apart from a transaction's, and an image never holds half a transaction.
fn open_rows(image: Option<&[u8]>) -> Result<Connection, RowsFailed> {
    let mut rows = Connection::open_in_memory()?;
    match image {
        Some(image) => rows.deserialize_read_exact(c"main", image, image.len(), false)?,
        None => {
            // The first page comes into being with the first change.
            rows.pragma_update(None, "user_version", 1)?;
            let image = rows.serialize(c"main")?.to_vec();
            rows.deserialize_read_exact(c"main", image.as_slice(), image.len(), false)?;
        }
    }
    Ok(rows)
}

/// Reads a primary data file.
pub(crate) fn open_data_file(bytes: &[u8]) -> Result<OpenDatabase, EnvelopeError> {
    let [contents, image] = unseal(FileKind::Data, bytes)?;
    let contents = serde_json::from_slice(contents).map_err(|_| EnvelopeError::Foreign)?;
    OpenDatabase::new(contents, Some(image)).map_err(|_| EnvelopeError::Damaged)
}

/// The log file of a database of this family.
pub(crate) fn log_file(family: Guid) -> Vec<u8> {
    seal(FileKind::Log, &[&family])
}

/// Whose log file it is.
pub(crate) fn log_family(bytes: &[u8]) -> Result<Guid, EnvelopeError> {
    let [family] = unseal(FileKind::Log, bytes)?;
    family.try_into().map_err(|_| EnvelopeError::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rows: &Connection) -> i64 {
        rows.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn an_image_holds_whole_transactions_only() {
        let contents = super::super::bootstrap::tests::contents();
        let mut database = OpenDatabase::new(contents.clone(), None).unwrap();
        database
            .rows
            .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
            .unwrap();
        let before = database.image().unwrap();
        database
            .rows
            .execute_batch("BEGIN; INSERT INTO t VALUES (2)")
            .unwrap();
        let during = database.image().unwrap();
        assert_eq!(
            count(
                &OpenDatabase::new(contents.clone(), Some(&during))
                    .unwrap()
                    .rows
            ),
            1
        );
        database.rows.execute_batch("COMMIT").unwrap();
        let after = database.data_file().unwrap();
        assert_eq!(count(&open_data_file(&after).unwrap().rows), 2);
        database.restore_image(&before).unwrap();
        assert_eq!(count(&database.rows), 1);
        database
            .rows
            .execute_batch("INSERT INTO t VALUES (2)")
            .unwrap();
    }

    #[test]
    fn a_log_says_whose_it_is() {
        assert_eq!(log_family(&log_file([4; 16])), Ok([4; 16]));
        let contents = super::super::bootstrap::tests::contents();
        let data = OpenDatabase::new(contents, None)
            .unwrap()
            .data_file()
            .unwrap();
        assert_eq!(log_family(&data), Err(EnvelopeError::Foreign));
    }
}
