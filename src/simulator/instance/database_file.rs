//! The files of a database: its primary data file holds everything, its log file only says whose it
//! is.

use rusqlite::Connection;

use super::{OpenDatabase, State};
use crate::simulator::catalog::{Bytes, Contents, EncryptionKey, Guid, Wrapped};
use crate::simulator::engine::open_encryption_key;
use crate::simulator::keys::{KeyMaterial, Label};
use crate::simulator::server_error::ServerError;
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

/// The opened key of an encrypted database.
#[derive(Debug)]
pub(crate) struct OpenedKey {
    /// Which one it is: another may have taken its place.
    pub(crate) guid: Guid,
    pub(crate) material: KeyMaterial,
}

/// Why a data file could not be read.
#[derive(Debug)]
pub(crate) enum DataFileProblem {
    Content(EnvelopeError),
    /// It is encrypted, and this server can't open its key.
    Locked(ServerError),
}

impl From<EnvelopeError> for DataFileProblem {
    fn from(error: EnvelopeError) -> Self {
        Self::Content(error)
    }
}

/// What can't be written in the clear, and can't be encrypted.
fn unencrypted() -> RowsFailed {
    let problem = std::io::Error::other("the key of an encrypted database is not open");
    RowsFailed(rusqlite::Error::ToSqlConversionFailure(problem.into()))
}

impl OpenDatabase {
    /// A database with these rows, or with none.
    pub(crate) fn new(contents: Contents, image: Option<&[u8]>) -> Result<Self, RowsFailed> {
        Ok(Self {
            contents,
            rows: open_rows(image)?,
            encryption: None,
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

    /// The primary data file: where the database is encrypted, under its key, which stands in front.
    pub(crate) fn data_file(&mut self) -> Result<Vec<u8>, RowsFailed> {
        let image = self.image()?;
        let json_failed =
            |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
        let contents = serde_json::to_vec(&self.contents).map_err(json_failed)?;
        let clear = seal(FileKind::Data, &[&contents, &image]);
        let key = self.contents.encryption_key.as_ref();
        let Some(key) = key.filter(|key| key.is_on) else {
            return Ok(clear);
        };
        let opened = self.encryption.as_ref();
        let opened = opened.filter(|opened| opened.guid == key.guid);
        let encrypted = opened
            .and_then(|opened| opened.material.wrap(Label::DataFile(key.guid), &clear).ok())
            .ok_or_else(unencrypted)?;
        let key = serde_json::to_vec(key).map_err(json_failed)?;
        Ok(seal(FileKind::EncryptedData, &[&key, &encrypted.0.0]))
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

impl State {
    /// Reads a primary data file. The key of one that is encrypted must open on this server.
    pub(crate) fn open_data_file(&self, bytes: &[u8]) -> Result<OpenDatabase, DataFileProblem> {
        open_data_file(bytes, |key| open_encryption_key(self, key))
    }
}

fn open_data_file(
    bytes: &[u8],
    open_key: impl FnOnce(&EncryptionKey) -> Result<KeyMaterial, ServerError>,
) -> Result<OpenDatabase, DataFileProblem> {
    let [key, encrypted] = match unseal(FileKind::EncryptedData, bytes) {
        Ok(sections) => sections,
        Err(_) => return Ok(open_clear(bytes)?),
    };
    let key: EncryptionKey = serde_json::from_slice(key).map_err(|_| EnvelopeError::Foreign)?;
    let material = open_key(&key).map_err(DataFileProblem::Locked)?;
    let encrypted = Wrapped(Bytes(encrypted.to_vec()));
    let clear = material
        .unwrap(Label::DataFile(key.guid), &encrypted)
        .map_err(|_| EnvelopeError::Damaged)?;
    let mut database = open_clear(&clear.0)?;
    let guid = key.guid;
    database.encryption = Some(OpenedKey { guid, material });
    Ok(database)
}

fn open_clear(bytes: &[u8]) -> Result<OpenDatabase, EnvelopeError> {
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
        assert_eq!(count(&open_clear(&after).unwrap().rows), 2);
        database.restore_image(&before).unwrap();
        assert_eq!(count(&database.rows), 1);
        database
            .rows
            .execute_batch("INSERT INTO t VALUES (2)")
            .unwrap();
    }

    #[test]
    fn an_encrypted_database_is_never_written_in_the_clear() {
        let mut contents = super::super::bootstrap::tests::contents();
        let guid = [7; 16];
        contents.encryption_key = Some(EncryptionKey {
            guid,
            algorithm: "AES_256".to_owned(),
            created: contents.created,
            set: None,
            thumbprint: Bytes(vec![1; 20]),
            key: Wrapped(Bytes::default()),
            is_on: true,
        });
        let mut database = OpenDatabase::new(contents, None).unwrap();
        assert!(database.data_file().is_err(), "its key is not open");
        let material = KeyMaterial::random(32).unwrap();
        database.encryption = Some(OpenedKey {
            guid: [8; 16],
            material: material.clone(),
        });
        assert!(database.data_file().is_err(), "another key is");
        database.encryption = Some(OpenedKey {
            guid,
            material: material.clone(),
        });
        let bytes = database.data_file().unwrap();
        let clear = |part: &[u8]| bytes.windows(part.len()).any(|found| found == part);
        assert!(!clear(b"SQLite format 3") && !clear(b"recovery_fork"));
        let opened = open_data_file(&bytes, |key| {
            assert_eq!(key.guid, guid);
            Ok(material)
        });
        assert_eq!(opened.unwrap().encryption.unwrap().guid, guid);
        let other = open_data_file(&bytes, |_| Ok(KeyMaterial::random(32).unwrap()));
        assert!(matches!(
            other,
            Err(DataFileProblem::Content(EnvelopeError::Damaged))
        ));
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
