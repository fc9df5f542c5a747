//! The procedures of msdb that delete from the history of backups and restores. As in SQL Server
//! they are procedures like others: EXECUTE on them can be granted (documented).

use std::collections::BTreeMap;

use crate::simulator::catalog::Procedure;
use crate::simulator::instance::OpenDatabase;

/// Object ids of the procedures, from here on.
const FIRST_ID: i32 = 1_100;

/// Name, parameter, and which sets go.
const PROCEDURES: [(&str, &str, &str); 2] = [
    (
        "sp_delete_backuphistory",
        "@oldest_date datetime",
        "backup_finish_date < @oldest_date",
    ),
    (
        "sp_delete_database_backuphistory",
        "@database_name sysname",
        "database_name = @database_name",
    ),
];

/// Makes the procedures in a new msdb.
pub(crate) fn create_procedures(msdb: &mut OpenDatabase) {
    for (id, (name, parameter, filter)) in (FIRST_ID..).zip(PROCEDURES) {
        msdb.contents.procedures.push(Procedure {
            id,
            schema: "dbo".to_owned(),
            name: name.to_owned(),
            definition: definition(name, parameter, filter),
            grants: BTreeMap::new(),
        });
    }
}

/// Sets go with their files and with the restores that were made of them; media go when no set is
/// left on them. The tables are the documented ones.
fn definition(name: &str, parameter: &str, filter: &str) -> String {
    format!(
        "CREATE PROCEDURE dbo.{name} {parameter} AS
BEGIN
    SET NOCOUNT ON
    DECLARE @sets TABLE (id int)
    DECLARE @restores TABLE (id int)
    INSERT @sets SELECT backup_set_id FROM msdb.dbo.backupset WHERE {filter}
    INSERT @restores SELECT restore_history_id FROM msdb.dbo.restorehistory
        WHERE backup_set_id IN (SELECT id FROM @sets)
    BEGIN TRANSACTION
    DELETE FROM msdb.dbo.restorefile WHERE restore_history_id IN (SELECT id FROM @restores)
    DELETE FROM msdb.dbo.restorefilegroup WHERE restore_history_id IN (SELECT id FROM @restores)
    DELETE FROM msdb.dbo.restorehistory WHERE restore_history_id IN (SELECT id FROM @restores)
    DELETE FROM msdb.dbo.backupfile WHERE backup_set_id IN (SELECT id FROM @sets)
    DELETE FROM msdb.dbo.backupfilegroup WHERE backup_set_id IN (SELECT id FROM @sets)
    DELETE FROM msdb.dbo.backupset WHERE backup_set_id IN (SELECT id FROM @sets)
    DELETE FROM msdb.dbo.backupmediafamily
        WHERE media_set_id NOT IN (SELECT media_set_id FROM msdb.dbo.backupset)
    DELETE FROM msdb.dbo.backupmediaset
        WHERE media_set_id NOT IN (SELECT media_set_id FROM msdb.dbo.backupset)
    COMMIT TRANSACTION
END"
    )
}
