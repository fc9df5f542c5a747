"""What the adapters written in Python have in common: requests and answers, one JSON line each.

`README.md` in this folder's parent describes them.
"""

import hashlib
import json
import os
import sys
import threading
from dataclasses import dataclass, field


class Refused(Exception):
    """The client did not get in."""

    def __init__(self, text, messages=()):
        super().__init__(text)
        self.messages = list(messages)


@dataclass
class Endpoint:
    host: str
    port: int
    user: str
    password: str
    database: str | None
    tls: str
    # The file with the certificate of the authority to trust; with TLS only.
    ca: str | None


@dataclass
class Batch:
    sql: str
    # Rows of parameters as (type, value); more than one row: the statement is run for each.
    parameters: list = field(default_factory=list)
    is_prepared: bool = False
    cancel_after: float | None = None
    # Rows are counted and hashed instead of being given back.
    is_digested: bool = False


class Digest:
    """Rows that are too many to be kept: their number, their length, their hash."""

    def __init__(self):
        self.rows = self.letters = 0
        self._hash = hashlib.sha256()

    def take(self, text):
        self.rows += 1
        self.letters += len(text)
        self._hash.update(text.encode())

    def told(self):
        return {"rows": self.rows, "letters": self.letters, "sha256": self._hash.hexdigest()}


class Answer:
    """What a client shows of the answer to a batch."""

    def __init__(self, say):
        self._say = say
        self.results = []
        self.failed = None
        # Where the client tells the number with its failure, and not with its messages.
        self.failed_number = None
        self.cancelled = False
        self.digest = None

    def message(self, text, number=None, severity=None, state=None):
        """Says at once what the client shows at once."""
        self._say({"message": {"number": number, "severity": severity, "state": state, "text": text}})

    def result(self, columns, rows, batch, nullable=None):
        if batch.is_digested:
            self.digest = self.digest or Digest()
            for row in rows:
                self.digest.take(row[0])
            rows = []
        self.results.append({"columns": list(columns), "nullable": nullable,
                             "rows": [[shown(cell) for cell in row] for row in rows]})


def shown(value):
    """A value of Python as text: a value of another language that means the same gives the same."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("T", " ")
    return str(value)


class DbApi:
    """What clients do alike whose interface is Python's own for databases."""

    def __init__(self):
        self.connection = None

    def begin(self):
        self.connection.autocommit = False

    def commit(self):
        self.connection.commit()
        self.connection.autocommit = True

    def rollback(self):
        self.connection.rollback()
        self.connection.autocommit = True

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def show(cursor, rows, answer, batch):
    """Gives the result that a cursor of such a client stands at, if it stands at one."""
    if cursor.description:
        answer.result([column[0] for column in cursor.description], rows, batch,
                      [bool(column[6]) for column in cursor.description])


def rows_of(cursor):
    """The rows of a cursor that can't be iterated, one by one."""
    while row := cursor.fetchone():
        yield row


DECLARED = {"int": "int", "bit": "bit", "nvarchar": "nvarchar(4000)", "varbinary": "varbinary(8000)"}


def run_by_calls(batch, value, handle, call, show_all):
    """Runs a statement with parameters where the client's own way is to call procedures: `handle` is what
    it wants for an output that is a whole number, `call` calls, `show_all` shows what came of it."""
    declared = ", ".join(f"@P{at} {DECLARED[kind]}" for at, (kind, _) in enumerate(batch.parameters[0], 1))
    rows = [tuple(value(*each) for each in row) for row in batch.parameters]
    if not batch.is_prepared:
        for row in rows:
            call("sp_executesql", (batch.sql, declared, *row))
            show_all()
        return
    prepared = call("sp_prepare", (handle, declared, batch.sql))[0]
    show_all()
    for row in rows:
        call("sp_execute", (prepared, *row))
        show_all()
    call("sp_unprepare", (prepared,))
    show_all()


def cancel_later(seconds, cancel):
    timer = threading.Timer(seconds, cancel)
    timer.daemon = True
    timer.start()
    return timer


def _endpoint(asked):
    return Endpoint(**{name: asked.get(name) for name in Endpoint.__dataclass_fields__})


def _batch(asked):
    after = asked.get("cancel_after_ms")
    return Batch(
        sql=asked["sql"],
        parameters=[[(each["type"], each["value"]) for each in row] for row in asked.get("parameters", [])],
        is_prepared=asked.get("prepare", False),
        cancel_after=None if after is None else after / 1000,
        is_digested=asked.get("digest", False),
    )


def _one(client, asked, say):
    match asked["do"]:
        case "connect":
            client.connect(_endpoint(asked))
            return {"connected": True}
        case "run":
            answer = Answer(say)
            client.run(_batch(asked), answer)
            return {"results": answer.results, "failed": answer.failed,
                    "failed_number": answer.failed_number, "cancelled": answer.cancelled,
                    "digest": answer.digest and answer.digest.told()}
        case "transaction":
            getattr(client, asked["step"])()
            return {}
        case "close":
            client.close()
            return {}
        case other:
            raise ValueError(f"the adapter knows no request {other!r}")


def serve(client):
    """Answers requests until there are no more."""
    # What libraries print must not get between the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(line):
        out.write(json.dumps(line) + "\n")
        out.flush()

    for line in sys.stdin:
        try:
            done = _one(client, json.loads(line), say)
        except Refused as error:
            done = {"failed": str(error), "messages": error.messages}
        except Exception as error:  # noqa: BLE001 (whatever a client raises is its answer)
            done = {"failed": f"{type(error).__name__}: {error}"}
        say({"done": done})
