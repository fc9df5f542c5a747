"""FreeTDS's bsqldb, as Debian packages it: DB-Library, which ends at the first error."""

import re

from adapter import serve
from freetds_tool import BETWEEN, MARK_COLUMN, Failed, Tool

HEADER = re.compile(r"Msg (\d+), Level (\d+), State (\d+)$")
OWN = re.compile(r"@@rowcount |-?\d+ rows affected|bsqldb: |Server ")
REFUSED = re.compile(r"type \d+ not supported")
LONG_TEXT = re.compile(r"^0x([0-9a-f]{2})+$")
# Below a column's name; nothing where the column has no length that could be known.
RULE = re.compile(f"^-*({BETWEEN}-*)*$")


class Bsqldb(Tool):
    name = "bsqldb"

    def command(self):
        database = ["-D", self.to.database] if self.to.database else []
        return ["bsqldb", "-S", "simulator", "-U", self.to.user, "-P", self.to.password, "-t", BETWEEN, "-h", *database]

    def messages(self):
        line = yield None
        while True:
            found = HEADER.match(line)
            if REFUSED.match(line):
                line = yield Failed(line)
            elif found:
                yield None
                text = yield None
                line = yield text[1:], int(found[1]), int(found[2]), int(found[3])
            elif not line or OWN.match(line):
                line = yield None
            else:
                line = yield line, None, 0, None

    def results(self, lines):
        columns = rows = None
        for line, following in zip(lines, [*lines[1:], "none"]):
            if RULE.match(line):
                continue
            if RULE.match(following) and line.count(BETWEEN) == following.count(BETWEEN):
                if columns is not None:
                    yield columns, rows
                columns, rows = [name.strip() for name in line.split(BETWEEN)], []
            elif columns is not None:
                rows.append([None if cell == "NULL" else cell for cell in line.split(BETWEEN)])
        if columns is not None and columns != [MARK_COLUMN]:
            yield columns, rows

    def only_rows(self, lines):
        # The column's name and the rule below it.
        next(lines, None)
        next(lines, None)
        return (_letters(line) for line in lines if line.strip() != MARK_COLUMN and not RULE.match(line))



def _letters(text):
    """It shows long texts as their bytes in UTF-8."""
    return bytes.fromhex(text[2:]).decode() if LONG_TEXT.match(text) else text


serve(Bsqldb())
