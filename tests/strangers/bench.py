"""Where a check meets a client: connections to make, and what was seen meanwhile."""

from client import Miss
from simulators import NotStarted

# A request that takes longer than this has hung.
WITHIN = 60


class Connection:
    """A client that is signed in."""

    def __init__(self, bench, simulator):
        self._bench, self.simulator = bench, simulator

    def run(self, sql, within=WITHIN, **how):
        return self._bench.ask({"do": "run", "sql": sql, **how}, within)

    def good(self, sql, **how):
        """Runs what must go well."""
        answer = self.run(sql, **how)
        if answer.errors or answer.failed:
            raise Miss(f"{sql[:100]}: {answer}")
        return answer

    def transaction(self, step):
        answer = self._bench.ask({"do": "transaction", "step": step})
        if answer.failed:
            raise Miss(f"{step}: {answer}")


class Bench:
    """One client and one check."""

    def __init__(self, client, simulators, tls, ours):
        self.client = client
        self._simulators = simulators
        # Where the check does not ask for a way of encryption.
        self.tls = tls
        self.ours = ours
        # For whoever must show that a hole is the client's own.
        self.answers = []
        self._used = {}

    def simulator(self, name=None):
        name = name or self.tls
        try:
            simulator = self._simulators[name]
        except NotStarted as error:
            raise Miss(str(error)) from error
        self._used.setdefault(name, (simulator, len(simulator.witness.conversations)))
        return simulator

    def another_instance(self, beside):
        return self._simulators.another(beside)

    def conversations(self):
        """What went over the wire since the check began."""
        return [each for simulator, before in self._used.values()
                for each in simulator.witness.conversations[before:]]

    def ask(self, request, within=WITHIN):
        answer = self.client.request(request, within)
        self.answers.append(answer)
        return answer

    def sign_in(self, at=None, **changes):
        """Signs in, or shows how that failed."""
        simulator = self.simulator(at)
        return self.ask({"do": "connect", "host": simulator.host, "port": simulator.port, "user": "sa",
                         "password": simulator.password, "database": None, "tls": simulator.tls,
                         "ca": simulator.ca, **changes})

    def connection(self, at=None, **changes):
        answer = self.sign_in(at, **changes)
        if answer.failed or answer.errors:
            raise Miss(f"signing in: {answer}")
        return Connection(self, self.simulator(at))

    def end(self):
        """Closes what the check left open."""
        try:
            self.client.request({"do": "close"}, WITHIN)
        except Miss:
            self.client.stop()
