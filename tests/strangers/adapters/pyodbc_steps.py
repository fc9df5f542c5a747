"""What pyodbc does alike with every driver. It shows messages only at the end of each step."""

import re
import time

import pyodbc
from adapter import DbApi, Refused, show

# What pyodbc adds to a message: `[42S02] [Vendor][Driver][Server]Text (208) (SQLExecDirectW)`.
NUMBER = re.compile(r"\((\d+)\) \(SQL\w+\)")
MARKS = re.compile(r"^(\s*\[[^\]]*\]\s*)+")
STATE_OF_MESSAGE = re.compile(r"\[(\w+)\] \((\d+)\)")
BETWEEN = re.compile(r"; (?=\[\w{5}\] \[)")

# A connection that is closed has to end.
pyodbc.pooling = False


class Odbc(DbApi):
    def connection_string(self, to):
        raise NotImplementedError

    def connect(self, to):
        self.close()
        try:
            self.connection = pyodbc.connect(self.connection_string(to), autocommit=True, timeout=20)
        except pyodbc.Error as error:
            raise Refused(str(error), _errors(error)) from error

    def run(self, batch, answer):
        cursor = self.connection.cursor()
        try:
            # The same object each time: that is how it knows a statement that it has prepared.
            sql = re.sub(r"@P\d+", "?", batch.sql) if batch.parameters else batch.sql
            for parameters in batch.parameters or [()]:
                if batch.cancel_after:
                    self._cancel(cursor, batch, answer)
                    break
                values = [_value(*each) for each in parameters]
                self._step(lambda row=values: cursor.execute(sql, *row) or True, cursor, answer, batch)
                while self._step(cursor.nextset, cursor, answer, batch):
                    pass
        finally:
            cursor.close()

    @staticmethod
    def _cancel(cursor, batch, answer):
        """While rows may come: a driver need not bear that from another thread."""
        cursor.execute(batch.sql)
        time.sleep(batch.cancel_after)
        cursor.cancel()
        answer.cancelled = True

    @staticmethod
    def _step(step, cursor, answer, batch):
        """Goes to the next result; whether there may be more."""
        try:
            if not step():
                return False
        except pyodbc.Error as error:
            answer.failed = answer.failed or str(error)
            for each in _errors(error):
                answer.message(each["text"], each["number"], each["severity"])
            # What the batch did after the error may still come.
            return True
        for mark, text in cursor.messages or []:
            found = STATE_OF_MESSAGE.search(mark)
            answer.message(MARKS.sub("", text), int(found[2]) if found else None, 0)
        show(cursor, cursor, answer, batch)
        return True


def _errors(error):
    """The errors in an exception of pyodbc's, which puts them into one text."""
    errors = []
    for part in BETWEEN.split(str(error.args[-1])):
        found = NUMBER.search(part)
        number = int(found[1]) if found else 0
        # 0 is an error of the driver's own.
        if number:
            text = MARKS.sub("", part[:found.start()]).rstrip()
            errors.append({"number": number, "text": text, "severity": 16})
    return errors


def _value(kind, value):
    if value is None:
        return None
    match kind:
        case "int":
            return int(value)
        case "bit":
            return value == "1"
        case "varbinary":
            return bytes.fromhex(value[2:])
        case _:
            return value
