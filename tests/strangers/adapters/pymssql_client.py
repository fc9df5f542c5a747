"""pymssql: FreeTDS, as its wheel brings it."""

import os

from adapter import Refused, cancel_later, run_by_calls, serve
from freetds_config import Configuration

CONFIGURATION = Configuration()
os.environ.update(CONFIGURATION.environment)

import pymssql  # noqa: E402


class Pymssql:
    def __init__(self):
        self.connection = None
        self.answer = None

    def connect(self, to):
        self.close()
        CONFIGURATION.write(to, "global")
        try:
            self.connection = pymssql.connect(
                server=to.host, port=to.port, user=to.user, password=to.password, database=to.database or "",
                autocommit=True, tds_version="7.4", login_timeout=20)
        except pymssql.Error as error:
            number, text = _number_and_text(error)
            raise Refused(text, [{"number": number, "text": text}]) from error
        self.connection._conn.set_msghandler(self._message)

    def _message(self, state, severity, server, procedure, line, text):
        if self.answer:
            self.answer.message(text.decode(), severity=severity, state=state)

    def run(self, batch, answer):
        self.answer = answer
        timer = batch.cancel_after and cancel_later(batch.cancel_after, self.connection._conn.cancel)
        cursor = self.connection.cursor()
        try:
            if batch.parameters:
                # Its execute() puts values into the statement's text.
                run_by_calls(batch, _value, pymssql.output(int), cursor.callproc,
                             lambda: self._all(lambda: True, cursor, answer, batch))
            else:
                self._all(lambda: cursor.execute(batch.sql) or True, cursor, answer, batch)
        finally:
            if timer:
                timer.cancel()
            self.answer = None

    def _all(self, step, cursor, answer, batch):
        while self._step(step, cursor, answer, batch):
            step = cursor.nextset

    @staticmethod
    def _step(step, cursor, answer, batch):
        """Goes to the next result; whether there may be more."""
        try:
            if not step():
                return False
            if cursor.description:
                answer.result([column[0] for column in cursor.description], cursor, batch)
        except pymssql.Error as error:
            # The handler has the texts of all errors, and the exception the number of one.
            number, text = _number_and_text(error)
            if answer.failed:
                return False
            answer.failed_number, answer.failed = number, text
        return True

    def begin(self):
        self.connection.autocommit(False)

    def commit(self):
        self.connection.commit()
        self.connection.autocommit(True)

    def rollback(self):
        self.connection.rollback()
        self.connection.autocommit(True)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def _number_and_text(error):
    number, text = (*error.args, None)[:2]
    if isinstance(number, tuple):
        number, text = number
    return number, text.decode() if isinstance(text, bytes) else str(text)


def _value(kind, value):
    match kind:
        case "int" | "bit":
            return value if value is None else int(value)
        case "varbinary":
            return value if value is None else bytes.fromhex(value[2:])
        case _:
            return value


serve(Pymssql())
