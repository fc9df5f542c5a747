"""pyodbc with Microsoft's ODBC Driver 18, from the wheel that mssql-python brings."""

import glob
import os

import mssql_python_odbc
from adapter import serve
from mssql_python_client import connection_string
from pyodbc_steps import Odbc

FOLDER = os.path.dirname(mssql_python_odbc.__file__)
DRIVER = glob.glob(f"{FOLDER}/libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18*")[0]


class MicrosoftOdbc(Odbc):
    def connection_string(self, to):
        return f"DRIVER={DRIVER};{connection_string(to)}"


serve(MicrosoftOdbc())
