"""What Microsoft's own generator of T-SQL, SMO, says where the library says something.

Reads what `cargo test --test oracles` wrote to `SCORCH_STATEMENTS`: each operation with hostile names, and what it sent
to do it. The same is asked of SMO in its capture mode, with the same names (`smo_requests.py`), and the two are compared
as the trees that ScriptDom makes of them: the same statements in the same order, in the same database, each with the same
options and the same literals. `smo.toml` has every difference with its reason; one that is not there is a miss, and so is
one that does not occur. Exit code 1: something was missed. The last line is the figure.
"""

import argparse
import collections
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "strangers")]

import check  # noqa: E402
import drivers  # noqa: E402
import smo_requests  # noqa: E402
from simulators import Simulator  # noqa: E402

# Statements about the database that the session is in.
INSIDE = re.compile("(?<!Service)MasterKey|Certificate|AlterUser")
# What begins a part of a statement.
PART = re.compile(".*(Option|DeviceInfo|Termination)")


class Statement:
    """A statement as its kind and its parts: each option with its values, what stands in none, and where it is said."""

    def __init__(self, tree, database):
        (root, *_), *_ = tree["nodes"]
        name, *settings = told(root)
        self.kind = " ".join([name.removesuffix("Statement"), *(each.split("=")[1] for each in settings if "=" in each)])
        parts, disks = [[" ".join(each for each in settings if "=" not in each), ()]], 0
        for head, texts, _ in tree["nodes"]:
            kind, *settings = told(head)
            if PART.fullmatch(kind):
                is_device = kind == "DeviceInfo"
                disks += is_device
                parts.append([" ".join([*settings, str(disks)] if is_device else settings), ()])
            parts[-1][0] += f" {quotes(head)}" * len(texts)
            parts[-1][1] += tuple(texts)
        if INSIDE.search(self.kind):
            parts.append(["in the database []", (database,)])
        self.parts = [(f"{self.kind}: {label.strip()}", values) for label, values in parts]


def told(head):
    """A node's kind, and what its settings say."""
    kind, *settings = head.split(" ")
    settings = [each.removeprefix("OptionKind=").removesuffix("=True") for each in settings
                if not each.endswith(("=False", "=None", "=NotSet")) and not re.match("LiteralType|QuoteType|IsNational|Count", each)]
    return [kind, *settings]


def quotes(head):
    if "QuoteType=SquareBracket" in head:
        return "[]"
    if head.startswith("StringLiteral"):
        return "N''" if "IsNational=True" in head else "''"
    return "value"


def only_looks(statement):
    """Whether it changes nothing, and is no look at a whole backup either: that SMO has as well."""
    if statement["kind"] == "IfStatement":
        kinds = {head.split(" ")[0] for head, _, _ in statement["nodes"] if head.split(" ")[0].endswith("Statement")}
        return kinds <= {"IfStatement", "BeginEndBlockStatement", "SelectStatement"}
    return check.is_look(statement) and statement["nodes"][0][0] != "RestoreStatement Kind=VerifyOnly"


def of(tree):
    return [statement for batch in tree.get("batches", []) for statement in batch]


def acts(texts, known):
    """The statements that do something, and what was rejected."""
    found, rejected, database = [], [], "master"
    for text in texts:
        rejected += [f"rejected: {message}" for _, _, message in known[text].get("errors", [])]
        for statement in of(known[text]):
            if statement["kind"] == "UseStatement":
                database = statement["nodes"][1][1][0]
            if not only_looks(statement):
                found.append(Statement(statement, database))
    return found, rejected


def moves(texts, known):
    """Where the files of a restored database go: the library makes that of what the server told, and SMO is told it."""
    for statement in (each for text in texts for each in of(known[text])):
        nodes = statement["nodes"]
        found = [[nodes[number + 1][1][0], nodes[number + 2][1][0]]
                 for number, (head, _, _) in enumerate(nodes) if head.startswith("MoveRestoreOption")]
        if found:
            return found
    return []


def differences(ours, theirs):
    """What only we say, and what only SMO says: '' where one says nothing in the place of it."""
    kinds = [[each.kind for each in side] for side in (ours, theirs)]
    for tag, begin, end, other_begin, other_end in difflib.SequenceMatcher(None, *kinds, autojunk=False).get_opcodes():
        if tag == "equal":
            for one, other in zip(ours[begin:end], theirs[other_begin:other_end]):
                yield from different_parts(one.parts, other.parts)
        else:
            yield from ((f"{each.kind}, all of it", "") for each in ours[begin:end])
            yield from (("", f"{each.kind}, all of it") for each in theirs[other_begin:other_end])


def different_parts(one, other):
    only, others = (collections.Counter(each) for each in (one, other))
    only, others = list((only - others).elements()), list((others - only).elements())
    for label, values in only:
        # The same values, said otherwise.
        same = next((part for part in others if values and part[1] == values), None)
        if same:
            others.remove(same)
        yield label, same[0] if same else ""
    yield from (("", label) for label, _ in others)


