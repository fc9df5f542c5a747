"""What the server says besides rows."""

from check import Checks, want
from simulators import bracketed, literal, random_name

CHECKS = Checks()
check = CHECKS.check


@check("an error's text, and its number if the client shows numbers of errors at all", must=True)
def errors(bench):
    name = random_name("missing")
    answer = bench.connection().run(f"SELECT * FROM dbo.{name}")
    want(answer.has_errors(208), answer)
    want(answer.errors[0].text == f"Invalid object name 'dbo.{name}'.", answer)


@check("an error's number")
def error_numbers(bench):
    answer = bench.connection().run("RAISERROR(N'class 13', 13, 1)")
    want(answer.numbers == [50000], answer)


@check("the same connection goes on after an error")
def after_error(bench):
    connection = bench.connection()
    want(connection.run("SELECT * FROM dbo.missing").errors, "there was no error")
    before = len(bench.conversations())
    connection.good("SELECT 1 AS one")
    want(len(bench.conversations()) == before, "another connection goes on")


def failing_restore(bench):
    connection = bench.connection()
    seen, _ = connection.simulator.path("missing")
    answer = connection.run(f"RESTORE DATABASE {bracketed(random_name('d'))} FROM DISK = {literal(seen)}")
    want(len(answer.errors) == 2, answer)
    want(answer.errors[0].text.startswith(f"Cannot open backup device '{seen}'"), answer)
    want(answer.errors[1].text == "RESTORE DATABASE is terminating abnormally.", answer)
    return answer


@check("two errors of one statement in their order, by their texts, and the number of the first")
def errors_by_text(bench):
    answer = failing_restore(bench)
    want(answer.numbers in ([3201, None], [3201, 3013]), answer)


@check("two errors of one statement, with their numbers, in their order: 3201, then 3013")
def errors_in_order(bench):
    answer = failing_restore(bench)
    want(answer.numbers == [3201, 3013], answer)


@check("a batch that goes on after an error in its middle: the results on both sides, and the error")
def error_amid_results(bench):
    answer = bench.connection().run(
        "SELECT 1 AS a; RAISERROR(N'amid 漢', 16, 3); SELECT 2 AS b")
    want([each["rows"] for each in answer.results] == [[["1"]], [["2"]]], answer)
    want([each.text for each in answer.errors] == ["amid 漢"], answer)


@check("what PRINT and RAISERROR of class 0 say, in order, between results")
def notices(bench):
    answer = bench.connection().good(
        "PRINT N'first 漢'; SELECT 1 AS a; RAISERROR(N'second', 0, 1) WITH NOWAIT; SELECT 2 AS b; PRINT N'third'")
    said = [each.text for each in answer.messages if not each.text.startswith("Changed ")]
    want(said == ["first 漢", "second", "third"], answer)
    want([each["rows"] for each in answer.results] == [[["1"]], [["2"]]], answer)
