"""Prepares SqlToolsService and SMO: Microsoft's own programs, as a wheel on PyPI brings them.

Nothing of theirs is kept in this repository; all goes into the folder given, and a second call
finds it there. Installs `mono-mcs`, the compiler for our driver of SMO, and the ICU library where
they are missing. Prints the folder with the two programs.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = [os.path.join(HERE, name) for name in ("SmoDriver.cs", "Batch.cs", "Objects.cs")]
REQUIREMENTS = os.path.join(HERE, "requirements.txt")
# The program that starts .NET. It runs the assembly that has its name.
HOST = "MicrosoftSqlToolsServiceLayer"
REFERENCES = [
    "System.Private.CoreLib", "System.Private.Xml", "System.Runtime", "System.Runtime.Extensions",
    "System.Console", "System.Collections", "System.Collections.NonGeneric", "System.Collections.Specialized", "System.Data.Common",
    "System.Data.SqlClient", "System.ComponentModel", "System.ComponentModel.Primitives",
    "System.ComponentModel.TypeConverter", "System.Dynamic.Runtime", "System.IO", "System.Linq.Expressions",
    "System.Security.Cryptography.Algorithms", "System.Security.Cryptography.Primitives",
    "System.Security.Cryptography.X509Certificates",
    "System.Threading", "System.Threading.ThreadPool", "System.Threading.Timer", "System.Threading.Thread",
    "System.ObjectModel", "System.Xml.ReaderWriter", "netstandard", "Newtonsoft.Json",
    "Microsoft.SqlServer.ConnectionInfo",
    "Microsoft.SqlServer.Management.Sdk.Sfc", "Microsoft.SqlServer.Smo",
    "Microsoft.SqlServer.SmoExtended", "Microsoft.SqlServer.SqlEnum",
]


def install(*packages):
    root = [] if os.geteuid() == 0 else ["sudo"]
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        subprocess.run([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *command],
                       check=True, stdout=subprocess.DEVNULL)


def icu_version():
    """As .NET wants to be told it: what the library's file is called."""
    for library in sorted(glob.glob("/usr/lib/*/libicuuc.so.*") + glob.glob("/usr/lib64/libicuuc.so.*")):
        version = re.search(r"\.so\.(\d+\.\d+)$", library)
        if version:
            return version[1]
    return None


def install_missing():
    missing = []
    if not shutil.which("mcs"):
        missing.append("mono-mcs")
    if icu_version() is None:
        found = subprocess.run(["apt-cache", "search", "--names-only", r"^libicu[0-9]+$"],
                               check=True, capture_output=True, text=True).stdout
        if not found:
            install()
            found = subprocess.run(["apt-cache", "search", "--names-only", r"^libicu[0-9]+$"],
                                   check=True, capture_output=True, text=True).stdout
        missing.append(sorted(found.split("\n"))[-1].split(" ")[0])
    if missing:
        install(*missing)


def download(folder):
    """The two wheels. pip checks their digests."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--only-binary=:all:", "--require-hashes", "--python-version", "3.9",
         "--platform", "manylinux1_x86_64", "--platform", "manylinux2014_x86_64",
         "--platform", "manylinux_2_17_x86_64", "--dest", folder, "--requirement", REQUIREMENTS],
        check=True)
    return (glob.glob(os.path.join(folder, name))[0] for name in ("mssql_cli*", "psycopg2*"))


def unpack(wheel, pattern, folder):
    os.makedirs(folder, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if re.fullmatch(pattern, member):
                with archive.open(member) as source, \
                        open(os.path.join(folder, os.path.basename(member)), "wb") as target:
                    shutil.copyfileobj(source, target)


def unpack_service(wheel, libraries, folder):
    service, lib = os.path.join(folder, "service"), os.path.join(folder, "lib")
    unpack(wheel, r"mssqlcli/mssqltoolsservice/bin/[^/]+", service)
    os.chmod(os.path.join(service, HOST), 0o755)
    unpack(libraries, r"psycopg2_binary\.libs/lib(ssl|crypto)[^/]*", lib)
    for name in ("libssl", "libcrypto"):
        library = glob.glob(os.path.join(lib, f"{name}-*.so.1.1"))[0]
        os.symlink(os.path.basename(library), os.path.join(lib, f"{name}.so.1.1"))


def compile_driver(service, target, sources, references):
    """A driver of ours takes the place of the service's assembly beside links to all the others."""
    os.makedirs(target)
    for name in os.listdir(service):
        is_needed = name.endswith((".so", ".dll")) or name == HOST
        if is_needed and not name.startswith(f"{HOST}."):
            os.link(os.path.join(service, name), os.path.join(target, name))
    subprocess.run(
        ["mcs", "-nostdlib", "-noconfig", "-nowarn:1701,1702", "-target:exe",
         *(f"-r:{os.path.join(service, name)}.dll" for name in references),
         *sources, f"-out:{os.path.join(target, HOST)}.dll"],
        check=True)
    with open(os.path.join(target, f"{HOST}.runtimeconfig.json"), "w") as config:
        config.write('{"runtimeOptions": {}}')


def prepared(cache):
    """Where it lies, or will lie: the name changes with all that it is made from."""
    digest = hashlib.sha256()
    for file in (*SOURCES, REQUIREMENTS, os.path.abspath(__file__)):
        with open(file, "rb") as source:
            digest.update(source.read())
    return os.path.join(cache, f"dotnet-{digest.hexdigest()[:16]}")


def prepare(cache):
    """The folder with `service`, `smo` and `lib`: whole, or not there at all."""
    install_missing()
    os.makedirs(cache, exist_ok=True)
    done = prepared(cache)
    if not os.path.isdir(done):
        service, libraries = download(os.path.join(cache, "wheels"))
        folder = tempfile.mkdtemp(dir=cache)
        try:
            unpack_service(service, libraries, folder)
            compile_driver(os.path.join(folder, "service"), os.path.join(folder, "smo"), SOURCES, REFERENCES)
            os.rename(folder, done)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return done


def environment(folder):
    """What both programs need to run."""
    return {
        **os.environ,
        "LD_LIBRARY_PATH": os.path.join(folder, "lib"),
        "CLR_ICU_VERSION_OVERRIDE": icu_version() or "",
        # No telemetry, no look at the terminal.
        "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
        "TERM": "dumb",
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: prepare.py CACHE_FOLDER")
    print(prepare(sys.argv[1]))
