// SQL Server Management Objects (SMO) as a client of the table: requests and answers are one JSON
// line each, as `../README.md` describes them. Besides what every client is asked there are requests
// for SMO's own objects; what those tell is given as results with columns and rows.

using System;
using System.Collections.Generic;
using System.Data;
using System.Data.SqlClient;
using System.IO;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading;
using Microsoft.SqlServer.Management.Common;
using Microsoft.SqlServer.Management.Smo;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

public static class SmoDriver
{
    static readonly TextWriter output =
        TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)));
    static ServerConnection connection;
    static Server server;
    static bool isCancelled;

    public static int Main()
    {
        var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        string line;
        while ((line = input.ReadLine()) != null)
        {
            // Texts that look like dates stay texts.
            var reader = new JsonTextReader(new StringReader(line));
            reader.DateParseHandling = DateParseHandling.None;
            var done = new JObject();
            try
            {
                Run(JObject.Load(reader), done);
            }
            catch (Exception failure)
            {
                Failed(failure, done);
            }
            Say(new JObject(new JProperty("done", done)));
        }
        Close();
        return 0;
    }

    static void Run(JObject asked, JObject done)
    {
        switch (Text(asked, "do"))
        {
            case "connect": Connect(asked); break;
            case "run": Batch.Run(connection, asked, done); break;
            case "transaction": Transaction(Text(asked, "step")); break;
            case "close": Close(); break;
            case "server": Objects.Properties(server.Properties, done); break;
            case "information": Objects.Properties(server.Information.Properties, done); break;
            case "databases": Objects.Databases(server, done); break;
            case "back up": Objects.BackUp(server, asked, done); break;
            case "restore": Objects.Restore(server, asked, done); break;
            case "verify": Objects.Verify(server, asked, done); break;
            case "read header": Objects.Table(Objects.Reader(asked).ReadBackupHeader(server), done); break;
            case "read files": Objects.Table(Objects.Reader(asked).ReadFileList(server), done); break;
            case "export key": server.ServiceMasterKey.Export(Text(asked, "path"), Text(asked, "password")); break;
            case "import key": server.ServiceMasterKey.Import(Text(asked, "path"), Text(asked, "password")); break;
            default: throw new ArgumentException("the adapter knows no such request");
        }
    }

    static void Connect(JObject asked)
    {
        Close();
        var tls = Text(asked, "tls");
        Trust(Text(asked, "ca"));
        var settings = new SqlConnectionStringBuilder();
        settings.DataSource = Text(asked, "host") + "," + Text(asked, "port");
        settings.UserID = Text(asked, "user");
        settings.Password = Text(asked, "password");
        settings.InitialCatalog = Text(asked, "database") ?? "";
        settings.ConnectTimeout = 20;
        settings.Pooling = false;
        // SqlClient says itself what it does not know.
        var encrypt = tls == "full" ? "true" : tls == "strict" ? "Strict" : "false";
        connection = new ServerConnection(new SqlConnection(settings.ConnectionString + ";Encrypt=" + encrypt));
        connection.StatementTimeout = 0;
        connection.ServerMessage += (sender, message) => Tell(message.Error);
        connection.Connect();
        server = new Server(connection);
        // What SMO asks at its start, with which it finds out whom it talks to.
        server.Information.Refresh();
        var version = server.VersionString;
    }

    // Makes the authority with this certificate the only one that this user trusts. `HOME` is a
    // folder of this process's own.
    static void Trust(string file)
    {
        using (var store = new X509Store(StoreName.Root, StoreLocation.CurrentUser))
        {
            store.Open(OpenFlags.ReadWrite);
            store.RemoveRange(store.Certificates);
            if (file != null) store.Add(new X509Certificate2(file));
        }
    }

    static void Close()
    {
        if (connection != null && connection.IsOpen) connection.Disconnect();
        connection = null;
        server = null;
    }

    static void Transaction(string step)
    {
        if (step == "begin") connection.BeginTransaction();
        else if (step == "commit") connection.CommitTransaction();
        else connection.RollBackTransaction();
    }

    // Cancels a command, after that many milliseconds.
    public static Timer CancelAfter(int milliseconds, SqlCommand command)
    {
        isCancelled = false;
        return new Timer(state => { isCancelled = true; command.Cancel(); }, null, milliseconds, Timeout.Infinite);
    }

    // The errors that an exception has from the server. SMO wraps it in exceptions of its own.
    static void Failed(Exception failure, JObject done)
    {
        var chain = new List<string>();
        var messages = new JArray();
        for (var inner = failure; inner != null; inner = inner.InnerException)
        {
            chain.Add(inner.GetType().Name + ": " + inner.Message);
            var refused = inner as SqlException;
            if (refused == null || messages.Count > 0) continue;
            foreach (SqlError error in refused.Errors)
                // What SqlClient says itself has no number of the server's.
                if (error.Number > 0) messages.Add(Message(error));
        }
        done["messages"] = messages;
        done["failed"] = string.Join(" <- ", chain);
        done["cancelled"] = isCancelled;
        isCancelled = false;
    }

    static JObject Message(SqlError error)
    {
        return new JObject(
            new JProperty("number", error.Number), new JProperty("severity", error.Class),
            new JProperty("state", error.State), new JProperty("text", error.Message));
    }

    public static void Tell(SqlError error)
    {
        Say(new JObject(new JProperty("message", Message(error))));
    }

    static void Say(JObject line)
    {
        lock (output)
        {
            output.Write(line.ToString(Formatting.None));
            output.Write('\n');
            output.Flush();
        }
    }

    public static string Text(JObject asked, string name)
    {
        return (string)asked[name];
    }
}
