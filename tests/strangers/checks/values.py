"""Values, as they come out at the client."""

from decimal import Decimal, InvalidOperation

from check import Checks, want
from simulators import bracketed, literal, random_name

CHECKS = Checks()
check = CHECKS.check

BEYOND = "漢字 äß Ωж 😀𝔘 '\"]"


def number(found, expected):
    return Decimal(found) == Decimal(expected)


def real(found, expected):
    # Half a dozen digits are what a tool that prints must show of four bytes.
    return abs(Decimal(found) - Decimal(expected)) <= abs(Decimal(expected)) * Decimal("1e-6")


def padded(found, expected):
    return found.rstrip(" ") == expected


def exact(found, expected):
    return found == expected


def binary(found, expected):
    # A tool that prints has its own way to begin.
    return found.lower().removeprefix("0x") == expected.removeprefix("0x")


def caseless(found, expected):
    return found.lower() == expected.lower()


def moment(found, expected):
    """Equal but for zeros at the end of the seconds, which a client may leave out or add."""
    def trimmed(text):
        whole, dot, fraction = text.partition(".")
        return whole + (dot + fraction.rstrip("0") if fraction.rstrip("0") else "")
    return trimmed(found) == trimmed(expected)


TYPES = [
    ("bit", "CAST(1 AS bit)", number, "1"),
    ("tinyint", "CAST(255 AS tinyint)", number, "255"),
    ("smallint", "CAST(-32768 AS smallint)", number, "-32768"),
    ("int", "CAST(-2147483648 AS int)", number, "-2147483648"),
    ("bigint", "CAST(-9223372036854775807 AS bigint)", number, "-9223372036854775807"),
    ("decimal", "CAST(-12345678901234567.890123 AS decimal(23, 6))", number, "-12345678901234567.890123"),
    ("numeric", "CAST(123456789012345678901234567890 AS numeric(38, 0))", number, "123456789012345678901234567890"),
    ("money", "CAST(-922337203.5807 AS money)", number, "-922337203.5807"),
    ("float", "CAST(-1.5e300 AS float)", real, "-1.5e300"),
    ("char", "CAST('a b' AS char(6))", padded, "a b"),
    ("varchar", "CAST('x''y' AS varchar(20))", exact, "x'y"),
    ("nchar", "CAST(N'漢' AS nchar(4))", padded, "漢"),
    ("nvarchar", "CAST(N'漢😀' AS nvarchar(20))", exact, "漢😀"),
    ("nvarchar(max)", "CAST(N'漢😀' AS nvarchar(max))", exact, "漢😀"),
    ("varbinary", "CAST(0x00FF27 AS varbinary(10))", binary, "0x00ff27"),
    ("varbinary(max)", "CAST(0x00FF27 AS varbinary(max))", binary, "0x00ff27"),
    ("uniqueidentifier", "CAST('0e984725-c51c-4bf4-9960-e1c80e27aba0' AS uniqueidentifier)", caseless,
     "0e984725-c51c-4bf4-9960-e1c80e27aba0"),
]

MOMENTS = [
    ("date", "CAST('2024-02-29' AS date)", exact, "2024-02-29"),
    ("datetime", "CAST('2024-02-29T23:59:58.123' AS datetime)", moment, "2024-02-29 23:59:58.123"),
    ("datetime2", "CAST('2024-02-29T23:59:58.123456' AS datetime2(6))", moment, "2024-02-29 23:59:58.123456"),
    ("datetime2(0)", "CAST('0001-01-01T00:00:01' AS datetime2(0))", moment, "0001-01-01 00:00:01"),
]


def same(compare, found, expected):
    try:
        return found is not None and compare(found, expected)
    except InvalidOperation:
        return False


def check_types(bench, types):
    selected = ", ".join(f"{sql} AS c{place}" for place, (_, sql, _, _) in enumerate(types))
    answer = bench.connection().good(f"SELECT {selected}")
    want(len(answer.rows) == 1 and len(answer.rows[0]) == len(types), answer)
    wrong = [(name, found, expected) for found, (name, _, compare, expected) in zip(answer.rows[0], types)
             if not same(compare, found, expected)]
    want(not wrong, f"(type, found, expected): {wrong}")


@check(f"{len(TYPES)} types, value by value")
def types(bench):
    check_types(bench, TYPES)


@check(f"{len(MOMENTS)} types of moments, value by value")
def moments(bench):
    check_types(bench, MOMENTS)


@check("NULLs of every one of these types, and an empty string that is none")
def nulls(bench):
    selected = ", ".join(f"NULLIF({sql}, {sql}) AS c{place}" for place, (_, sql, _, _) in enumerate(TYPES + MOMENTS))
    answer = bench.connection().good(f"SELECT {selected}, N'' AS empty")
    want(answer.rows == [[None] * len(TYPES + MOMENTS) + [""]], answer)


@check("whether a column may be NULL")
def nullability(bench):
    connection = bench.connection()
    table = f"tempdb.dbo.{random_name('t')}"
    connection.good(f"CREATE TABLE {table} (a int NOT NULL, b int NULL)")
    answer = connection.good(f"SELECT a, b FROM {table}")
    want(answer.results[-1].get("nullable") == [False, True], answer.results)


@check("sql_variant, which SERVERPROPERTY gives")
def sql_variant(bench):
    answer = bench.connection().good("SELECT SERVERPROPERTY('ProductMajorVersion') AS v, SERVERPROPERTY('EngineEdition') AS e")
    want(len(answer.rows) == 1 and answer.rows[0][0].isdigit() and answer.rows[0][1].isdigit(), answer)


@check("letters within and beyond the first plane, there and back")
def unicode(bench):
    connection = bench.connection()
    table = f"tempdb.dbo.{bracketed(random_name('t') + ' ]漢')}"
    connection.good(f"CREATE TABLE {table} ({bracketed('ä ]漢')} nvarchar(100))")
    connection.good(f"INSERT INTO {table} VALUES ({literal(BEYOND)})")
    answer = connection.good(f"SELECT * FROM {table} WHERE {bracketed('ä ]漢')} = {literal(BEYOND)}")
    want(answer.results[-1]["columns"] == ["ä ]漢"], answer)
    want(answer.rows == [[BEYOND]], answer)


@check("names of databases with 128 letters, brackets and quotes")
def hostile_names(bench):
    connection = bench.connection()
    tail = random_name("")
    for name in ("漢" * (128 - len(tail)) + tail, f"a]]b'c\"d--{tail};[ 漢"):
        connection.good(f"CREATE DATABASE {bracketed(name)}")
        connection.good(f"USE {bracketed(name)}")
        answer = connection.good("SELECT DB_NAME() AS name")
        want(answer.rows == [[name]], answer)
        connection.good("USE master")
        answer = connection.good(f"SELECT name FROM sys.databases WHERE name = {literal(name)}")
        want(answer.rows == [[name]], answer)
        connection.good(f"DROP DATABASE {bracketed(name)}")
