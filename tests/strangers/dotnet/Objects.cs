// SMO's objects: the server and its databases, backups and restores.

using System;
using System.Data;
using System.Data.SqlClient;
using Microsoft.SqlServer.Management.Common;
using Microsoft.SqlServer.Management.Smo;
using Newtonsoft.Json.Linq;

public static class Objects
{
    // All properties, each of which SMO asks for when it is read.
    public static void Properties(SqlPropertyCollection properties, JObject done)
    {
        var rows = new JArray();
        foreach (Property property in properties)
            rows.Add(new JArray(property.Name, property.Value == null ? null : Batch.Shown(property.Value, "")));
        Result(done, new JArray("name", "value"), rows);
    }

    public static void Databases(Server server, JObject done)
    {
        server.Databases.Refresh();
        var rows = new JArray();
        foreach (Database database in server.Databases)
        {
            var files = new JArray();
            if (database.IsAccessible)
            {
                foreach (FileGroup group in database.FileGroups)
                    foreach (DataFile file in group.Files) files.Add(file.Name);
                foreach (LogFile file in database.LogFiles) files.Add(file.Name);
            }
            rows.Add(new JArray(
                database.Name, database.ID, database.Status.ToString(), database.Owner, database.Collation,
                database.RecoveryModel.ToString(), database.CompatibilityLevel.ToString(),
                database.UserAccess.ToString(), database.IsSystemObject,
                database.IsAccessible && database.MasterKey != null && database.MasterKey.IsEncryptedByServer,
                string.Join(", ", files)));
        }
        var columns = new JArray(
            "name", "id", "status", "owner", "collation", "recovery_model", "compatibility_level", "user_access",
            "is_system", "is_master_key_encrypted_by_server", "files");
        Result(done, columns, rows);
    }

    public static void BackUp(Server server, JObject asked, JObject done)
    {
        var backup = new Backup();
        backup.Action = BackupActionType.Database;
        backup.Database = SmoDriver.Text(asked, "database");
        backup.Devices.AddDevice(SmoDriver.Text(asked, "path"), DeviceType.File);
        backup.CopyOnly = (bool?)asked["copy_only"] ?? false;
        backup.Checksum = (bool?)asked["checksum"] ?? false;
        backup.Initialize = (bool?)asked["initialize"] ?? false;
        backup.FormatMedia = (bool?)asked["format"] ?? false;
        // SMO wants that said with FORMAT.
        backup.SkipTapeHeader = backup.FormatMedia;
        if ((bool?)asked["compression"] == true) backup.CompressionOption = BackupCompressionOptions.On;
        backup.BackupSetName = SmoDriver.Text(asked, "name") ?? "";
        Watch(backup, done);
        backup.SqlBackup(server);
    }

    public static void Restore(Server server, JObject asked, JObject done)
    {
        var restore = Reader(asked);
        restore.Database = SmoDriver.Text(asked, "database");
        restore.ReplaceDatabase = (bool?)asked["replace"] ?? false;
        restore.Checksum = (bool?)asked["checksum"] ?? false;
        restore.RestrictedUser = (bool?)asked["restricted_user"] ?? false;
        foreach (var move in (JArray)asked["relocate"] ?? new JArray())
            restore.RelocateFiles.Add(new RelocateFile((string)move[0], (string)move[1]));
        Watch(restore, done);
        restore.SqlRestore(server);
    }

    public static void Verify(Server server, JObject asked, JObject done)
    {
        string said;
        var isValid = Reader(asked).SqlVerify(server, out said);
        var rows = new JArray();
        rows.Add(new JArray(isValid, said));
        Result(done, new JArray("is_valid", "said"), rows);
    }

    public static Restore Reader(JObject asked)
    {
        var restore = new Restore();
        restore.Devices.AddDevice(SmoDriver.Text(asked, "path"), DeviceType.File);
        return restore;
    }

    // SMO's events, in the order in which it raises them.
    static void Watch(BackupRestoreBase work, JObject done)
    {
        var raised = new JArray();
        Result(done, new JArray("event", "number", "text"), raised);
        work.PercentCompleteNotification = 10;
        work.PercentComplete += (sender, told) => raised.Add(new JArray("PercentComplete", told.Percent, told.Message));
        work.Information += (sender, told) => raised.Add(Event("Information", told));
        work.Complete += (sender, told) => raised.Add(Event("Complete", told));
    }

    static JArray Event(string name, ServerMessageEventArgs told)
    {
        return new JArray(name, told.Error.Number, told.Error.Message);
    }

    public static void Table(DataTable table, JObject done)
    {
        var columns = new JArray();
        foreach (DataColumn column in table.Columns) columns.Add(column.ColumnName);
        var rows = new JArray();
        foreach (DataRow row in table.Rows)
        {
            var shown = new JArray();
            foreach (var value in row.ItemArray) shown.Add(value is DBNull ? null : Batch.Shown(value, ""));
            rows.Add(shown);
        }
        Result(done, columns, rows);
    }

    static void Result(JObject done, JArray columns, JArray rows)
    {
        var result = new JObject(new JProperty("columns", columns), new JProperty("rows", rows));
        done["results"] = new JArray(result);
    }
}
