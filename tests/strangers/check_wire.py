"""Lets clients that others made talk with the simulator, and judges it by what they print.

Names, paths and passwords are made up afresh at every run. The last line is the figure,
`N of N checks`; the exit code is 1 when it falls short.
"""

import argparse
import json
import os
import secrets
import string
import subprocess
import sys
import tempfile

from clients import CLIENTS, Pymssql, PythonTds, Server

HEADERONLY_COLUMNS = 59


class Checks:
    def __init__(self):
        self.passed = self.total = 0

    def check(self, what, holds, found=""):
        self.total += 1
        self.passed += bool(holds)
        print(f"{'ok  ' if holds else 'MISS'} {what}" + ("" if holds else f": {found}"))


def random_name(prefix):
    return prefix + "".join(secrets.choice(string.ascii_letters) for _ in range(8))


def random_password():
    rest = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))
    # A quote and a bracket, so that no client and no server gets away without quoting.
    return f"A1']a{rest}"


def quoted(text):
    return text.replace("'", "''")


class Simulator:
    """The example, run as a process of its own."""

    def __init__(self, binary, folder, tls, share=None, options=()):
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
        ready = json.loads(self.process.stdout.readline())
        port = int(ready["address"].rpartition(":")[2])
        # A certificate names hosts, so that `localhost` is what clients check.
        self.server = Server("localhost", port, ready.get("ca"))

    def close_input(self):
        self.process.stdin.close()

    def terminate(self):
        self.process.terminate()


def check_client(checks, client_class, simulator, folder, columns_expected):
    tls = "full TLS" if simulator.server.ca else "no TLS"
    about = f"{client_class.name}, {tls}:"

    try:
        client_class(simulator.server, random_password(), folder)
        refused = "signed in"
    except Exception as error:
        refused = client_class.login_error(error)
    checks.check(f"{about} a wrong password is refused with 18456", refused == 18456, refused)

    try:
        client = client_class(simulator.server, simulator.password, folder)
    except Exception as error:
        checks.check(f"{about} signs in", False, repr(error))
        return
    answer = client.run("SELECT @@SERVERNAME AS name")
    checks.check(f"{about} signs in to the instance",
                 [tuple(row) for row in answer.rows] == [(simulator.name,)], answer)

    check_keys(checks, about, client, simulator)
    check_databases(checks, about, client, simulator, columns_expected)
    client.close()


def check_keys(checks, about, client, simulator):
    # In lower case, as the simulated Windows keeps names that it doesn't tell apart.
    file = random_name("key").lower() + ".key"
    backup = (f"BACKUP SERVICE MASTER KEY TO FILE = N'\\\\{simulator.share}\\{file}' "
              f"ENCRYPTION BY PASSWORD = N'{quoted(random_password())}'")
    answer = client.run(backup)
    written = os.path.join(simulator.share_folder, file)
    checks.check(f"{about} the service master key is backed up into a file",
                 not answer.errors and os.path.isfile(written) and os.path.getsize(written) > 0,
                 answer)
    answer = client.run(backup)
    checks.check(f"{about} a second backup there fails with 15240",
                 answer.errors == [15240], answer)


def check_databases(checks, about, client, simulator, columns_expected):
    database = random_name("db]'")
    bracketed = "[" + database.replace("]", "]]") + "]"
    device = f"N'\\\\{simulator.share}\\{random_name('backup')}.bak'"
    answer = client.run(f"CREATE DATABASE {bracketed}")
    answer = answer if answer.errors else client.run(
        f"BACKUP DATABASE {bracketed} TO DISK = {device} WITH COPY_ONLY, CHECKSUM, STATS = 10")
    said = "\n".join(answer.texts)
    checks.check(f"{about} a database is backed up and its progress shown",
                 not answer.errors and "100 percent processed." in said
                 and "BACKUP DATABASE successfully processed" in said, answer)

    answer = client.run(f"RESTORE HEADERONLY FROM DISK = {device}")
    checks.check(f"{about} HEADERONLY has {columns_expected} columns and names the database",
                 len(answer.columns) == columns_expected and len(answer.rows) == 1
                 and database in answer.rows[0], (len(answer.columns), answer.rows))

    missing = f"N'\\\\{simulator.share}\\{random_name('missing')}.bak'"
    answer = client.run(f"RESTORE DATABASE {bracketed} FROM DISK = {missing} WITH REPLACE")
    texts = answer.texts
    checks.check(f"{about} a restore from nowhere fails with 3201, then 3013",
                 answer.errors[:1] == [3201] and answer.errors[1:] in ([], [3013])
                 and len(texts) == 2 and texts[0].startswith("Cannot open backup device")
                 and texts[1] == "RESTORE DATABASE is terminating abnormally.", answer)

    answer = client.run("SELECT name, state_desc FROM sys.databases ORDER BY database_id")
    rows = [tuple(row) for row in answer.rows]
    checks.check(f"{about} sys.databases shows master and the database, online",
                 ("master", "ONLINE") in rows and (database, "ONLINE") in rows, rows)


