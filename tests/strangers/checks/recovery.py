"""Keys, backups and restores: what the project is about."""

import os

from check import Checks, want
from simulators import bracketed, literal, random_name, random_password

CHECKS = Checks()
check = CHECKS.check

HEADERONLY = """
BackupName BackupDescription BackupType ExpirationDate Compressed Position DeviceType UserName ServerName DatabaseName
DatabaseVersion DatabaseCreationDate BackupSize FirstLSN LastLSN CheckpointLSN DatabaseBackupLSN BackupStartDate
BackupFinishDate SortOrder CodePage UnicodeLocaleId UnicodeComparisonStyle CompatibilityLevel SoftwareVendorId
SoftwareVersionMajor SoftwareVersionMinor SoftwareVersionBuild MachineName Flags BindingID RecoveryForkID Collation
FamilyGUID HasBulkLoggedData IsSnapshot IsReadOnly IsSingleUser HasBackupChecksums IsDamaged BeginsLogChain
HasIncompleteMetaData IsForceOffline IsCopyOnly FirstRecoveryForkID ForkPointLSN RecoveryModel DifferentialBaseLSN
DifferentialBaseGUID BackupTypeDescription BackupSetGUID CompressedBackupSize Containment KeyAlgorithm
EncryptorThumbprint EncryptorType LastValidRestoreTime TimeZone CompressionAlgorithm
""".split()
FILELISTONLY = """
LogicalName PhysicalName Type FileGroupName Size MaxSize FileId CreateLSN DropLSN UniqueId ReadOnlyLSN ReadWriteLSN
BackupSizeInBytes SourceBlockSize FileGroupId LogGroupGUID DifferentialBaseLSN DifferentialBaseGUID IsReadOnly
IsPresent TDEThumbprint SnapshotUrl
""".split()

DECRYPTING = r"""
USE Orchestrator
OPEN SYMMETRIC KEY ORCHESTRATOR_SYM_KEY DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY
SELECT COUNT(DECRYPTBYKEY(CONVERT(varbinary(8000), SUBSTRING(Value, 11, LEN(Value) - 20), 2))) AS decrypting
FROM dbo.VARIABLES WHERE Value LIKE N'\`d.T.~De/%'
"""

# What a path may hold, for one that doesn't quote it.
LEAF = "ba'ck ]ü漢;--"


def said(answer):
    return "\n".join(each.text for each in answer.messages)


def numbers_or_texts(answer, number, text):
    """Whether a message was shown, by its number if the client shows numbers of notices."""
    return any(each.number in (None, number) and text in each.text for each in answer.messages)


class Example:
    """A database with a row, and where its backup goes."""

    def __init__(self, connection):
        self.connection = connection
        self.name = random_name("d]'ä漢 ")
        self.quoted = bracketed(self.name)
        path, self.file = connection.simulator.path(LEAF)
        self.device = f"DISK = {literal(path)}"
        connection.good(f"CREATE DATABASE {self.quoted}")
        connection.good(f"CREATE TABLE {self.quoted}.dbo.t (v nvarchar(50))")
        connection.good(f"INSERT INTO {self.quoted}.dbo.t VALUES (N'before 漢')")

    def back_up(self, options="CHECKSUM, STATS = 10"):
        return self.connection.good(f"BACKUP DATABASE {self.quoted} TO {self.device} WITH {options}")

    def values(self):
        answer = self.connection.good(f"SELECT v FROM {self.quoted}.dbo.t")
        return [row[0] for row in answer.rows]


def written(file):
    return os.path.isfile(file) and os.path.getsize(file) > 0


@check("BACKUP SERVICE MASTER KEY writes a file, and a second time fails with 15240", must=True)
def backup_service_master_key(bench):
    connection = bench.connection()
    path, file = connection.simulator.path(LEAF)
    backup = f"BACKUP SERVICE MASTER KEY TO FILE = {literal(path)} ENCRYPTION BY PASSWORD = {literal(random_password())}"
    connection.good(backup)
    want(written(file), f"there is no {file}")
    answer = connection.run(backup)
    want(answer.has_errors(15240), answer)


@check("RESTORE SERVICE MASTER KEY: a wrong password fails, the right one finds the same key")
def restore_service_master_key(bench):
    connection = bench.connection()
    path, _ = connection.simulator.path(LEAF)
    password = literal(random_password())
    connection.good(f"BACKUP SERVICE MASTER KEY TO FILE = {literal(path)} ENCRYPTION BY PASSWORD = {password}")
    restore = f"RESTORE SERVICE MASTER KEY FROM FILE = {literal(path)} DECRYPTION BY PASSWORD = "
    answer = connection.run(restore + literal(random_password()))
    want(answer.has_errors(15466), answer)
    connection.good(restore + password)


@check("BACKUP DATABASE writes a backup that VERIFYONLY takes for good", must=True)
def backup_database(bench):
    example = Example(bench.connection())
    example.back_up()
    want(written(example.file), f"there is no {example.file}")
    example.connection.good(f"RESTORE VERIFYONLY FROM {example.device} WITH CHECKSUM")


