//! Many databases at once: an instance as large as a test wants it.

use std::collections::BTreeSet;
use std::io;

use super::{Edit, EditError, SimulatedInstance, now};
use crate::names::DatabaseName;
use crate::simulator::catalog::{DatabaseEntry, DatabaseFile};
use crate::simulator::storage::{Change, OsError, ServerFile};

impl SimulatedInstance {
    /// Puts a copy of the database `of` beside it under each of these names: with its rows, keys and
    /// users, and in its state, offline or read-only. Of one family, as copies made by backup and
    /// restore are. All of them become durable together, which makes thousands a matter of seconds.
    ///
    /// # Errors
    /// There is no such database, one of the names is taken or given twice, a file of it can't be read,
    /// or the disk can't take the copies. None was made then.
    pub fn copy_database(&self, of: &DatabaseName, names: &[DatabaseName]) -> io::Result<()> {
        let mut state = self.inner.state();
        let made = self
            .inner
            .edit(&mut state, |edit| self.copies(edit, of, names));
        made.map_err(|error| io::Error::other(format!("{error:?}")))
    }

    fn copies(
        &self,
        edit: &mut Edit<'_>,
        of: &DatabaseName,
        names: &[DatabaseName],
    ) -> Result<(), EditError> {
        let source = edit.entry(of.as_str())?.clone();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for entry in &edit.state().catalog.databases {
            taken.insert(entry.name.to_lowercase());
        }
        let contents = source
            .files
            .iter()
            .map(|file| self.inner.disk.read(&file.path))
            .collect::<Result<Vec<_>, _>>()?;
        let is_open = edit.state().database(&source.name).is_ok();
        let ids = edit.state().catalog.free_database_ids();
        for (id, name) in ids.zip(names) {
            if !taken.insert(name.as_str().to_lowercase()) {
                return Err(OsError::FileExists.into());
            }
            let entry = DatabaseEntry {
                id,
                name: name.as_str().to_owned(),
                created: now(),
                files: self.files_of_copy(&source, id)?,
                ..source.clone()
            };
            let mut files = entry.files.iter().zip(&contents);
            if is_open {
                let data = files.find(|(file, _)| !file.is_log);
                let (_, bytes) = data.ok_or(OsError::FileNotFound)?;
                let database = edit.state().open_data_file(bytes);
                let database = database.map_err(|_| OsError::Device)?;
                edit.open(&entry, database);
            } else {
                for (file, bytes) in files {
                    let file = ServerFile::Path(file.path.clone());
                    edit.file(Change::Create(file, bytes.clone()));
                }
                edit.put_entry(&entry);
            }
        }
        Ok(())
    }

    /// Files named after the id, so that any name of a database goes.
    fn files_of_copy(&self, source: &DatabaseEntry, id: i32) -> Result<Vec<DatabaseFile>, OsError> {
        let folder = self.inner.data_folder();
        let files = source.files.iter().map(|file| {
            let extension = if file.is_log { "ldf" } else { "mdf" };
            let leaf = format!("copy-{id}-{}.{extension}", file.id);
            let path = self.inner.full_path(&leaf, &folder);
            if self.inner.disk.look(&path)? != (false, false) {
                return Err(OsError::FileExists);
            }
            Ok(DatabaseFile {
                path,
                ..file.clone()
            })
        });
        files.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::engine::test_kit::{builder, run, sa};

    fn names(names: &[&str]) -> Vec<DatabaseName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    const KEYED: &str = "CREATE DATABASE keyed; CREATE DATABASE away; CREATE DATABASE held";

    #[tokio::test]
    async fn copies_hold_what_the_database_holds_in_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let server = builder(folder.path(), "SQL01").build().unwrap();
        let mut session = sa(&server, "master");
        let mut make = async |batch: &str| {
            let answer = run(&mut session, batch).await;
            assert_eq!(answer.errors(), [0; 0], "{batch}");
        };
        make(KEYED).await;
        for name in ["keyed", "away", "held"] {
            make(&format!(
                "USE {name}; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Master-Passw0rd-1'; \
                 CREATE TABLE t (a int); INSERT INTO t VALUES (7)"
            ))
            .await;
        }
        make("USE master; ALTER DATABASE away SET OFFLINE; ALTER DATABASE held SET READ_ONLY")
            .await;
        for (of, copies) in [
            ("keyed", ["k]1", "\u{6f22}"]),
            ("away", ["a1", "a2"]),
            ("held", ["h1", "h2"]),
        ] {
            let of = of.parse().unwrap();
            server.copy_database(&of, &names(&copies)).unwrap();
        }
        server.kill();
        drop((session, server));

        let server = builder(folder.path(), "SQL01").build().unwrap();
        let mut session = sa(&server, "master");
        let answer = run(
            &mut session,
            "SELECT name, state_desc, CAST(is_read_only AS int) FROM sys.databases \
             WHERE LEN(name) < 4 ORDER BY name",
        )
        .await;
        assert_eq!(
            answer.rows,
            [
                ["a1", "OFFLINE", "0"],
                ["a2", "OFFLINE", "0"],
                ["h1", "ONLINE", "1"],
                ["h2", "ONLINE", "1"],
                ["k]1", "ONLINE", "0"],
                ["\u{6f22}", "ONLINE", "0"],
            ]
        );
        let answer = run(
            &mut session,
            "ALTER DATABASE a2 SET ONLINE; SELECT a FROM a2.dbo.t; SELECT a FROM h1.dbo.t; \
             USE [k]]1]; SELECT a FROM t; \
             ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = 'Master-Passw0rd-2'",
        )
        .await;
        assert_eq!(answer.errors(), [0; 0], "its master key opens by itself");
        assert_eq!(answer.rows, [["7"], ["7"], ["7"]]);
    }

    #[tokio::test]
    async fn all_copies_are_made_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let server = builder(folder.path(), "SQL01").build().unwrap();
        let mut session = sa(&server, "master");
        run(&mut session, "CREATE DATABASE one").await;
        let one: DatabaseName = "one".parse().unwrap();
        for (of, copies) in [
            (&one, ["two", "ONE"]),
            (&one, ["two", "Two"]),
            (&"three".parse().unwrap(), ["two", "four"]),
        ] {
            server.copy_database(of, &names(&copies)).unwrap_err();
        }
        server.set_disk_quota(Some(1000));
        server
            .copy_database(&one, &names(&["two", "four"]))
            .unwrap_err();
        server.set_disk_quota(None);
        let count = "SELECT COUNT(*) FROM sys.databases WHERE database_id > 4";
        assert_eq!(run(&mut session, count).await.rows, [["1"]]);
        server
            .copy_database(&one, &names(&["two", "four"]))
            .unwrap();
        assert_eq!(run(&mut session, count).await.rows, [["3"]]);
    }
}
