"""mssql-python, which brings Microsoft's ODBC Driver 18 and shows errors without their numbers."""

import math
import os
import re

import mssql_python
from adapter import DbApi, Refused, rows_of, serve, show

# The driver encrypts the login whenever the server can, whatever is asked.
ENCRYPTION = {"off": "no", "login": "no", "full": "yes", "strict": "strict"}
MARKS = re.compile(r"^(\s*\[[^\]]*\]\s*)+")
NUMBER = re.compile(r"\[\w+\] \((\d+)\)")


def connection_string(to):
    """What this client and others with the driver are told."""
    if to.ca:
        # Where OpenSSL, below the driver, looks for authorities.
        os.environ["SSL_CERT_FILE"] = to.ca
    password = to.password.replace("}", "}}")
    database = f"DATABASE={{{to.database}}};" if to.database else ""
    return (f"SERVER=tcp:{to.host},{to.port};UID={to.user};PWD={{{password}}};{database}"
            f"Encrypt={ENCRYPTION[to.tls]};TrustServerCertificate=no")


class MssqlPython(DbApi):
    def connect(self, to):
        self.close()
        try:
            self.connection = mssql_python.connect(connection_string(to), autocommit=True, timeout=0)
        except mssql_python.Error as error:
            raise Refused(str(error), [_error(error)]) from error

    def run(self, batch, answer):
        # It has no way to cancel but a limit in whole seconds.
        self.connection.timeout = math.ceil(batch.cancel_after or 0)
        cursor = self.connection.cursor()
        try:
            for parameters in batch.parameters or [()]:
                values = [_value(*each) for each in parameters]
                sql = re.sub(r"@P\d+", "?", batch.sql) if values else batch.sql
                self._step(lambda: cursor.execute(sql, *values), cursor, answer, batch)
                while self._step(cursor.nextset, cursor, answer, batch):
                    pass
        finally:
            cursor.close()

    @staticmethod
    def _step(step, cursor, answer, batch):
        """Goes to the next result; whether there may be more."""
        try:
            if not step():
                return False
        except mssql_python.Error as error:
            answer.failed = answer.failed or str(error)
            answer.message(**_error(error))
            return True
        finally:
            for mark, text in cursor.messages:
                found = NUMBER.search(mark)
                number = int(found[1]) if found else 0
                # PRINT has number 0.
                answer.message(MARKS.sub("", text), number or None, 0)
            cursor.messages.clear()
        show(cursor, rows_of(cursor), answer, batch)
        return True


def _error(error):
    return {"text": MARKS.sub("", error.ddbc_error), "number": None, "severity": 16}


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


# A connection that is closed has to end.
mssql_python.pooling(enabled=False)

if __name__ == "__main__":
    serve(MssqlPython())
