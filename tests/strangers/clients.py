"""Clients of SQL Server that others made, behind one small face.

Each runs one batch and gives what the client shows of the answer: rows, and messages with their
numbers where the client tells them.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field

import pymssql
import pytds


@dataclass
class Answer:
    columns: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    # Numbers of errors, in the order in which the client shows them.
    errors: list = field(default_factory=list)
    # All that was said, errors included.
    texts: list = field(default_factory=list)


@dataclass
class Server:
    host: str
    port: int
    # The file with the authority's certificate; None without TLS.
    ca: str | None


class Pymssql:
    """FreeTDS, as the wheel of pymssql brings it."""

    name = "pymssql"

    def __init__(self, server, password, folder):
        self.texts = []
        self.connection = pymssql.connect(
            server=server.host, port=server.port, user="sa", password=password, autocommit=True,
            encryption="require" if server.ca else "off", tds_version="7.4", login_timeout=20,
        )
        self.connection._conn.set_msghandler(self._message)

    def _message(self, state, severity, server, procedure, line, text):
        self.texts.append(text.decode())

    @staticmethod
    def login_error(error):
        number = error.args[0]
        return number[0] if isinstance(number, tuple) else number

    def run(self, text):
        answer, self.texts = Answer(), []
        cursor = self.connection.cursor()
        try:
            cursor.execute(text)
            while True:
                if cursor.description:
                    answer.columns = [column[0] for column in cursor.description]
                    answer.rows += cursor.fetchall()
                if not cursor.nextset():
                    break
        except pymssql.Error as error:
            # Only the first error has its number; the handler gets the texts of all.
            answer.errors.append(error.args[0])
        answer.texts = self.texts
        return answer

    def close(self):
        self.connection.close()


class PythonTds:
    """TDS and its TLS in Python alone."""

    name = "python-tds"

    def __init__(self, server, password, folder):
        tls = {"cafile": server.ca, "validate_host": True} if server.ca else {}
        self.connection = pytds.connect(
            dsn=server.host, port=server.port, user="sa", password=password, autocommit=True,
            login_timeout=20, **tls,
        )

    @staticmethod
    def login_error(error):
        return getattr(error, "number", None)

    def run(self, text):
        answer = Answer()
        cursor = self.connection.cursor()
        try:
            cursor.execute(text)
            while True:
                if cursor.description:
                    answer.columns = [column[0] for column in cursor.description]
                    answer.rows += cursor.fetchall()
                self._take(cursor, answer)
                if not cursor.nextset():
                    break
        except pytds.Error:
            self._take(cursor, answer)
        return answer

    @staticmethod
    def _take(cursor, answer):
        for _, message in cursor.messages or []:
            answer.texts.append(message.text)
            if message.severity > 10:
                answer.errors.append(message.number)

    def close(self):
        self.connection.close()


class Tsql:
    """FreeTDS's own tool, as Debian packages it. It ends with 0 even after errors, so that only
    what it prints tells anything."""

    name = "tsql"

    def __init__(self, server, password, folder):
        file = os.path.join(folder, f"freetds-{server.port}.conf")
        encryption = "require" if server.ca else "off"
        with open(file, "w") as config:
            config.write(
                f"[simulator]\nhost = {server.host}\nport = {server.port}\n"
                f"tds version = 7.4\nencryption = {encryption}\n"
            )
            if server.ca:
                config.write(f"ca file = {server.ca}\ncheck certificate hostname = yes\n")
        self.environment = {**os.environ, "FREETDSCONF": file}
        self.password = password
        answer = self.run("SELECT 1 AS one")
        if answer.errors or not answer.rows:
            raise LoginFailed(answer)

    @staticmethod
    def login_error(error):
        return error.args[0].errors[0] if error.args[0].errors else None

    def run(self, text):
        done = subprocess.run(
            ["tsql", "-S", "simulator", "-U", "sa", "-P", self.password, "-t", "\t", "-o", "fq"],
            input=f"{text}\ngo\nexit\n", text=True, capture_output=True, timeout=60,
            env=self.environment,
        )
        answer = Answer()
        shown = re.findall(
            r'Msg (\d+) \(severity (\d+), state \d+\) from [^\n]*\n\t"(.*?)"$',
            done.stderr + done.stdout, re.S | re.M,
        )
        for number, severity, message in shown:
            answer.texts.append(message)
            if int(severity) > 10:
                answer.errors.append(int(number))
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        # `-o fq` leaves the columns' names and the rows.
        if lines:
            answer.columns = lines[0].split("\t")
            answer.rows = [tuple(line.split("\t")) for line in lines[1:]]
        return answer

    def close(self):
        pass


class LoginFailed(Exception):
    pass


CLIENTS = [Pymssql, PythonTds, Tsql]
