"""Getting in, and not getting in."""

from check import Checks, want
from client import Miss
from simulators import random_name, random_password
from witness import ERROR_TOKEN, LOGIN7, SQL_BATCH

CHECKS = Checks()
check = CHECKS.check

ENCRYPT_NOT_SUPPORTED = 2


@check("signs in with the right password and is told the instance's name", must=True)
def login(bench):
    connection = bench.connection()
    answer = connection.good("SELECT @@SERVERNAME AS name")
    want(answer.rows == [[connection.simulator.name]], answer)


@check("a wrong password is refused with 18456", must=True)
def wrong_login(bench):
    answer = bench.sign_in(password=random_password())
    want(answer.failed, "signed in")
    want(answer.has_errors(18456), answer)


@check("an unknown database is refused with 4060, then 18456")
def unknown_database(bench):
    answer = bench.sign_in(database=random_name("missing"))
    want(answer.failed, "signed in")
    want(answer.numbers == [4060, 18456], answer)


@check("begins in the database that it asks for, and goes to another one")
def database(bench):
    connection = bench.connection(database="msdb")
    answer = connection.good("SELECT DB_NAME() AS name")
    want(answer.rows == [["msdb"]], answer)
    answer = connection.good("USE master")
    answer = connection.good("SELECT DB_NAME() AS name")
    want(answer.rows == [["master"]], answer)


@check("what the client asks of its own accord is answered without an error")
def start_up(bench):
    bench.connection().good("SELECT 1 AS one")
    for conversation in bench.conversations():
        errors = [each for each in conversation.messages_sent() if each[0] == ERROR_TOKEN]
        want(not errors, (errors, conversation.requests(SQL_BATCH)))


@check("no encryption at all, where the server has none")
def tls_off(bench):
    bench.connection("off").good("SELECT 1 AS one")
    for conversation in bench.conversations():
        want(not conversation.client.records, "something was encrypted")


@check("encryption of the login alone, where both can no more")
def tls_login(bench):
    connection = bench.connection("login")
    mark = random_name("mark")
    answer = connection.good(f"SELECT '{mark}' AS mark")
    want(answer.rows == [[mark]], answer)
    sent = [body for each in bench.conversations() for body in each.requests(SQL_BATCH)]
    want(any(mark.encode("utf-16-le") in body for body in sent), "the batch went encrypted")
    want(not any(each.requests(LOGIN7) for each in bench.conversations()), "the login went in the clear")


def is_encrypted(bench):
    """Whether nothing of a session went in the clear. A connection in which nothing was sent yet tells nothing."""
    conversations = bench.conversations()
    return any(each.client.records for each in conversations) and not any(
        each.requests(LOGIN7) or each.requests(SQL_BATCH) for each in conversations)


@check("all is encrypted, and the certificate is checked")
def tls_full(bench):
    connection = bench.connection("full")
    answer = connection.good("SELECT @@SERVERNAME AS name")
    want(answer.rows == [[connection.simulator.name]], answer)
    want(is_encrypted(bench), "something went in the clear")


@check("strict encryption, which is there before the first packet (TDS 8.0)")
def tls_strict(bench):
    connection = bench.connection("strict")
    answer = connection.good("SELECT @@SERVERNAME AS name")
    want(answer.rows == [[connection.simulator.name]], answer)
    want(all(each.opens_with_tls() for each in bench.conversations()), "the first packet went in the clear")


@check("a certificate of another authority is refused before the password goes out")
def foreign_authority(bench):
    other = bench.simulator("strict")
    answer = bench.sign_in("full", ca=other.ca)
    want(answer.failed, "signed in")


@check("without encryption nobody gets in where it is required")
def plain_refused(bench):
    simulator = bench.simulator("full")
    answer = bench.sign_in("full", tls="off", ca=None)
    if not answer.failed:
        # It took encryption up after all, as it was told to.
        want(is_encrypted(bench), "signed in, in the clear")
    elif simulator.process.poll() is not None:
        raise Miss("the simulator ended")
