"""The simulator, run as a process of its own for each way of encryption."""

import contextlib
import json
import os
import secrets
import string
import subprocess
import tempfile

from witness import Witness

# What quoting must get right wherever a name, a password or a path is put into a statement.
HOSTILE = "]' --;"


def random_name(prefix):
    return prefix + "".join(secrets.choice(string.ascii_letters) for _ in range(8))


def random_password():
    rest = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))
    # A quote, a bracket and a letter of two bytes: no client and no server gets away without quoting.
    return f"A1']ä{rest}"


def literal(text):
    return "N'" + text.replace("'", "''") + "'"


def bracketed(name):
    return "[" + name.replace("]", "]]") + "]"


def host_name(leaf):
    """What the simulator calls a file on the host: all but harmless letters is written `%XX`."""
    harmless = (string.ascii_lowercase + string.digits + "-_.").encode()
    return "".join(chr(byte) if byte in harmless else f"%{byte:02X}" for byte in leaf.encode())


class NotStarted(Exception):
    """The simulator ended before it was ready."""


class Simulator:
    """An instance, and the witness that clients connect through."""

    def __init__(self, binary, folder, tls, share=None, options=()):
        self.tls = tls
        self.name = random_name("SQL")
        self.password = random_password()
        self.share, self.share_folder = share or (random_name("vault"), os.path.join(folder, "share"))
        os.makedirs(self.share_folder, exist_ok=True)
        self.process = subprocess.Popen(
            [binary, "--instance", self.name, "--dir", os.path.join(folder, "server"),
             "--sa-password-env", "SIMULATOR_SA", "--tls", tls,
             "--share", f"{self.share}={self.share_folder}", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "SIMULATOR_SA": self.password},
        )
        line = self.process.stdout.readline()
        if not line:
            raise NotStarted(f"the simulator with --tls {tls} did not start")
        ready = json.loads(line)
        # A certificate names hosts, so that `localhost` is what clients check.
        self.host, self.ca = "localhost", ready.get("ca")
        self.own_port = int(ready["address"].rpartition(":")[2])
        self.witness = Witness(self.own_port)
        self.port = self.witness.port

    def path(self, leaf, *folders):
        """A file as the server sees it, and as it lies here."""
        # In lower case, as the simulated Windows keeps names that it doesn't tell apart.
        leaf = random_name(leaf).lower()
        folder = os.path.join(self.share_folder, *folders)
        os.makedirs(folder, exist_ok=True)
        return "\\\\" + "\\".join((self.share, *folders, leaf)), os.path.join(folder, host_name(leaf))

    def stop(self):
        # It ends in one of two ways.
        if self.tls == "full":
            self.process.terminate()
        self.process.stdin.close()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.witness.close()


class Simulators:
    """One for each way of encryption, and `orchestrator`, which has such a database; begun when first needed."""

    def __init__(self, binary, options=()):
        self._binary, self._options = binary, options
        self._folder = tempfile.TemporaryDirectory()
        self._running = {}

    def __getitem__(self, name):
        if name not in self._running:
            tls, more = (name, []) if name != "orchestrator" else ("full", ["--orchestrator", "--seed", str(secrets.randbelow(1000))])
            folder = os.path.join(self._folder.name, name)
            self._running[name] = Simulator(self._binary, folder, tls, options=[*self._options, *more])
        return self._running[name]

    @contextlib.contextmanager
    def another(self, beside):
        """One more instance, which sees the share of that one."""
        with tempfile.TemporaryDirectory() as folder:
            simulator = Simulator(self._binary, folder, "full", (beside.share, beside.share_folder), self._options)
            try:
                yield simulator
            finally:
                simulator.stop()

    def stop(self):
        codes = {name: simulator.stop() for name, simulator in self._running.items()}
        self._folder.cleanup()
        return codes
