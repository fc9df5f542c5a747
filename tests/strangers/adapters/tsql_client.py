"""FreeTDS's tsql, as Debian packages it. It ends with 0 even after errors: what it prints tells."""

import re

from adapter import serve
from freetds_tool import BETWEEN, MARK_COLUMN, Tool

# It counts the seconds while it signs in, and does not end that line.
HEADER = re.compile(r"(?: *\d+)*Msg (\d+) \(severity (\d+), state (\d+)\) from ")
PROMPTS = re.compile(r"^(\d+> )+")
FOOTER = re.compile(r"^\(\d+ rows? affected\)$")
# What it says of itself.
OWN = ("locale ", "Error ", "\tAdaptive Server", "There was a problem", "Setting ")


class Tsql(Tool):
    name = "tsql"

    def command(self):
        database = ["-D", self.to.database] if self.to.database else []
        return ["tsql", "-S", "simulator", "-U", self.to.user, "-P", self.to.password, "-t", BETWEEN, *database]

    def messages(self):
        line = yield None
        while True:
            found = HEADER.match(line)
            if found:
                text = yield None
                while not text.endswith('"'):
                    text += "\n" + (yield None)
                line = yield text[2:-1], int(found[1]), int(found[2]), int(found[3])
            elif not line or line.startswith(OWN):
                line = yield None
            else:
                # PRINT comes without its number.
                line = yield line, None, 0, None

    def results(self, lines):
        block = []
        for line in lines:
            line = PROMPTS.sub("", line)
            if FOOTER.match(line):
                if block:
                    yield block[0].split(BETWEEN), [_row(row) for row in block[1:]]
                block = []
            elif line and line != MARK_COLUMN:
                block.append(line)

    def only_rows(self, lines):
        lines = (PROMPTS.sub("", line) for line in lines)
        lines = (line for line in lines if line and line != MARK_COLUMN and not FOOTER.match(line))
        next(lines, None)
        return lines


def _row(line):
    return [None if cell == "NULL" else cell for cell in line.split(BETWEEN)]


serve(Tsql())
