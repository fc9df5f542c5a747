"""pymssql: FreeTDS, as its wheel brings it."""

import os
import tempfile

from adapter import Refused, Unsupported, cancel_later, serve

# FreeTDS knows an authority only from its configuration file, which it looks up when it is loaded.
FOLDER = tempfile.TemporaryDirectory()
CONFIG = os.path.join(FOLDER.name, "freetds.conf")
os.environ["FREETDSCONF"] = CONFIG

import pymssql  # noqa: E402

ENCRYPTION = {"off": "off", "login": "request", "full": "require"}


class Pymssql:
    def __init__(self):
        self.connection = None
        self.answer = None

    def connect(self, to):
        self.close()
        if to.tls not in ENCRYPTION:
            raise Unsupported("pymssql.connect() knows encryption off, request and require")
        with open(CONFIG, "w", encoding="utf-8") as config:
            config.write(f"[global]\ntds version = 7.4\nencryption = {ENCRYPTION[to.tls]}\n")
            if to.ca:
                config.write(f"ca file = {to.ca}\ncheck certificate hostname = yes\n")
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
        if batch.is_prepared:
            raise Unsupported("pymssql prepares no statements")
        self.answer = answer
        timer = batch.cancel_after and cancel_later(batch.cancel_after, self.connection._conn.cancel)
        cursor = self.connection.cursor()
        try:
            for parameters in batch.parameters or [()]:
                values = tuple(_value(*each) for each in parameters)
                sql = _percent(batch.sql, len(values))
                self._step(lambda: cursor.execute(sql, values) or True if values else cursor.execute(sql) or True,
                           cursor, answer, batch)
                while self._step(cursor.nextset, cursor, answer, batch):
                    pass
        finally:
            if timer:
                timer.cancel()
            self.answer = None

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


def _percent(sql, count):
    for number in range(count, 0, -1):
        sql = sql.replace(f"@P{number}", "%s")
    return sql


serve(Pymssql())
