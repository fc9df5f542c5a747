"""What FreeTDS's command line tools have in common: they are asked by standard input, batch by batch, and
answer by what they print."""

import os
import queue
import re
import signal
import subprocess
import threading
import uuid

from adapter import Refused, cancel_later
from freetds_config import Configuration

# Between the cells of a row: nothing that is asked for has it.
BETWEEN = "\x1f"
MARK_COLUMN = "column_of_the_mark"
CHARSET = re.compile(r'^using default charset "[^"]*"')


class Failed(str):
    """What the tool says of an answer that it can't show."""


class Tool:
    """A tool's process, which is one connection. After it ended, the next batch begins another one."""

    name = ""

    def __init__(self):
        self.configuration = Configuration()
        self.to = self.environment = self.process = self.lines = self.failed = None

    def command(self):
        """The tool, for the server `simulator` of the configuration."""
        raise NotImplementedError

    def messages(self):
        """Takes lines of standard error by `send`, and gives `(text, number, severity, state)`, `Failed` or
        `None`."""
        raise NotImplementedError

    def results(self, lines):
        """Makes `(columns, rows)` of what was printed."""
        raise NotImplementedError

    def connect(self, to):
        self.close()
        self.configuration.write(to, "simulator", host=to.host, port=to.port, client_charset="UTF-8", text_size=2147483647)
        self.environment = {**os.environ, **self.configuration.environment, "LC_ALL": "C.UTF-8"}
        self.to = to
        said, printed = [], []
        self._ask("SELECT 1 AS one", lambda *message: said.append(message), printed.append)
        if not any("1" == line.strip() for line in printed):
            raise Refused(self.configuration.refused() or f"{self.name} ended", [
                {"text": text, "number": number, "severity": severity, "state": state}
                for text, number, severity, state in said if number])

    def run(self, batch, answer):
        if batch.is_digested:
            answer.result([], self._rows(batch, answer), batch)
            return
        self.failed, lines = None, []
        # As somebody at a terminal would stop it.
        timer = batch.cancel_after and cancel_later(
            batch.cancel_after, lambda process=self.process: process.send_signal(signal.SIGINT))
        # It has no parameters: it runs what it reads.
        self._ask(batch.sql, answer.message, lines.append)
        if timer:
            timer.cancel()
        for columns, rows in self.results(lines):
            answer.result(columns, rows, batch)
        answer.failed = self.failed

    def _rows(self, batch, answer):
        """The rows of a batch with one result, while they come."""
        passed = queue.Queue(maxsize=64)

        def ask():
            self._ask(batch.sql, answer.message, passed.put)
            passed.put(None)

        threading.Thread(target=ask, daemon=True).start()
        yield from ([row] for row in self.only_rows(iter(passed.get, None)))

    def only_rows(self, lines):
        """Leaves out of the lines of one result what is no row."""
        raise NotImplementedError

    def _ask(self, sql, say, take):
        """Runs a batch: `take` gets what is printed, line by line, `say` the messages when they are shown."""
        if self.process is None or self.process.poll() is not None:
            self._begin()
        mark = f"mark{uuid.uuid4().hex}"
        # A mark in each of the two ways in which a tool shows something.
        request = f"{sql}\ngo\nPRINT N'{mark}'\nSELECT '{mark}' AS {MARK_COLUMN}\ngo\n"
        threading.Thread(target=self._write, args=(self.process, request), daemon=True).start()
        has_ended, waited_for, messages = False, {"out", "err"}, self.messages()
        next(messages)
        while waited_for:
            stream, line = self.lines.get()
            if line is None:
                waited_for.discard(stream)
                has_ended = True
            elif mark in line:
                waited_for.discard(stream)
            elif stream == "out":
                take(line)
            elif isinstance(message := messages.send(line), Failed):
                self.failed = message
            elif message:
                say(*message)
        if has_ended:
            self.close()

    def _begin(self):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", *self.command()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=self.environment, encoding="utf-8")
        # What a slow reader leaves waits in the tool's pipe, not here.
        self.lines = queue.Queue(maxsize=64)
        for stream, file in (("out", self.process.stdout), ("err", self.process.stderr)):
            threading.Thread(target=self._read, args=(stream, file, self.lines), daemon=True).start()

    @staticmethod
    def _read(stream, file, lines):
        for line in file:
            # It says this without the end of a line.
            lines.put((stream, CHARSET.sub("", line).rstrip("\n")))
        lines.put((stream, None))

    @staticmethod
    def _write(process, request):
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except OSError:
            # It ended at an error, before it read all.
            pass

    # A tool's own means are batches.

    def begin(self):
        self._quiet("BEGIN TRANSACTION")

    def commit(self):
        self._quiet("COMMIT")

    def rollback(self):
        self._quiet("ROLLBACK")

    def _quiet(self, sql):
        self._ask(sql, lambda *message: None, lambda line: None)

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None