@check("RESTORE DATABASE brings back what was there", must=True)
def restore_database(bench):
    example = Example(bench.connection())
    example.back_up()
    example.connection.good(f"UPDATE {example.quoted}.dbo.t SET v = N'after'")
    want(example.values() == ["after"], example.values())
    example.connection.good(f"RESTORE DATABASE {example.quoted} FROM {example.device} WITH REPLACE, STATS = 10")
    want(example.values() == ["before 漢"], example.values())


@check("what BACKUP and RESTORE say: 3211 for each tenth, and 3014 at the end")
def backup_messages(bench):
    example = Example(bench.connection())
    tenths = [f"{tenth} percent processed." for tenth in range(10, 101, 10)]
    for verb, answer in (
        ("BACKUP", example.back_up()),
        ("RESTORE", example.connection.good(
            f"RESTORE DATABASE {example.quoted} FROM {example.device} WITH REPLACE, STATS = 10")),
    ):
        shown = [each.text for each in answer.messages if each.text.endswith("percent processed.")]
        want(shown == tenths and all(each.number in (None, 3211) for each in answer.messages if each.text in tenths), answer)
        want(numbers_or_texts(answer, 3014, f"{verb} DATABASE successfully processed"), answer)


@check("shows these messages while the server is still at work")
def live_messages(bench):
    example = Example(bench.connection())
    for statement in (f"BACKUP DATABASE {example.quoted} TO {example.device} WITH STATS = 10",
                      f"RESTORE DATABASE {example.quoted} FROM {example.device} WITH REPLACE, STATS = 10"):
        answer = example.connection.good(f"{statement}; WAITFOR DELAY '00:00:02'")
        before_end = [answer.ended_at - each.shown_at for each in answer.messages if "percent processed." in each.text]
        want(len(before_end) == 10, answer)
        want(min(before_end) >= 1, f"{statement[:7]}: shown {min(before_end):.3f} s before the end, of 2 s")


@check("keys and a database that it backs up, our operations restore on another instance: all values decrypt", must=True)
def our_restore(bench):
    connection = bench.connection("orchestrator")
    source = connection.simulator
    key, backup = (source.path(LEAF, "kit")[0] for _ in ("key", "backup"))
    password = random_password()
    connection.good(f"BACKUP SERVICE MASTER KEY TO FILE = {literal(key)} ENCRYPTION BY PASSWORD = {literal(password)}")
    connection.good(f"BACKUP DATABASE Orchestrator TO DISK = {literal(backup)}")
    # As the client counts them, in words of its own.
    counted = int(connection.good(DECRYPTING).rows[-1][0])
    want(counted > 0, "nothing decrypts at the source")
    with bench.another_instance(source) as target:
        told = bench.ours.run("restore_from_parts", target, password, key, backup)
    want(told == {"values_checked": counted, "values_decrypted": counted}, (told, counted))


@check("RESTORE HEADERONLY gives 59 columns by name, and the database", must=True)
def headeronly(bench):
    example = Example(bench.connection())
    example.back_up("COPY_ONLY, FORMAT, NAME = N'full o''clock 漢'")
    restore = f"RESTORE HEADERONLY FROM {example.device}"
    if bench.client.reads_no_guids:
        # As one helps oneself with such a tool: by way of a table, as text.
        columns = ", ".join(f"{name} nvarchar(300)" for name in HEADERONLY)
        example.connection.good(f"CREATE TABLE #h ({columns})")
        example.connection.good(f"INSERT #h EXEC({literal(restore)})")
        restore = "SELECT * FROM #h"
    answer = example.connection.good(restore)
    want(answer.results[-1]["columns"] == HEADERONLY + bench.planted_columns, answer.results[-1]["columns"])
    want(len(answer.rows) == 1, answer)
    row = dict(zip(HEADERONLY, answer.rows[0]))
    want((row["DatabaseName"], row["BackupName"], row["Position"]) == (example.name, "full o'clock 漢", "1"), row)


@check("RESTORE FILELISTONLY gives 22 columns by name, and both files")
def filelistonly(bench):
    example = Example(bench.connection())
    example.back_up()
    answer = example.connection.good(f"RESTORE FILELISTONLY FROM {example.device}")
    want(answer.results[-1]["columns"] == FILELISTONLY, answer.results[-1]["columns"])
    want([row[FILELISTONLY.index("Type")] for row in answer.rows] == ["D", "L"], answer.rows)


@check("RESTORE VERIFYONLY takes a whole backup, and refuses a damaged one")
def verifyonly(bench):
    example = Example(bench.connection())
    example.back_up("CHECKSUM")
    verify = f"RESTORE VERIFYONLY FROM {example.device} WITH CHECKSUM"
    answer = example.connection.good(verify)
    want(numbers_or_texts(answer, 3262, "The backup set on file 1 is valid."), answer)
    want(written(example.file), f"there is no {example.file}")
    os.truncate(example.file, os.path.getsize(example.file) // 2)
    answer = example.connection.run(verify)
    want(answer.errors, answer)
