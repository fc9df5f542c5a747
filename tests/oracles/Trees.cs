// What Microsoft's parser of T-SQL, ScriptDom, makes of texts: each line of the standard input is a text as JSON, each
// line of the standard output the tree of it.

using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Text;
using Microsoft.SqlServer.TransactSql.ScriptDom;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

public static class Trees
{
    public static int Main(string[] arguments)
    {
        var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        var parser = new TSql150Parser(true);
        string line;
        while ((line = input.ReadLine()) != null)
            output.WriteLine(Read(parser, JsonConvert.DeserializeObject<string>(line)).ToString(Formatting.None));
        output.Flush();
        return 0;
    }

    // The batches of a text, each with its statements, each with its nodes. What is rejected has its tokens instead.
    static JObject Read(TSqlParser parser, string text)
    {
        IList<ParseError> errors;
        var script = parser.Parse(new StringReader(text), out errors) as TSqlScript;
        var read = new JObject();
        if (errors != null && errors.Count > 0)
        {
            var told = new JArray();
            foreach (var error in errors) told.Add(new JArray(error.Number, error.Offset, error.Message));
            read["errors"] = told;
            read["tokens"] = Tokens(parser, text);
            return read;
        }
        var batches = new JArray();
        foreach (var batch in script.Batches)
        {
            var statements = new JArray();
            foreach (var statement in batch.Statements)
            {
                var nodes = new Nodes();
                statement.Accept(nodes);
                statements.Add(new JObject(
                    new JProperty("kind", statement.GetType().Name), new JProperty("nodes", nodes.Seen)));
            }
            batches.Add(statements);
        }
        read["batches"] = batches;
        return read;
    }

    static JArray Tokens(TSqlParser parser, string text)
    {
        IList<ParseError> errors;
        var tokens = new JArray();
        foreach (var token in parser.GetTokenStream(new StringReader(text), out errors))
            if (token.TokenType != TSqlTokenType.WhiteSpace && token.TokenType != TSqlTokenType.EndOfFile)
                tokens.Add(new JArray(token.TokenType.ToString(), token.Text));
        return tokens;
    }
}

// The nodes of a tree, from the root on: what each is, how it is set, and the texts in it.
public sealed class Nodes : TSqlFragmentVisitor
{
    // Where it stands, and what depends on the length of a text.
    static readonly HashSet<string> Left = new HashSet<string> {
        "StartOffset", "FragmentLength", "StartLine", "StartColumn", "FirstTokenIndex", "LastTokenIndex", "IsLargeObject" };
    static readonly Dictionary<Type, List<PropertyInfo>> Known = new Dictionary<Type, List<PropertyInfo>>();

    // A node that only repeats the text of the one below it.
    static readonly HashSet<string> Repeated = new HashSet<string> { "IdentifierOrValueExpression" };

    public readonly JArray Seen = new JArray();

    public override void Visit(TSqlFragment node)
    {
        Add(node, null);
    }

    // A text that can't be written in one piece is the sum of its pieces.
    public override void ExplicitVisit(ParenthesisExpression node)
    {
        var pieces = new List<StringLiteral>();
        if (node.Expression is BinaryExpression && Join(node.Expression, pieces))
        {
            var text = new StringBuilder();
            foreach (var piece in pieces) text.Append(piece.Value);
            Add(pieces[0], text.ToString());
            return;
        }
        base.ExplicitVisit(node);
    }

    // Of the encryption of a backup the parser's own visitor leaves out by what it is.
    public override void ExplicitVisit(BackupEncryptionOption node)
    {
        base.ExplicitVisit(node);
        if (node.Encryptor != null) node.Encryptor.Accept(this);
    }

    static bool Join(ScalarExpression expression, List<StringLiteral> pieces)
    {
        var literal = expression as StringLiteral;
        if (literal != null) pieces.Add(literal);
        var sum = expression as BinaryExpression;
        return literal != null || (sum != null && sum.BinaryExpressionType == BinaryExpressionType.Add
            && Join(sum.FirstExpression, pieces) && Join(sum.SecondExpression, pieces));
    }

    void Add(TSqlFragment node, string joined)
    {
        var head = new StringBuilder(node.GetType().Name);
        var texts = new JArray();
        foreach (var property in Properties(node.GetType()))
        {
            var value = property.GetValue(node);
            if (value == null) continue;
            if (property.PropertyType != typeof(string)) head.Append(' ').Append(property.Name).Append('=').Append(value);
            else if (!Repeated.Contains(node.GetType().Name)) texts.Add(joined ?? (string)value);
        }
        Seen.Add(new JArray(head.ToString(), texts, joined != null));
    }

    static List<PropertyInfo> Properties(Type type)
    {
        List<PropertyInfo> properties;
        if (Known.TryGetValue(type, out properties)) return properties;
        properties = new List<PropertyInfo>();
        foreach (var property in type.GetProperties())
        {
            var of = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            var isShown = of.IsEnum || of == typeof(bool) || of == typeof(string) || of == typeof(int);
            if (isShown && property.GetIndexParameters().Length == 0 && !Left.Contains(property.Name))
                properties.Add(property);
        }
        Known[type] = properties;
        return properties;
    }
}
