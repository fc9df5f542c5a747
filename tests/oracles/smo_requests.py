"""The same operation as calls of SMO, from the operation as it is written in a plan: never from the statements that the
library makes of it."""


def requests(operation, secrets, moves):
    """The calls in their order; None of an operation that has no counterpart. `moves` are the places of files, which the
    library makes of what the server told."""
    make = BY_OPERATION.get(operation["operation"])
    return make(operation, secrets, moves) if make else None


def files(operation):
    return [operation["file"], *operation.get("stripes", [])]


def position(operation):
    chosen = operation.get("set", "only")
    return chosen["position"] if "position" in chosen else 1


def back_up(database, media, **options):
    """A backup, and the look at it that follows."""
    return [{"do": "Backup.SqlBackup", "database": database, "files": media, **options}, verify(media, 1)]


def verify(media, number):
    return {"do": "Restore.SqlVerify", "files": media, "position": number, "checksum": True}


def restore(database, media, number, moves, replace=False):
    """A restore, and the look at the backup that precedes it."""
    return [verify(media, number),
            {"do": "Restore.SqlRestore", "database": database, "files": media, "position": number, "checksum": True,
             "restricted_user": True, "replace": replace, "move": moves}]


def database_backup(operation, _secrets, _moves):
    options = operation["options"]
    more = {name: options[name] for name in ("block_size", "buffer_count", "max_transfer_size") if name in options}
    if "encryption" in options:
        more |= {"cipher": options["encryption"]["cipher"], "certificate": options["encryption"]["certificate"]}
    return back_up(operation["database"], files(operation), compress=options["compression"] != "none", **more)


def database_restore(operation, _secrets, moves):
    database = operation["beside_as"] or operation["database"]
    overwriting = operation["overwriting"] or {}
    calls = restore(database, files(operation), position(operation), moves, bool(overwriting))
    if overwriting.get("copy"):
        calls.insert(0, verify([overwriting["copy"][0], *overwriting.get("copy_stripes", [])], 1))
    return calls


def database_swap(operation, _secrets, _moves):
    name, restored = operation["database"], operation["restored"]["name"]
    calls = []
    if operation["existing"]:
        aside = operation["aside"] or f"{name}_replaced"
        calls += [{"do": "Database.UserAccess", "inside": name, "restricted": True, "evict": True},
                  {"do": "Database.SetOffline", "database": name}, {"do": "Database.Rename", "database": name, "to": aside}]
    calls += [{"do": "Database.SetOffline", "database": restored}, {"do": "Database.Rename", "database": restored, "to": name},
              {"do": "Database.SetOnline", "database": name}]
    return calls


def opened(operation, secrets):
    """Opens the database's master key, where the operation says by what."""
    name = operation["opened_by"]
    return [{"do": "MasterKey.Open", "inside": operation["database"], "password": secrets[name]}] if name else []


def protect_by_password(operation, secrets, _moves):
    inside, password = operation["database"], secrets[operation["password"]]
    return [*opened(operation, secrets), {"do": "MasterKey.AddPasswordEncryption", "inside": inside, "password": password},
            # To see that it took.
            {"do": "MasterKey.Open", "inside": inside, "password": password}]


def restore_database_master_key(operation, secrets, _moves):
    inside, new = operation["database"], secrets[operation["encrypted_by"]]
    force = bool(operation["consent"] and operation["consent"].get("force"))
    return [*opened(operation, secrets),
            {"do": "MasterKey.Import", "inside": inside, "file": operation["file"], "force": force,
             "old": secrets[operation["decrypted_by"]], "new": new},
            {"do": "MasterKey.Open", "inside": inside, "password": new}]


def certificate(operation, **more):
    return {"inside": operation["database"], "certificate": operation["certificate"], "file": operation["file"],
            "private_key": operation["private_key_file"], **more}


def secret(operation, secrets, name):
    return secrets[operation[name]] if operation[name] else None


def import_key(file, password):
    return {"do": "ServiceMasterKey.Import", "file": file, "password": password}


def prove_backup(operation, secrets, moves):
    key = import_key(operation["file"], secrets[operation["restore"]["decrypted_by"]])
    if "throwaway" not in operation["route"]:
        return [key]
    sentinel = operation["route"]["throwaway"]
    database, media = sentinel["sentinel"]["database"], [sentinel["file"]]
    opens = [*restore(database, media, 1, moves), {"do": "Database.Drop", "database": database}]
    # First to see that it does not open without the key.
    return [*opens, key, *opens, {"do": "ServiceMasterKey.Regenerate"}]


