"""Times the same key backup by cold processes: ours, tsql, pymssql; TLS full, default KDF cost.

A capture of the loopback interface tells, for every request, how long the server took from the last
byte of the request to the first byte of the reply. What is compared is each process's wall time less
that. Runs alternate; the figures are medians.

usage: cold_processes.py OURS ADDRESS CA PYTHON RUNS   (the environment holds SA_PASSWORD, KEY_PASSWORD)
"""
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ours, address, ca, python, runs = sys.argv[1:6]
port = int(address.rpartition(":")[2])
sa, key = os.environ["SA_PASSWORD"], os.environ["KEY_PASSWORD"]
folder = tempfile.mkdtemp()
conf = os.path.join(folder, "freetds.conf")
with open(conf, "w") as file:
    file.write(f"[simulated]\nhost = 127.0.0.1\nport = {port}\ntds version = 7.4\nencryption = require\nca file = {ca}\n")
environment = dict(os.environ, FREETDSCONF=conf)

PYMSSQL = """
import os, pymssql, sys
connection = pymssql.connect(server="127.0.0.1", port=int(sys.argv[2]), tds_version="7.4", user="sa",
                             password=os.environ["SA_PASSWORD"], autocommit=True, encryption="require")
connection.cursor().execute("BACKUP SERVICE MASTER KEY TO FILE = N'%s' ENCRYPTION BY PASSWORD = N'%s'"
                            % (sys.argv[1], os.environ["KEY_PASSWORD"]))
connection.close()
"""


def ours_command(path):
    return [ours, "--instance", "SQL01", "--address", address, "--ca", ca, "--user", "sa",
            "--password-env", "SA_PASSWORD", "--file", path, "--key-password-env", "KEY_PASSWORD"], ""


def tsql_command(path):
    batch = f"BACKUP SERVICE MASTER KEY TO FILE = N'{path}' ENCRYPTION BY PASSWORD = N'{key}'\nGO\n"
    return [shutil.which("tsql"), "-S", "simulated", "-U", "sa", "-P", sa], batch


def pymssql_command(path):
    return [python, "-c", PYMSSQL, path, str(port)], ""


def run(command, given):
    """Runs a process with files for its input and output: pipes and their reader would be timed too.

    Returns when it began and ended, its exit code and what it printed.
    """
    with open(os.path.join(folder, "input"), "w+") as read, open(os.path.join(folder, "output"), "w+") as written:
        read.write(given)
        read.flush()
        read.seek(0)
        files = [(os.POSIX_SPAWN_DUP2, read.fileno(), 0), (os.POSIX_SPAWN_DUP2, written.fileno(), 1),
                 (os.POSIX_SPAWN_DUP2, written.fileno(), 2)]
        begin = time.time()
        process = os.posix_spawn(command[0], command, environment, file_actions=files)
        _, status = os.waitpid(process, 0)
        end = time.time()
        written.seek(0)
        return begin, end, os.waitstatus_to_exitcode(status), written.read()


def packets(capture):
    """Each packet with data: its time, and whether it goes to the server."""
    with open(capture, "rb") as file:
        header = file.read(24)
        assert struct.unpack("<I", header[:4])[0] == 0xA1B2C3D4, "a capture in microseconds"
        while record := file.read(16):
            seconds, micros, length, _ = struct.unpack("<IIII", record)
            frame = file.read(length)
            # Ethernet, IPv4, TCP: where the payload begins, and whether there is any.
            internet = 14 + (frame[14] & 15) * 4
            total = struct.unpack(">H", frame[16:18])[0]
            data = total - (frame[14] & 15) * 4 - (frame[internet + 12] >> 4) * 4
            if data > 0:
                yield seconds + micros / 1e6, struct.unpack(">H", frame[internet + 2:internet + 4])[0] == port


def server_time(seen, begin, end):
    """The server's time and the number of turns between two moments."""
    taken, turns, asked = 0.0, 0, None
    for at, to_server in seen:
        if not begin <= at <= end:
            continue
        if to_server:
            asked = at
        elif asked is not None:
            taken, turns, asked = taken + at - asked, turns + 1, None
    return taken, turns


clients = {"ours": ours_command, "tsql": tsql_command, "pymssql": pymssql_command}
capture = os.path.join(folder, "capture")
tcpdump = subprocess.Popen(["tcpdump", "-i", "lo", "-Z", "root", "--immediate-mode", "-U", "-w", capture, "tcp", "port", str(port)],
                           stderr=subprocess.PIPE, text=True)
tcpdump.stderr.readline()
windows = []
for index in range(int(runs) + 1):
    for name, command in clients.items():
        begin, end, code, printed = run(*command(f"C:\\bench\\{name}-{index}-{os.getpid()}.key"))
        if code != 0 or "Msg " in printed or "rror" in printed:
            sys.exit(f"{name} failed: {printed}")
        if index:  # The first round warms the disk's cache.
            windows.append((name, begin, end))
tcpdump.terminate()
tcpdump.wait()

seen = list(packets(capture))
measured = {name: [] for name in clients}
for name, begin, end in windows:
    taken, turns = server_time(seen, begin, end)
    assert turns >= 4, f"{name}: only {turns} turns were captured"
    measured[name].append((end - begin, taken, turns))
own = {}
for name, values in measured.items():
    own[name] = statistics.median(wall - taken for wall, taken, _ in values)
    wall, taken, turns = (statistics.median(column) for column in zip(*values))
    print(f"{name:8} wall {wall * 1000:7.1f} ms  server {taken * 1000:7.1f} ms  own {own[name] * 1000:7.1f} ms  turns {turns:.0f}")
print(f"ratios tsql/ours {own['tsql'] / own['ours']:.2f} pymssql/ours {own['pymssql'] / own['ours']:.2f}")
