"""What SMO's own objects do with the simulator: `Server`, `Backup`, `Restore`, `ServiceMasterKey`.

They work end to end, they restore what our operations back up and the reverse, and they leave the
same state as our operations do: python-tds looks at both afterwards, and each difference must have
a reason. Exit code 1: something was missed. The last line is the figure, `N of N checks`.
"""

import argparse
import os
import re
import secrets
import sys
import tempfile

import pytds
from client import Client
from ours import Ours
from simulators import Simulator, random_name, random_password

ROWS_OF_STATE = {
    "sys.databases": "SELECT * FROM sys.databases WHERE name = 'Orchestrator'",
    "sys.master_files": "SELECT * FROM sys.master_files WHERE database_id = DB_ID('Orchestrator') ORDER BY file_id",
    "server's keys": "SELECT * FROM master.sys.symmetric_keys ORDER BY symmetric_key_id",
    "restorehistory": "SELECT * FROM msdb.dbo.restorehistory ORDER BY restore_history_id",
    "restorefile": "SELECT * FROM msdb.dbo.restorefile ORDER BY restore_history_id, file_number",
    "restorefilegroup": "SELECT * FROM msdb.dbo.restorefilegroup ORDER BY restore_history_id",
    "logins": "SELECT name, sid, type FROM sys.server_principals ORDER BY principal_id",
    "symmetric keys": "SELECT * FROM Orchestrator.sys.symmetric_keys ORDER BY symmetric_key_id",
    "asymmetric keys": "SELECT * FROM Orchestrator.sys.asymmetric_keys ORDER BY asymmetric_key_id",
    "key encryptions": "SELECT * FROM Orchestrator.sys.key_encryptions ORDER BY key_id, crypt_type",
    "users": "SELECT * FROM Orchestrator.sys.database_principals ORDER BY principal_id",
}
BACKUP_SET = ("SELECT s.*, f.physical_device_name, f.device_type, m.is_compressed, m.software_name FROM msdb.dbo.backupset s "
              "JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = s.media_set_id "
              "JOIN msdb.dbo.backupmediaset m ON m.media_set_id = s.media_set_id "
              "WHERE s.type = 'D' ORDER BY s.backup_set_id")
# Where the two may differ, and why.
REASONS = [
    (r"\.(create_date|modify_date|restore_date|backup_start_date|backup_finish_date)$", "it was done at another time"),
    (r"\.(physical_name|destination_phys_name|physical_device_name)$", "each has files of its own"),
    (r"backup set.*\.(backup_set_id|media_set_id|backup_set_uuid)$", "it is another set"),
    (r"backup set.*\.(first_lsn|last_lsn|checkpoint_lsn)$", "the log went on between them"),
]
COUNT = r"""
USE Orchestrator
OPEN SYMMETRIC KEY ORCHESTRATOR_SYM_KEY DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY
SELECT COUNT(DECRYPTBYKEY(CONVERT(varbinary(8000), SUBSTRING(Value, 11, LEN(Value) - 20), 2))), COUNT(*)
FROM dbo.VARIABLES WHERE Value LIKE N'\`d.T.~De/%'
"""
TENTHS = [["PercentComplete", str(tenth)] for tenth in range(10, 101, 10)]


class Checks:
    def __init__(self):
        self.good = self.total = 0

    def check(self, about, holds, found=""):
        self.total += 1
        self.good += bool(holds)
        print(f"{'ok  ' if holds else 'MISS'} {about}" + ("" if holds else f": {str(found)[:1500]}"), flush=True)


