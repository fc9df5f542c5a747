"""Batches, calls and what comes back."""

import hashlib

from check import Checks, want
from simulators import random_name
from witness import ATTENTION, RPC, TRANSACTION

CHECKS = Checks()
check = CHECKS.check

# 1 600 rows of 32 004 letters of two bytes: more than 100 MB.
SIDE, LETTERS = 40, 32_000
ROWS = SIDE * SIDE
# A client that streams holds little of a result at any time.
STREAMING_MEMORY = 48 * 1024 * 1024


@check("rows and columns of a SELECT", must=True)
def select(bench):
    answer = bench.connection().good(
        "SELECT name, database_id, state_desc FROM sys.databases WHERE database_id <= 4 ORDER BY database_id")
    want(answer.results[-1]["columns"] == ["name", "database_id", "state_desc"], answer)
    names = ("master", "tempdb", "model", "msdb")
    want(answer.rows == [[name, str(number), "ONLINE"] for number, name in enumerate(names, 1)], answer)


@check("several results of one batch, an empty one among them")
def several_results(bench):
    answer = bench.connection().good(
        "SELECT 1 AS a; SELECT 2 AS b, 3 AS c; SELECT name AS d FROM sys.databases WHERE database_id = 0; SELECT 4 AS e")
    found = [(each["columns"], each["rows"]) for each in answer.results]
    want(found == [(["a"], [["1"]]), (["b", "c"], [["2", "3"]]), (["d"], []), (["e"], [["4"]])], found)


@check("a batch of 200 000 letters, which takes many packets")
def long_batch(bench):
    mark = random_name("mark")
    answer = bench.connection().good(f"/*{'漢' * 200_000}*/ SELECT '{mark}' AS mark")
    want(answer.rows == [[mark]], answer)


@check("parameters of several types, one of them NULL, that reach the server apart from the statement")
def parameters(bench):
    text = "漢😀'] --" + random_name("")
    answer = bench.connection().good(
        "SELECT @P1 AS a, @P2 AS b, @P3 AS c, @P4 AS d",
        parameters=[[{"type": "int", "value": "-7"}, {"type": "nvarchar", "value": text},
                     {"type": "varbinary", "value": "0x00ff27"}, {"type": "nvarchar", "value": None}]])
    want(answer.rows == [["-7", text, "0x00ff27", None]], answer)
    want(any(each.requests(RPC) for each in bench.conversations()), "the values were put into the statement's text")


@check("a statement that is prepared and, by its handle, run twice")
def prepared(bench):
    answer = bench.connection().good(
        "SELECT @P1 AS n, @P2 AS t", prepare=True,
        parameters=[[{"type": "int", "value": str(number)}, {"type": "nvarchar", "value": f"漢{number}"}]
                    for number in (1, 2)])
    want(answer.rows == [["1", "漢1"], ["2", "漢2"]], answer)
    calls = [call for each in bench.conversations() for call in each.calls()]
    runs = sum(call in ("sp_execute", "sp_prepexec") for call in calls)
    # Some prepare anew for each row, over the handle that they have.
    want(runs == 2 and {"sp_prepare", "sp_prepexec"} & set(calls), f"it was not prepared and run twice: {calls}")


@check("a transaction rolled back and one committed, by the client's own means")
def transactions(bench):
    connection = bench.connection()
    table = f"tempdb.dbo.{random_name('t')}"
    connection.good(f"CREATE TABLE {table} (n int)")
    for number, step in ((1, "rollback"), (2, "commit")):
        connection.transaction("begin")
        connection.good(f"INSERT INTO {table} VALUES ({number})")
        connection.transaction(step)
    answer = connection.good(f"SELECT n, @@TRANCOUNT AS open_ones FROM {table}")
    want(answer.rows == [["2", "0"]], answer)
    sent = [kind for each in bench.conversations() for kind in each.client_kinds()]
    bench.transaction_requests = sent.count(TRANSACTION)


@check("a batch is cancelled, by an attention, and the same connection goes on")
def cancel(bench):
    connection = bench.connection()
    before = connection.good("SELECT @@SPID AS id").rows
    answer = connection.run("SELECT 1 AS one; WAITFOR DELAY '00:00:50'", within=30, cancel_after_ms=300)
    want(any(ATTENTION in each.client_kinds() for each in bench.conversations()), f"no attention was sent: {answer}")
    after = connection.good("SELECT @@SPID AS id").rows
    want(before == after, (before, after))


@check("a result of 100 MB, row by row")
def large_result(bench):
    connection = bench.connection()
    side = ", ".join(f"({number})" for number in range(SIDE))
    before = bench.client.most_memory()
    answer = connection.good(
        f"DECLARE @t nvarchar(max) = REPLICATE(CAST(N'漢' AS nvarchar(max)), {LETTERS}); "
        f"SELECT CAST(1000 + a.n * {SIDE} + b.n AS nvarchar(4)) + @t AS t "
        f"FROM (VALUES {side}) AS a(n) CROSS JOIN (VALUES {side}) AS b(n) ORDER BY a.n, b.n", digest=True, within=300)
    digest = hashlib.sha256()
    for number in range(ROWS):
        digest.update(f"{1000 + number}{'漢' * LETTERS}".encode())
    expected = {"rows": ROWS, "letters": ROWS * (LETTERS + 4), "sha256": digest.hexdigest()}
    want(answer.digest == expected, answer.digest)
    grown = bench.client.most_memory() - before
    want(grown < STREAMING_MEMORY, f"the client grew by {grown} bytes")


@check("one value of 10 MB")
def large_value(bench):
    answer = bench.connection().good(
        "SELECT REPLICATE(CAST(N'漢😀' AS nvarchar(max)), 1700000) AS t", digest=True, within=120)
    text = "漢😀" * 1_700_000
    expected = {"rows": 1, "letters": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    want(answer.digest == expected, answer.digest)
