// Batches through SMO's ServerConnection.

using System;
using System.Collections.Generic;
using System.Data;
using System.Data.SqlClient;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.SqlServer.Management.Common;
using Newtonsoft.Json.Linq;

public static class Batch
{
    public static void Run(ServerConnection connection, JObject asked, JObject done)
    {
        var results = new JArray();
        done["results"] = results;
        var digest = (bool?)asked["digest"] == true ? new Digest() : null;
        // SMO's own readers take no parameters, and its Cancel() does not reach them: for these it is the
        // SqlClient under it.
        var command = new SqlCommand(SmoDriver.Text(asked, "sql"), connection.SqlConnectionObject);
        command.CommandTimeout = 0;
        // As SMO's backups and restores do: errors come like messages, at once and in their order,
        // and the results behind them are still read.
        connection.SqlConnectionObject.FireInfoMessageEventOnUserErrors = true;
        var after = (int?)asked["cancel_after_ms"];
        var timer = after == null ? null : SmoDriver.CancelAfter(after.Value, command);
        try
        {
            var rows = (JArray)asked["parameters"] ?? new JArray();
            if (rows.Count == 0)
                Read(after == null ? connection.ExecuteReader(command.CommandText) : Awaited(command), results, digest,
                    after != null);
            for (int at = 0; at < rows.Count; at++)
            {
                Parameters(command, (JArray)rows[at]);
                if (at == 0 && (bool?)asked["prepare"] == true) command.Prepare();
                Read(command.ExecuteReader(), results, digest, false);
            }
        }
        finally
        {
            if (timer != null) timer.Dispose();
            connection.SqlConnectionObject.FireInfoMessageEventOnUserErrors = false;
            if (digest != null) done["digest"] = digest.Told();
        }
    }

    // While this SqlClient reads in the caller's thread on Linux, it sends nothing, no attention either:
    // what is to be cancelled reads by other threads.
    static SqlDataReader Awaited(SqlCommand command)
    {
        return command.ExecuteReaderAsync().GetAwaiter().GetResult();
    }

    static bool NextResult(SqlDataReader reader, bool isAwaited)
    {
        return isAwaited ? reader.NextResultAsync().GetAwaiter().GetResult() : reader.NextResult();
    }

    static bool NextRow(SqlDataReader reader, bool isAwaited)
    {
        return isAwaited ? reader.ReadAsync().GetAwaiter().GetResult() : reader.Read();
    }

    static void Parameters(SqlCommand command, JArray row)
    {
        for (int at = 0; at < row.Count; at++)
        {
            var name = "@P" + (at + 1);
            if (!command.Parameters.Contains(name)) Add(command, name, (string)row[at]["type"]);
            var text = (string)row[at]["value"];
            command.Parameters[name].Value = text == null ? DBNull.Value : Value(command.Parameters[name], text);
        }
    }

    static void Add(SqlCommand command, string name, string type)
    {
        switch (type)
        {
            case "int": command.Parameters.Add(name, SqlDbType.Int); break;
            case "bit": command.Parameters.Add(name, SqlDbType.Bit); break;
            case "varbinary": command.Parameters.Add(name, SqlDbType.VarBinary, 8000); break;
            default: command.Parameters.Add(name, SqlDbType.NVarChar, 4000); break;
        }
    }

    static object Value(SqlParameter parameter, string text)
    {
        switch (parameter.SqlDbType)
        {
            case SqlDbType.Int: return int.Parse(text, CultureInfo.InvariantCulture);
            case SqlDbType.Bit: return text == "1";
            case SqlDbType.VarBinary:
                var bytes = new byte[text.Length / 2 - 1];
                for (int at = 0; at < bytes.Length; at++) bytes[at] = Convert.ToByte(text.Substring(2 + 2 * at, 2), 16);
                return bytes;
            default: return text;
        }
    }

    static void Read(SqlDataReader reader, JArray results, Digest digest, bool isAwaited)
    {
        using (reader)
        {
            do
            {
                if (reader.FieldCount == 0) continue;
                var columns = new JArray();
                var nullable = new JArray();
                foreach (DataRow column in reader.GetSchemaTable().Rows)
                {
                    columns.Add(column["ColumnName"]);
                    nullable.Add(column["AllowDBNull"]);
                }
                var rows = new JArray();
                while (NextRow(reader, isAwaited))
                {
                    if (digest != null)
                    {
                        digest.Take(reader.GetString(0));
                        continue;
                    }
                    var row = new JArray();
                    for (int at = 0; at < reader.FieldCount; at++) row.Add(Shown(reader, at));
                    rows.Add(row);
                }
                results.Add(new JObject(
                    new JProperty("columns", columns), new JProperty("nullable", nullable), new JProperty("rows", rows)));
            }
            while (NextResult(reader, isAwaited));
        }
    }

    static JToken Shown(SqlDataReader reader, int at)
    {
        if (reader.IsDBNull(at)) return JValue.CreateNull();
        // .NET's own decimal holds 28 digits; the one of SqlClient holds them all.
        if (reader.GetDataTypeName(at) == "decimal") return reader.GetSqlDecimal(at).ToString();
        return Shown(reader.GetValue(at), reader.GetDataTypeName(at));
    }

    public static string Shown(object value, string type)
    {
        var bytes = value as byte[];
        if (bytes != null) return "0x" + BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
        if (value is bool) return (bool)value ? "1" : "0";
        if (value is double) return ((double)value).ToString("R", CultureInfo.InvariantCulture);
        if (value is DateTime)
            return ((DateTime)value).ToString(
                type == "date" ? "yyyy-MM-dd" : "yyyy-MM-dd HH:mm:ss.fffffff", CultureInfo.InvariantCulture);
        return Convert.ToString(value, CultureInfo.InvariantCulture);
    }

    // Rows that are too many to be kept: their number, their length in code points, their hash.
    class Digest
    {
        long rows, letters;
        readonly SHA256 hash = SHA256.Create();

        public void Take(string text)
        {
            rows++;
            foreach (var character in text)
                if (!char.IsLowSurrogate(character)) letters++;
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.TransformBlock(bytes, 0, bytes.Length, null, 0);
        }

        public JObject Told()
        {
            hash.TransformFinalBlock(new byte[0], 0, 0);
            return new JObject(
                new JProperty("rows", rows), new JProperty("letters", letters),
                new JProperty("sha256", BitConverter.ToString(hash.Hash).Replace("-", "").ToLowerInvariant()));
        }
    }
}