class Probe:
    """Looks at a server with a client that has no part in what is looked at."""

    def __init__(self, simulator):
        self._connection = pytds.connect(
            dsn=simulator.host, port=simulator.own_port, user="sa", password=simulator.password, autocommit=True,
            cafile=simulator.ca, validate_host=True, as_dict=False)

    def rows(self, sql):
        """The rows of the last result, each as a dictionary."""
        cursor = self._connection.cursor()
        cursor.execute(sql)
        while cursor.description is None and cursor.nextset():
            pass
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]

    def values(self, sql):
        return [tuple(row.values()) for row in self.rows(sql)]

    def counted(self):
        cursor = self._connection.cursor()
        cursor.execute(COUNT)
        while cursor.description is None:
            cursor.nextset()
        row = cursor.fetchall()[0]
        cursor.execute("USE master")
        return tuple(row)

    def state(self):
        state = {"variables that decrypt": self.counted()}
        for name, sql in ROWS_OF_STATE.items():
            flatten(state, name, self.rows(sql))
        return state

    def backup_sets(self):
        return self.rows(BACKUP_SET)

    def close(self):
        self._connection.close()


def flatten(into, name, rows):
    into[f"{name}, rows"] = len(rows)
    for number, row in enumerate(rows):
        for column, value in row.items():
            into[f"{name} {number}.{column}"] = value


def compare(checks, about, one, other):
    """Two states: what differs, each with its reason."""
    unexplained, reasons = [], {}
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) == other.get(key):
            continue
        reason = next((why for pattern, why in REASONS if re.search(pattern, key)), None)
        if reason is None:
            unexplained.append((key, one.get(key), other.get(key)))
        else:
            reasons.setdefault(reason, []).append(key)
    for reason, keys in reasons.items():
        print(f"     differs, since {reason}: {', '.join(keys)}")
    checks.check(f"{about}: {len(one)} fields, {sum(map(len, reasons.values()))} of them different for a reason",
                 not unexplained, unexplained)


class Smo:
    """SMO, signed in to a server."""

    def __init__(self, client, simulator):
        self._client, self._simulator = client, simulator

    def ask(self, what, **how):
        self._client.request({
            "do": "connect", "host": self._simulator.host, "port": self._simulator.port, "user": "sa",
            "password": self._simulator.password, "database": None, "tls": self._simulator.tls,
            "ca": self._simulator.ca}, 60)
        return self._client.request({"do": what, **how}, 120)

    def table(self, what, **how):
        answer = self.ask(what, **how)
        if answer.failed:
            raise RuntimeError(f"{what}: {answer}")
        result = answer.results[0]
        return [dict(zip(result["columns"], row)) for row in result["rows"]]


def check_server(checks, smo, probe):
    for what in ("server", "information"):
        answer = smo.ask(what)
        shown = {name: value for name, value in answer.rows}
        checks.check(f"all {len(shown)} properties of {what.title()} are answered", not answer.failed and len(shown) > 30, answer)
    properties = ("Edition", "ProductLevel", "Collation", "ResourceVersionString=ResourceVersion", "PathSeparator",
                  "VersionString=ProductVersion", "BuildClrVersionString=BuildClrVersion", "SqlSortOrderName",
                  "DefaultFile=InstanceDefaultDataPath", "BackupDirectory=InstanceDefaultBackupPath")
    shown = {row["name"]: row["value"] for row in smo.table("server")}
    for each in properties:
        own, _, asked = each.partition("=")
        expected = probe.values(f"SELECT CONVERT(nvarchar(512), SERVERPROPERTY('{asked or own}'))")[0][0]
        checks.check(f"Server.{own} is what the server says", shown.get(own) == expected, (shown.get(own), expected))

    found = [(row["name"], row["id"], row["recovery_model"].upper(), row["owner"], row["collation"], row["files"])
             for row in smo.table("databases")]
    expected = []
    for row in probe.values("SELECT name, database_id, recovery_model_desc, SUSER_SNAME(owner_sid), collation_name "
                            "FROM sys.databases ORDER BY name"):
        files = probe.values(f"SELECT name FROM sys.master_files WHERE database_id = {row[1]} ORDER BY file_id")
        expected.append((row[0], str(row[1]), *row[2:], ", ".join(name for name, in files)))
    checks.check(f"Server.Databases has all {len(expected)}, with owners, models, collations and files",
                 [tuple(map(str, row)) for row in found] == expected, (found, expected))


