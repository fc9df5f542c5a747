"""Times the same key backup by cold processes: ours, tsql, pymssql; TLS full, default KDF cost.

Between the clients and the simulator stands a relay that notes, for every request, how long the
server took from the last byte of the request to the first byte of the reply. What is compared is
each process's wall time less that. Runs alternate; the figures are medians.

usage: cold_processes.py OURS ADDRESS CA PYTHON RUNS   (the environment holds SA_PASSWORD, KEY_PASSWORD)
"""
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ours, address, ca, python, runs = sys.argv[1:6]
host, port = address.rsplit(":", 1)
sa, key = os.environ["SA_PASSWORD"], os.environ["KEY_PASSWORD"]


class Relay:
    """Passes bytes on both ways and adds up the server's time."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server_time = 0.0
        self.turns = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection((host, int(port)))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = [None]
            threading.Thread(target=self.requests, args=(client, server, asked), daemon=True).start()
            threading.Thread(target=self.replies, args=(server, client, asked), daemon=True).start()

    def requests(self, client, server, asked):
        self.copy(client, server, lambda: asked.__setitem__(0, time.perf_counter()))

    def replies(self, server, client, asked):
        def arrived():
            if asked[0] is not None:
                with self.lock:
                    self.server_time += time.perf_counter() - asked[0]
                    self.turns += 1
                asked[0] = None

        self.copy(server, client, arrived)

    @staticmethod
    def copy(source, sink, note):
        try:
            while data := source.recv(65536):
                note()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        with self.lock:
            taken, turns = self.server_time, self.turns
            self.server_time, self.turns = 0.0, 0
        return taken, turns


relay = Relay()
folder = tempfile.mkdtemp()
conf = os.path.join(folder, "freetds.conf")
with open(conf, "w") as file:
    file.write(f"[simulated]\nhost = 127.0.0.1\nport = {relay.port}\ntds version = 7.4\nencryption = require\nca file = {ca}\n")
environment = dict(os.environ, FREETDSCONF=conf)

PYMSSQL = """
import os, pymssql, sys
connection = pymssql.connect(server="127.0.0.1", port=int(sys.argv[2]), tds_version="7.4", user="sa", password=os.environ["SA_PASSWORD"], autocommit=True, encryption="require")
connection.cursor().execute("BACKUP SERVICE MASTER KEY TO FILE = N'%s' ENCRYPTION BY PASSWORD = N'%s'" % (sys.argv[1], os.environ["KEY_PASSWORD"]))
connection.close()
"""


def run_ours(path):
    return subprocess.run(
        [ours, "--instance", "SQL01", "--address", f"127.0.0.1:{relay.port}", "--ca", ca, "--user", "sa",
         "--password-env", "SA_PASSWORD", "--file", path, "--key-password-env", "KEY_PASSWORD"],
        capture_output=True, text=True, env=environment)


def run_tsql(path):
    batch = f"BACKUP SERVICE MASTER KEY TO FILE = N'{path}' ENCRYPTION BY PASSWORD = N'{key}'\nGO\n"
    return subprocess.run(["tsql", "-S", "simulated", "-U", "sa", "-P", sa], input=batch, capture_output=True, text=True,
                          env=environment)


def run_pymssql(path):
    return subprocess.run([python, "-c", PYMSSQL, path, str(relay.port)], capture_output=True, text=True, env=environment)


clients = {"ours": run_ours, "tsql": run_tsql, "pymssql": run_pymssql}
walls = {name: [] for name in clients}
server_times = {name: [] for name in clients}
turns_of = {}
for index in range(int(runs) + 1):
    for name, run in clients.items():
        path = f"C:\\bench\\{name}-{index}-{os.getpid()}.key"
        relay.reset()
        begin = time.perf_counter()
        done = run(path)
        wall = time.perf_counter() - begin
        taken, turns = relay.reset()
        if done.returncode != 0 or "Msg " in done.stdout + done.stderr or "rror" in done.stderr:
            sys.exit(f"{name} failed: {done.stdout} {done.stderr}")
        if index:  # The first round warms the disk's cache.
            walls[name].append(wall)
            server_times[name].append(taken)
            turns_of[name] = turns

own = {name: statistics.median([w - s for w, s in zip(walls[name], server_times[name])]) for name in clients}
for name in clients:
    print(f"{name:8} wall {statistics.median(walls[name]) * 1000:7.1f} ms  server {statistics.median(server_times[name]) * 1000:7.1f} ms"
          f"  own {own[name] * 1000:7.1f} ms  round trips {turns_of[name]}")
print(f"ratios tsql/ours {own['tsql'] / own['ours']:.2f} pymssql/ours {own['pymssql'] / own['ours']:.2f}")