def check_plain_is_refused(checks, simulator):
    try:
        PythonTds(Server(simulator.server.host, simulator.server.port, None),
                  simulator.password, "")
        outcome = "signed in"
    except Exception as error:
        outcome = str(error)
    checks.check("python-tds, without TLS where it is required: refused",
                 "required by server" in outcome, outcome)


COUNT = r"""
OPEN SYMMETRIC KEY ORCHESTRATOR_SYM_KEY DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY
SELECT COUNT(DECRYPTBYKEY(CONVERT(varbinary(8000), SUBSTRING(Value, 11, LEN(Value) - 20), 2))) AS decrypted
FROM Orchestrator.dbo.VARIABLES WHERE Value LIKE N'\`d.T.~De/%'
"""


def check_recovery(checks, simulator, restore):
    """What pymssql backed up, our operations restore on another instance, and it decrypts."""
    about = "pymssql's backups, our restore:"
    with tempfile.TemporaryDirectory() as folder:
        share = (random_name("vault"), os.path.join(folder, "share"))
        os.makedirs(os.path.join(share[1], "kit"))
        source = Simulator(simulator, os.path.join(folder, "source"), "full", share,
                           ["--orchestrator", "--seed", str(secrets.randbelow(1000))])
        target = Simulator(simulator, os.path.join(folder, "target"), "full", share)
        try:
            client = Pymssql(source.server, source.password, folder)
            key_password = random_password()
            key, backup = (f"\\\\{share[0]}\\kit\\{random_name(leaf)}" for leaf in ("key", "backup"))
            answers = [
                client.run(f"BACKUP SERVICE MASTER KEY TO FILE = N'{key}' "
                           f"ENCRYPTION BY PASSWORD = N'{quoted(key_password)}'"),
                client.run(f"BACKUP DATABASE Orchestrator TO DISK = N'{backup}'"),
                client.run("USE Orchestrator"),
            ]
            answer = client.run(COUNT)
            counted = answer.rows[0][0] if answer.rows else None
            checks.check(f"{about} backed up, with values that decrypt",
                         not any(each.errors for each in answers) and counted, (answers, answer))
            client.close()
            done = subprocess.run(
                [restore, "--instance", target.name, "--address", f"{target.server.host}:{target.server.port}",
                 "--ca", target.server.ca, "--user", "sa", "--password-env", "TARGET_SA",
                 "--key-password-env", "KEY_PASSWORD", "--key-file", key, "--backup-file", backup,
                 "--allow-unc-host", share[0]],
                capture_output=True, text=True,
                env={**os.environ, "TARGET_SA": target.password, "KEY_PASSWORD": key_password})
            expected = {"values_checked": counted, "values_decrypted": counted}
            checks.check(f"{about} all {counted} values decrypt on another instance",
                         done.returncode == 0 and json.loads(done.stdout) == expected, done)
        finally:
            source.process.kill()
            target.process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator", help="the built example")
    parser.add_argument("restore", help="the built example restore_from_parts")
    parser.add_argument("--plant-fault", action="store_true",
                        help="expect a column too many, to see that checks can fail")
    arguments = parser.parse_args()
    columns_expected = HEADERONLY_COLUMNS + arguments.plant_fault
    checks = Checks()
    for tls in ("off", "full"):
        with tempfile.TemporaryDirectory() as folder:
            simulator = Simulator(arguments.simulator, folder, tls)
            try:
                for client_class in CLIENTS:
                    check_client(checks, client_class, simulator, folder, columns_expected)
                if tls == "full":
                    check_plain_is_refused(checks, simulator)
                end, how = {
                    "off": (simulator.close_input, "its input closes"),
                    "full": (simulator.terminate, "it is told to terminate"),
                }[tls]
                end()
                code = simulator.process.wait(20)
                checks.check(f"the simulator ends when {how}", code == 0, code)
            finally:
                simulator.process.kill()
    check_recovery(checks, arguments.simulator, arguments.restore)
    print(f"{checks.passed} of {checks.total} checks")
    sys.exit(checks.passed != checks.total)


if __name__ == "__main__":
    main()
