// What SMO would send: each line of the standard input is a request as JSON, each line of the standard output the
// statements that SMO makes of it, which are captured and not sent. The first line says how to reach the server that
// SMO asks what it is. `database` is one that SMO need not see, `inside` one that it enters.

using System;
using System.Collections.Generic;
using System.Data.SqlClient;
using System.IO;
using System.Reflection;
using System.Text;
using Microsoft.SqlServer.Management.Common;
using Microsoft.SqlServer.Management.Smo;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

public static class Captured
{
    static ServerConnection connection;
    static Server server;

    public static int Main()
    {
        var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        connection = new ServerConnection(new SqlConnection(JsonConvert.DeserializeObject<string>(input.ReadLine())));
        server = new Server(connection);
        server.Information.Refresh();
        connection.SqlExecutionModes = SqlExecutionModes.CaptureSql;
        string line;
        while ((line = input.ReadLine()) != null)
        {
            var reader = new JsonTextReader(new StringReader(line));
            reader.DateParseHandling = DateParseHandling.None;
            output.WriteLine(Answer(JObject.Load(reader)).ToString(Formatting.None));
        }
        output.Flush();
        return 0;
    }

    static JObject Answer(JObject asked)
    {
        var answer = new JObject();
        try
        {
            ByItself("CREATE", asked);
            Do(asked);
        }
        catch (Exception failure)
        {
            var chain = new List<string>();
            for (var inner = failure; inner != null; inner = inner.InnerException)
                chain.Add(inner.GetType().Name + ": " + inner.Message);
            answer["failed"] = string.Join(" <- ", chain);
        }
        var statements = new JArray();
        foreach (var text in connection.CapturedSql.Text) statements.Add(text);
        connection.CapturedSql.Clear();
        ByItself("DROP", asked);
        answer["statements"] = statements;
        return answer;
    }

    // Makes the database that SMO enters, and removes it.
    static void ByItself(string change, JObject asked)
    {
        var name = Text(asked, "inside");
        if (name == null || name == "master") return;
        connection.SqlExecutionModes = SqlExecutionModes.ExecuteSql;
        connection.ExecuteNonQuery("USE master; " + change + " DATABASE " + Quoted(name));
        connection.SqlExecutionModes = SqlExecutionModes.CaptureSql;
    }

    static string Quoted(string name)
    {
        return "[" + name.Replace("]", "]]") + "]";
    }

    static void Do(JObject asked)
    {
        var name = Text(asked, "database") ?? Text(asked, "inside");
        switch (Text(asked, "do"))
        {
            case "Backup.SqlBackup": BackUp(asked); break;
            case "Restore.SqlRestore": Restore(asked).SqlRestore(server); break;
            case "Restore.SqlVerify": string said; Restore(asked).SqlVerify(server, out said); break;
            case "ServiceMasterKey.Export": server.ServiceMasterKey.Export(Text(asked, "file"), Text(asked, "password")); break;
            case "ServiceMasterKey.Import": server.ServiceMasterKey.Import(Text(asked, "file"), Text(asked, "password")); break;
            case "ServiceMasterKey.Regenerate": server.ServiceMasterKey.Regenerate(); break;
            case "Database.Create": new Database(server, name).Create(); break;
            case "Database.Drop": Database(name).Drop(); break;
            case "Database.Rename": Database(name).Rename(Text(asked, "to")); break;
            case "Database.SetOffline": Database(name).SetOffline(); break;
            case "Database.SetOnline": Database(name).SetOnline(); break;
            case "Database.SetOwner": Database(name).SetOwner(Text(asked, "owner")); break;
            case "Database.CheckTables": Database(name).CheckTables(RepairType.None); break;
            case "Database.UserAccess": Access(Database(name), asked); break;
            case "Database.BrokerEnabled": Broker(Database(name), asked); break;
            case "User.Login": Login(Existing(new User(Database(name), Text(asked, "user"))), asked); break;
            case "MasterKey.Export": Key(name).Export(Text(asked, "file"), Text(asked, "password")); break;
            case "MasterKey.Import": Key(name).Import(Text(asked, "file"), Text(asked, "old"), Text(asked, "new"), Is(asked, "force")); break;
            case "MasterKey.Open": Key(name).Open(Text(asked, "password")); break;
            case "MasterKey.Close": Key(name).Close(); break;
            case "MasterKey.AddPasswordEncryption": Key(name).AddPasswordEncryption(Text(asked, "password")); break;
            case "MasterKey.AddServiceKeyEncryption": Key(name).AddServiceKeyEncryption(); break;
            case "Certificate.Create": Create(asked); break;
            case "Certificate.Export": Export(asked); break;
            default: throw new ArgumentException("the driver knows no such request");
        }
    }

    static DeviceType Kind(string device)
    {
        return device.Contains("://") ? DeviceType.Url : DeviceType.File;
    }

