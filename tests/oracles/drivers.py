"""Prepares Microsoft's parser of T-SQL, ScriptDom, with our driver of it.

It comes with the wheel that the strangers' .NET part takes; all goes into the folder given, and a second call finds it
there. Prints the folder with `trees`.
"""

import hashlib
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "strangers", "dotnet"))

import prepare as strangers  # noqa: E402

DRIVERS = {"trees": "Trees.cs", "captured": "Captured.cs"}
REFERENCES = [*strangers.REFERENCES, "Microsoft.SqlServer.TransactSql.ScriptDom"]


def prepare(cache):
    """The folder with a folder for each driver: whole, or not there at all."""
    done = strangers.prepare(os.path.join(cache, "dotnet"))
    digest = hashlib.sha256()
    for name in (*DRIVERS.values(), os.path.basename(__file__)):
        with open(os.path.join(HERE, name), "rb") as source:
            digest.update(source.read())
    drivers = os.path.join(done, f"oracles-{digest.hexdigest()[:16]}")
    if not os.path.isdir(drivers):
        folder = tempfile.mkdtemp(dir=done)
        try:
            for name, source in DRIVERS.items():
                strangers.compile_driver(os.path.join(done, "service"), os.path.join(folder, name),
                                         [os.path.join(HERE, source)], REFERENCES)
            os.rename(folder, drivers)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return drivers


def command(cache, name):
    """A driver's program, and the surroundings that it needs."""
    program = os.path.join(prepare(cache), name, strangers.HOST)
    return [program], strangers.environment(strangers.prepared(os.path.join(cache, "dotnet")))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: prepare.py CACHE_FOLDER")
    print(prepare(sys.argv[1]))
