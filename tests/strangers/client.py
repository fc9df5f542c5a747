"""A client: a process that speaks JSON lines. `README.md` describes them."""

import json
import os
import queue
import subprocess
import threading
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))


KNOWN_TEXTS = {
    208: "Invalid object name ",
    15240: "Cannot write into file ",
    15466: "An error occurred during decryption.",
    18456: "Login failed for user 'sa'.",
}


class Miss(Exception):
    """What a check found instead of what it wants."""


@dataclass
class Message:
    text: str
    number: int | None = None
    severity: int | None = None
    state: int | None = None
    # When the client showed it, by this machine's monotonic clock.
    shown_at: float = 0.0

    @property
    def is_error(self):
        return (self.severity or 0) > 10


@dataclass
class Answer:
    """What a client showed of the answer to one request."""

    results: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    failed: str | None = None
    cancelled: bool = False
    digest: dict | None = None
    ended_at: float = 0.0

    @property
    def errors(self):
        return [message for message in self.messages if message.is_error]

    @property
    def numbers(self):
        """Numbers of errors in the order in which the client shows them."""
        return [message.number for message in self.errors]

    def has_errors(self, *numbers):
        """Whether these errors were shown and no others. One that the client shows without its number
        is known by its text."""
        return len(self.errors) == len(numbers) and all(
            error.number == number if error.number is not None else KNOWN_TEXTS[number] in error.text
            for error, number in zip(self.errors, numbers))

    @property
    def rows(self):
        return [row for result in self.results for row in result["rows"]]

    def __str__(self):
        shown = {"results": self.results, "messages": [(m.number, m.text) for m in self.messages],
                 "failed": self.failed}
        return json.dumps({name: value for name, value in shown.items() if value}, ensure_ascii=False)[:600]


class Client:
    """An adapter's process, begun when it is first asked something."""

    def __init__(self, name, command, cache, python, reads_no_guids=False):
        self.name = name
        self.reads_no_guids = reads_no_guids
        self._command = [part.format(here=HERE, cache=cache, python=python) for part in command]
        self._process = None
        self._lines = None
        self.errors_file = None

    def request(self, asked, within):
        """Sends one request and waits for its answer."""
        if not self._process or self._process.poll() is not None:
            self._begin()
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()
        answer, until = Answer(), time.monotonic() + within
        while True:
            try:
                line, at = self._lines.get(timeout=max(0, until - time.monotonic()))
            except queue.Empty:
                self.stop()
                raise Miss(f"{asked['do']}: no answer within {within} s") from None
            if line is None:
                self._died()
            told = json.loads(line)
            if "message" in told:
                answer.messages.append(Message(**told["message"], shown_at=at))
            else:
                return self._done(answer, told["done"], at)

    @staticmethod
    def _done(answer, done, at):
        answer.ended_at = at
        answer.messages += [Message(**{"severity": 16, **each}, shown_at=at) for each in done.get("messages", [])]
        for name in ("results", "failed", "cancelled", "digest"):
            if done.get(name) is not None:
                setattr(answer, name, done[name])
        number = done.get("failed_number")
        if number is not None and number not in answer.numbers:
            # Told with the failure: it belongs to the error whose text that has.
            nameless = [each for each in answer.errors if each.number is None and each.text in answer.failed]
            if nameless:
                nameless[0].number = number
            else:
                answer.messages.append(Message(answer.failed, number, 16, shown_at=at))
        return answer

    def _begin(self):
        self._process = subprocess.Popen(
            self._command, cwd=HERE, text=True, encoding="utf-8", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors_file or subprocess.DEVNULL, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        self._lines = queue.Queue()
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()

    @staticmethod
    def _read(process, lines):
        for line in process.stdout:
            lines.put((line, time.monotonic()))
        lines.put((None, 0))

    def _died(self):
        code = self._process.wait()
        self._process = None
        raise Miss(f"the client's process ended with {code}")

    def most_memory(self):
        """The most memory that the process ever held, in bytes."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