    static void BackUp(JObject asked)
    {
        var backup = new Backup();
        backup.Action = BackupActionType.Database;
        backup.Database = Text(asked, "database");
        foreach (var file in asked["files"]) backup.Devices.AddDevice((string)file, Kind((string)file));
        backup.CopyOnly = backup.Checksum = backup.Initialize = backup.FormatMedia = true;
        // SMO wants that said with FORMAT.
        backup.SkipTapeHeader = true;
        backup.PercentCompleteNotification = 5;
        backup.CompressionOption = Is(asked, "compress") ? BackupCompressionOptions.On : BackupCompressionOptions.Off;
        if (asked["block_size"] != null) backup.BlockSize = (int)asked["block_size"];
        if (asked["buffer_count"] != null) backup.BufferCount = (int)asked["buffer_count"];
        if (asked["max_transfer_size"] != null) backup.MaxTransferSize = (int)asked["max_transfer_size"];
        if (asked["certificate"] != null)
            backup.EncryptionOption = new BackupEncryptionOptions(
                (BackupEncryptionAlgorithm)Enum.Parse(typeof(BackupEncryptionAlgorithm), Text(asked, "cipher"), true),
                BackupEncryptorType.ServerCertificate, Text(asked, "certificate"));
        backup.SqlBackup(server);
    }

    static Restore Restore(JObject asked)
    {
        var restore = new Restore();
        restore.Database = Text(asked, "database");
        foreach (var file in asked["files"]) restore.Devices.AddDevice((string)file, Kind((string)file));
        restore.FileNumber = (int)asked["position"];
        restore.Checksum = Is(asked, "checksum");
        restore.ReplaceDatabase = Is(asked, "replace");
        restore.RestrictedUser = Is(asked, "restricted_user");
        restore.PercentCompleteNotification = 5;
        foreach (var move in (JArray)asked["move"] ?? new JArray())
            restore.RelocateFiles.Add(new RelocateFile((string)move[0], (string)move[1]));
        return restore;
    }

    static void Access(Database database, JObject asked)
    {
        Settled(database);
        database.UserAccess = Is(asked, "restricted") ? DatabaseUserAccess.Restricted : DatabaseUserAccess.Multiple;
        if (asked["evict"] == null) database.Alter();
        else database.Alter(Is(asked, "evict") ? TerminationClause.RollbackTransactionsImmediately : TerminationClause.FailOnOpenTransactions);
    }

    static void Broker(Database database, JObject asked)
    {
        Settled(database);
        database.BrokerEnabled = true;
        database.Alter(Is(asked, "evict") ? TerminationClause.RollbackTransactionsImmediately : TerminationClause.FailOnOpenTransactions);
    }

    static void Login(User user, JObject asked)
    {
        user.Login = Text(asked, "login");
        user.Alter();
    }

    static void Create(JObject asked)
    {
        var certificate = new Certificate(Database(Text(asked, "inside")), Text(asked, "certificate"));
        string file = Text(asked, "file"), key = Text(asked, "private_key"), old = Text(asked, "old"), own = Text(asked, "new");
        if (own == null) certificate.Create(file, CertificateSourceType.File, key, old);
        else certificate.Create(file, CertificateSourceType.File, key, old, own);
    }

    static void Export(JObject asked)
    {
        var certificate = Existing(new Certificate(Database(Text(asked, "inside")), Text(asked, "certificate")));
        string file = Text(asked, "file"), key = Text(asked, "private_key"), password = Text(asked, "new"), own = Text(asked, "old");
        if (own == null) certificate.Export(file, key, password);
        else certificate.Export(file, key, password, own);
    }

    static Database Database(string name)
    {
        return Existing(new Database(server, name));
    }

    static MasterKey Key(string database)
    {
        return Existing(new MasterKey(Database(database)));
    }

    // The object as if it was read from the server, with properties of no interest: this simulator knows few of them.
    static T Existing<T>(T made) where T : SqlSmoObject
    {
        Call(made, "SetState", SqlSmoState.Existing);
        return Known(made);
    }

    // What else SMO looks at before it alters a database.
    static void Settled(Database database)
    {
        Known(database.QueryStoreOptions);
        foreach (DatabaseScopedConfiguration configuration in database.DatabaseScopedConfigurations) Known(configuration);
    }

    static T Known<T>(T made) where T : SqlSmoObject
    {
        var bag = typeof(SmoObjectBase).Assembly.GetType("Microsoft.SqlServer.Management.Smo.PropertyBagState");
        Call(made, "SetState", Enum.Parse(bag, "Full"));
        var all = made.Properties;
        for (var index = 0; index < all.Count; index++)
        {
            var type = ((Property)Call(all, "Get", index)).Type;
            if (type.IsValueType) Call(all, "SetValue", index, Activator.CreateInstance(type));
            else if (type == typeof(string)) Call(all, "SetValue", index, "");
        }
        Call(all, "SetAllRetrieved", true);
        return made;
    }

    // A method that SMO keeps for itself.
    static object Call(object of, string name, params object[] values)
    {
        var types = Array.ConvertAll(values, value => value.GetType());
        for (var type = of.GetType(); type != null; type = type.BaseType)
        {
            var method = type.GetMethod(name, BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public, null, types, null);
            if (method != null) return method.Invoke(of, values);
        }
        throw new MissingMethodException(of.GetType().Name, name);
    }

    static bool Is(JObject asked, string name)
    {
        return (bool?)asked[name] ?? false;
    }

    static string Text(JObject asked, string name)
    {
        return (string)asked[name];
    }
}
