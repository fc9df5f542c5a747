"""pyodbc with FreeTDS's driver, as Debian packages it."""

import glob
import os
import tempfile

# FreeTDS knows an authority only from its configuration file.
FOLDER = tempfile.TemporaryDirectory()
CONFIG = os.path.join(FOLDER.name, "freetds.conf")
os.environ["FREETDSCONF"] = CONFIG

from adapter import Unsupported, serve  # noqa: E402
from pyodbc_steps import Odbc  # noqa: E402

DRIVER = (glob.glob("/usr/lib/*/odbc/libtdsodbc.so") + ["libtdsodbc.so"])[0]
ENCRYPTION = {"off": "off", "login": "request", "full": "require"}


class TdsOdbc(Odbc):
    def connection_string(self, to):
        if to.tls not in ENCRYPTION:
            raise Unsupported("FreeTDS 1.3 knows encryption off, request and require")
        with open(CONFIG, "w", encoding="utf-8") as config:
            config.write(f"[simulator]\nhost = {to.host}\nport = {to.port}\ntds version = 7.4\n"
                         f"client charset = UTF-8\nencryption = {ENCRYPTION[to.tls]}\n")
            if to.ca:
                config.write(f"ca file = {to.ca}\ncheck certificate hostname = yes\n")
        database = f"DATABASE={to.database};" if to.database else ""
        return f"DRIVER={DRIVER};SERVERNAME=simulator;{database}UID={to.user};PWD={to.password}"


serve(TdsOdbc())