def rewrap_through(operation, secrets, moves):
    database, password = operation["database"], secrets[operation["password"]]
    return [import_key(operation["key_file"], secrets[operation["decrypted_by"]]),
            *restore(database, [operation["backup"]], 1, moves),
            {"do": "MasterKey.AddPasswordEncryption", "inside": database, "password": password},
            {"do": "MasterKey.Open", "inside": database, "password": password},
            *back_up(database, [operation["to_file"]], compress=True),
            {"do": "Database.Drop", "database": database}, {"do": "ServiceMasterKey.Regenerate"}]


def key_sentinel(operation, _secrets, _moves):
    database = operation["database"] or "scorch_key_sentinel"
    return [{"do": "Database.Create", "database": database}, *back_up(database, [operation["file"]], compress=True),
            {"do": "Database.Drop", "database": database}]


BY_OPERATION = {
    "certificate/backup@1": lambda it, secrets, _: [certificate(
        it, do="Certificate.Export", new=secret(it, secrets, "encrypted_by"), old=secret(it, secrets, "opened_by"))],
    "certificate/restore@1": lambda it, secrets, _: [certificate(
        it, do="Certificate.Create", old=secret(it, secrets, "decrypted_by"), new=secret(it, secrets, "protected_by"))],
    "database/backup@1": database_backup,
    "database/check-integrity@1": lambda it, *_: [{"do": "Database.CheckTables", "inside": it["database"]}],
    "database/enable-broker@1": lambda it, *_: [
        {"do": "Database.BrokerEnabled", "inside": it["database"], "evict": it["evicting"] is not None}],
    "database/open-to-users@1": lambda it, *_: [{"do": "Database.UserAccess", "inside": it["database"], "restricted": False}],
    "database/rename@1": lambda it, *_: [{"do": "Database.Rename", "database": it["database"], "to": it["to"]}],
    "database/repair-users@1": lambda it, *_: [
        {"do": "User.Login", "inside": it["database"], "user": user, "login": login} for user, login in it["by_name"]["by_name"].items()],
    "database/restore@1": database_restore,
    "database/restrict@1": lambda it, *_: [
        {"do": "Database.UserAccess", "inside": it["database"], "restricted": True, "evict": it["evicting"] is not None}],
    "database/set-offline@1": lambda it, *_: [{"do": "Database.SetOffline", "database": it["database"]}],
    "database/swap@1": database_swap,
    "database/take-ownership@1": lambda it, *_: [
        {"do": "Database.SetOwner", "database": it["database"], "owner": "sa" if it["owner"] == "sa" else it["owner"]["login"]}],
    "database/verify@1": lambda it, *_: [verify(files(it), position(it))],
    "database-master-key/backup@1": lambda it, secrets, _: [*opened(it, secrets), {
        "do": "MasterKey.Export", "inside": it["database"], "file": it["file"], "password": secrets[it["encrypted_by"]]}],
    "database-master-key/protect-by-password@1": protect_by_password,
    "database-master-key/protect-by-service-master-key@1": lambda it, secrets, _: [
        *opened(it, secrets), {"do": "MasterKey.AddServiceKeyEncryption", "inside": it["database"]}],
    "database-master-key/restore@1": restore_database_master_key,
    "database-master-key/rewrap-through@1": rewrap_through,
    "database-master-key/verify-password@1": lambda it, secrets, _: [
        {"do": "MasterKey.Open", "inside": it["database"], "password": secrets[it["password"]]},
        {"do": "MasterKey.Close", "inside": it["database"]}],
    "database-keys/verify@1": lambda *_: [],
    # SMO knows nothing of Orchestrator's procedures and tables, and writes no rows.
    "authorization-cache/rebuild@1": lambda *_: [],
    "maintenance-queue/start@1": lambda *_: [],
    "encryption/recreate-keys@1": lambda *_: [],
    "encryption/verify@1": lambda *_: [],
    "jobs/cancel@1": lambda *_: [],
    "key-sentinel/backup@1": key_sentinel,
    # SMO makes a login without a look whether its name or its SID is taken: not asked for.
    "principals/restore@1": lambda *_: [],
    "service-master-key/backup@1": lambda it, secrets, _: [
        {"do": "ServiceMasterKey.Export", "file": it["file"], "password": secrets[it["encrypted_by"]]}],
    "service-master-key/prove-backup@1": prove_backup,
    "service-master-key/restore@1": lambda it, secrets, _: [import_key(it["file"], secrets[it["decrypted_by"]])],
}
