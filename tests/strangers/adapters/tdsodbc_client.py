"""pyodbc with FreeTDS's driver, as Debian packages it."""

import glob
import os

from adapter import serve
from freetds_config import Configuration

CONFIGURATION = Configuration()
os.environ.update(CONFIGURATION.environment)

from pyodbc_steps import Odbc  # noqa: E402

DRIVER = (glob.glob("/usr/lib/*/odbc/libtdsodbc.so") + ["libtdsodbc.so"])[0]


class TdsOdbc(Odbc):
    def connection_string(self, to):
        CONFIGURATION.write(to, "simulator", host=to.host, port=to.port, client_charset="UTF-8")
        database = f"DATABASE={to.database};" if to.database else ""
        return f"DRIVER={DRIVER};SERVERNAME=simulator;{database}UID={to.user};PWD={to.password}"


serve(TdsOdbc())