def check_backup(checks, smo, path, damaged, kept):
    database, password = "Orchestrator", kept["key password"]
    answer = smo.ask("export key", path=kept["key"], password=password)
    checks.check("ServiceMasterKey.Export writes the key", not answer.failed, answer)
    answer = smo.ask("export key", path=kept["key"], password=password)
    checks.check("ServiceMasterKey.Export onto a file that is there fails with 15240", answer.numbers == [15240], answer)

    raised = smo.table("back up", database=database, path=kept["backup"], copy_only=True, checksum=True, format=True,
                       initialize=True, compression=True)
    events = [[row["event"], str(row["number"])] for row in raised]
    checks.check("Backup.SqlBackup raises PercentComplete 10 to 100, Information and, at last, Complete",
                 events[:10] == TENTHS and ["Information", "4035"] in events and events[-1] == ["Complete", "3014"], raised)
    answer = smo.ask("back up", database=random_name("missing"), path=path)
    checks.check("Backup.SqlBackup of no database fails with 911, then 3013", answer.numbers == [911, 3013], answer)

    header = smo.table("read header", path=kept["backup"])
    checks.check("Restore.ReadBackupHeader has one set, of that database, with checksums",
                 [(row["DatabaseName"], row["HasBackupChecksums"], row["IsCopyOnly"]) for row in header] == [(database, "1", "1")],
                 header)
    files = smo.table("read files", path=kept["backup"])
    checks.check("Restore.ReadFileList has the data and the log", [row["Type"] for row in files] == ["D", "L"], files)
    verified = smo.table("verify", path=kept["backup"])
    checks.check("Restore.SqlVerify finds it whole", verified[0]["is_valid"] is True, verified)
    with open(kept["backup file"], "rb") as whole:
        content = whole.read()
    with open(damaged[1], "wb") as cut:
        cut.write(content[:len(content) // 2])
    answer = smo.ask("verify", path=damaged[0])
    is_refused = bool(answer.failed or answer.errors or answer.rows[0][0] is False)
    checks.check("Restore.SqlVerify refuses half of it", is_refused and answer.numbers, answer)
    return files


def check_restore(checks, smo, probe, files, kept, missing):
    answer = smo.ask("import key", path=kept["key"], password=random_password())
    checks.check("ServiceMasterKey.Import with a wrong password fails with 15466", answer.numbers == [15466], answer)
    answer = smo.ask("import key", path=kept["key"], password=kept["key password"])
    checks.check("ServiceMasterKey.Import takes the key", not answer.failed, answer)
    answer = smo.ask("restore", database="Orchestrator", path=missing)
    checks.check("Restore.SqlRestore from nowhere fails with 3201, then 3013", answer.numbers == [3201, 3013], answer)

    folder = probe.values("SELECT CONVERT(nvarchar(512), SERVERPROPERTY('InstanceDefaultDataPath'))")[0][0]
    relocate = [[row["LogicalName"], f"{folder}relocated-{row['LogicalName']}"] for row in files]
    how = {"database": "Orchestrator", "path": kept["backup"], "checksum": True, "restricted_user": True, "relocate": relocate}
    raised = smo.table("restore", **how)
    events = [[row["event"], str(row["number"])] for row in raised]
    checks.check("Restore.SqlRestore raises PercentComplete 10 to 100 and, at last, Complete",
                 events[:10] == TENTHS and events[-1] == ["Complete", "3014"], raised)
    placed = probe.values("SELECT name, physical_name FROM sys.master_files WHERE database_id = DB_ID('Orchestrator') ORDER BY file_id")
    checks.check("RelocateFiles puts the files where they are wanted",
                 [list(row) for row in placed] == relocate, (placed, relocate))


def check_replace(checks, smo, probe, kept):
    """Over an existing database, which is another one: only with ReplaceDatabase."""
    probe.values("CREATE DATABASE other; SELECT 1")
    where = "SELECT name, physical_name FROM sys.master_files WHERE database_id = DB_ID('other') ORDER BY file_id"
    relocate = [[logical, path] for logical, (_, path) in zip(kept["logical names"], probe.values(where))]
    how = {"database": "other", "path": kept["backup"], "relocate": relocate}
    answer = smo.ask("restore", **how)
    checks.check("Restore.SqlRestore over another database fails with 3154, then 3013", answer.numbers == [3154, 3013], answer)
    answer = smo.ask("restore", replace=True, **how)
    tables = probe.values("SELECT COUNT(*) FROM other.sys.tables WHERE name = 'VARIABLES'")
    checks.check("with ReplaceDatabase it is replaced", not answer.failed and tables == [(1,)], (answer, tables))


def run(checks, arguments, folder):
    def start(name, share=None, *options):
        return Simulator(os.path.join(arguments.examples, "simulator"), os.path.join(folder, name), "full", share, options)

    ours = Ours(arguments.examples)
    client = Client("SMO", ["{python}", "{here}/adapters/smo_client.py", "{cache}/dotnet"], arguments.cache, sys.executable)
    client.errors_file = sys.stderr if arguments.verbose else None
    source = start("source", None, "--orchestrator", "--seed", str(secrets.randbelow(1000)))
    share = (source.share, source.share_folder)
    simulators = [source] + [start(name, share) for name in ("by-smo", "by-ours", "reverse")]
    probes = [Probe(simulator) for simulator in simulators]
    try:
        _, by_smo, by_ours, reverse = simulators
        at_source, at_smo, at_ours, at_reverse = probes
        smo = Smo(client, source)
        kept = {"key password": random_password(), "key": source.path("key", "kit")[0]}
        kept["backup"], kept["backup file"] = source.path("backup", "kit")
        counted = at_source.counted()
        checks.check("values at the source decrypt", counted[0] == counted[1] > 0, counted)
        check_server(checks, smo, at_source)
        files = check_backup(checks, smo, source.path("nothing", "kit")[0], source.path("damaged", "kit"), kept)
        kept["logical names"] = [row["LogicalName"] for row in files]

        # The same by our operations, as far as they are the same.
        own = {"key password": random_password(), "key": source.path("key", "kit")[0], "backup": source.path("backup", "kit")[0]}
        ours.run("back_up_parts", source, own["key password"], own["key"], own["backup"])
        sets = at_source.backup_sets()
        two = [{}, {}]
        for state, row in zip(two, sets):
            flatten(state, "backup set", [row])
        checks.check("two backups are in msdb", len(sets) == 2, len(sets))
        compare(checks, "msdb after Backup.SqlBackup and after our backup", *two)

        # What SMO made, restored by SMO and by our operations.
        check_restore(checks, Smo(client, by_smo), at_smo, files, kept, source.path("missing", "kit")[0])
        told = ours.run("restore_from_parts", by_ours, kept["key password"], kept["key"], kept["backup"])
        checks.check("our restore of SMO's files: all values decrypt",
                     told == {"values_checked": counted[0], "values_decrypted": counted[0]}, told)
        states = at_smo.state(), at_ours.state()
        if arguments.plant_fault:
            states[0]["variables that decrypt"] = (0, 0)
        compare(checks, "the server after SMO's Import and SqlRestore, and after our restores", *states)
        check_replace(checks, Smo(client, by_smo), at_smo, kept)

        # What our operations made, restored by SMO.
        back = Smo(client, reverse)
        answer = back.ask("import key", path=own["key"], password=own["key password"])
        checks.check("ServiceMasterKey.Import takes the key that our operation backed up", not answer.failed, answer)
        answer = back.ask("restore", database="Orchestrator", path=own["backup"], checksum=True)
        checks.check("Restore.SqlRestore takes what our operation backed up", not answer.failed, answer)
        checks.check("and all values decrypt", at_reverse.counted() == counted, at_reverse.counted())
    finally:
        client.stop()
        for each in probes:
            each.close()
        for simulator in simulators:
            simulator.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", help="the folder of the built examples")
    parser.add_argument("--cache", required=True, help="the folder that the clients were installed to")
    parser.add_argument("--plant-fault", action="store_true", help="take one state for another, to see that it is found")
    parser.add_argument("--verbose", action="store_true", help="show what SMO writes to standard error")
    arguments = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        run(checks, arguments, folder)
    print(f"{checks.good} of {checks.total} checks")
    sys.exit(checks.good != checks.total)


if __name__ == "__main__":
    main()