class Table:
    """The differences that are known, each with its reason."""

    def __init__(self, file, only):
        with open(file, "rb") as table:
            self._rows = tomllib.load(table)
        self._needed = {(kind, number, operation) for kind, rows in self._rows.items() for number, row in enumerate(rows)
                        for operation in row["operations"] if only in (None, operation)}
        self.differences = len(self._rows["difference"])

    def _find(self, kind, said, is_it):
        operation = said["operation"]["operation"]
        for number, row in enumerate(self._rows[kind]):
            if operation in row["operations"] and is_it(row):
                self._needed.discard((kind, number, operation))
                return True
        return False

    def has(self, said, ours, theirs):
        return self._find("difference", said, lambda row: (row["ours"], row["smo"]) == (ours, theirs) and any(
            row.get("where", "") in text for text in said["ran"]))

    def is_absent(self, said):
        return self._find("absent", said, lambda row: any(row["where"] in text for text in said["ran"]))

    def unneeded(self):
        return [f"{operation} needs no row {self._rows[kind][number]}" for kind, number, operation in sorted(self._needed)]


def capture(arguments, asked):
    """What SMO answers to each list of requests."""
    command, environment = drivers.command(arguments.cache, "captured")
    with tempfile.TemporaryDirectory() as folder:
        simulator = Simulator(arguments.simulator, folder, "login")
        try:
            reach = (f"Server=tcp:localhost,{simulator.own_port};User ID=sa;Password=\"{simulator.password}\";"
                     "TrustServerCertificate=true;Pooling=false")
            with tempfile.TemporaryFile("w+", dir=folder) as file:
                for line in [reach, *(request for requests in asked for request in requests)]:
                    file.write(json.dumps(line) + "\n")
                file.seek(0)
                answer = subprocess.run(command, env=environment, stdin=file, stdout=subprocess.PIPE, check=True).stdout
        finally:
            simulator.stop()
    answers = iter([json.loads(line) for line in answer.decode().split("\n") if line])
    return [[next(answers) for _ in requests] for requests in asked]


class Misses:
    """What was missed, each once, with an example."""

    def __init__(self):
        self._times, self._examples = collections.Counter(), {}

    def add(self, miss, *example):
        self._times[miss] += 1
        self._examples.setdefault(miss, example)

    def show(self):
        for miss, times in self._times.items():
            print(f"MISS {miss}" + (f" ({times} times)" if times > 1 else ""))
            for texts in self._examples[miss]:
                print("     " + " | ".join(text for text in texts if not text.startswith("SELECT ")).replace("\n", " ")[:600])

    def __len__(self):
        return len(self._times)


def compare(said, answers, known, table, misses):
    """Compares what an operation said with what SMO answered. How many statements of ours that were."""
    theirs = [text for answer in answers for text in answer["statements"]]
    (ours, rejected), (others, others_rejected) = acts(said["ran"], known), acts(theirs, known)
    told_otherwise = [(problem, "") for problem in rejected] + [("", problem) for problem in others_rejected]
    told_otherwise += [("", f"failed: {answer['failed']}") for answer in answers if "failed" in answer]
    for one, other in [*told_otherwise, *differences(ours, others)]:
        if not table.has(said, one, other):
            about = f"only ours: {one or 'nothing'}; only SMO's: {other or 'nothing'}"
            misses.add(f"{said['operation']['operation']}: {about}", said["ran"], theirs)
    return len(ours)


def read(file, only):
    """What operations said with hostile names to do what they do."""
    with open(file, encoding="utf-8", newline="\n") as lines:
        rounds = [line for line in map(json.loads, filter(None, lines.read().split("\n"))) if line.get("full")]
    for said in rounds:
        begin, end = said["run"]
        said["ran"] = [text for _, text in said["sent"][begin:end]]
    return [said for said in rounds if only in (None, said["operation"]["operation"])]


def trees(cache, texts):
    return check.trees(cache, list(dict.fromkeys(texts)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("statements", help="the file that the test wrote")
    parser.add_argument("--simulator", required=True, help="the program that SMO connects to")
    parser.add_argument("--cache", required=True, help="the folder that SMO and Microsoft's parser were installed to")
    parser.add_argument("--only", help="the tag of the one operation to compare")
    parser.add_argument("--table", default=os.path.join(HERE, "smo.toml"), help="the differences that are known")
    arguments = parser.parse_args()
    rounds, table, misses = read(arguments.statements, arguments.only), Table(arguments.table, arguments.only), Misses()
    known = trees(arguments.cache, (text for said in rounds for text in said["ran"]))

    compared = []
    for said in rounds:
        if table.is_absent(said):
            continue
        secrets = dict(said["values"]["secrets"])
        requests = smo_requests.requests(said["operation"], secrets, moves(said["ran"], known))
        if requests is not None:
            compared.append((said, requests))
        elif any(acts(said["ran"], known)):
            misses.add(f"{said['operation']['operation']} has no counterpart in smo_requests.py", said["ran"])
    answers = capture(arguments, [requests for _, requests in compared])
    known |= trees(arguments.cache, (text for each in answers for answer in each for text in answer["statements"]))
    statements = sum(compare(said, each, known, table, misses) for (said, _), each in zip(compared, answers))

    for row in table.unneeded():
        misses.add(row)
    misses.show()
    operations = {said["operation"]["operation"] for said, _ in compared}
    print(f"SMO: {len(operations)} operations and {statements} statements compared, {table.differences} differences "
          f"each with a reason, {len(misses) or 'none'} untold")
    sys.exit(bool(misses) or not statements)


if __name__ == "__main__":
    main()
