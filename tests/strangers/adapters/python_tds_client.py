"""python-tds: TDS and its TLS in Python alone."""

import time

import pytds
from adapter import DbApi, Refused, rows_of, run_by_calls, serve, show


class PythonTds(DbApi):
    def __init__(self):
        super().__init__()
        self.said = 0

    def connect(self, to):
        self.close()
        tls = {}
        if to.tls != "off":
            tls = {"cafile": to.ca, "validate_host": True, "enc_login_only": to.tls == "login"}
        try:
            self.connection = pytds.connect(
                dsn=to.host, port=to.port, user=to.user, password=to.password, database=to.database,
                autocommit=True, login_timeout=20, **tls)
        except pytds.Error as error:
            # It raises the last error and keeps no list before there is a connection.
            number = getattr(error, "number", None)
            raise Refused(str(error), [{"number": number, "text": str(error)}] if number else []) from error

    def run(self, batch, answer):
        cursor = self.connection.cursor()
        if batch.is_prepared:
            run_by_calls(batch, _value, pytds.output(param_type="int"), cursor.callproc,
                         lambda: self._all(lambda: True, cursor, answer, batch))
            return
        for parameters in batch.parameters or [()]:
            self.said = 0
            values = tuple(_value(*each) for each in parameters)
            sql = batch.sql
            for number in range(len(values), 0, -1):
                sql = sql.replace(f"@P{number}", "%s")
            self._all(lambda: cursor.execute(sql, values or None) or True, cursor, answer, batch)

    def _all(self, step, cursor, answer, batch):
        while self._step(step, cursor, answer, batch):
            step = cursor.nextset

    def _step(self, step, cursor, answer, batch):
        """Goes to the next result; whether there may be more."""
        try:
            more = step()
            if batch.cancel_after:
                # While rows may come: from another thread, it would read what this one waits for.
                time.sleep(batch.cancel_after)
                cursor.cancel()
                answer.cancelled, more = True, False
            if more:
                show(cursor, rows_of(cursor), answer, batch)
        except pytds.Error as error:
            if answer.failed:
                return False
            answer.failed, more = str(error), True
        self._say(cursor, answer)
        return more

    def _say(self, cursor, answer):
        # The list grows until the next execute.
        messages = cursor.messages or []
        for _, message in messages[self.said:]:
            answer.message(message.text, message.number, message.severity, message.state)
        self.said = len(messages)


def _value(kind, value):
    if value is None:
        return None
    match kind:
        case "int" | "bit":
            return int(value)
        case "varbinary":
            return pytds.Binary(bytes.fromhex(value[2:]))
        case _:
            return value


serve(PythonTds())
