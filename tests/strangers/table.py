"""Puts every check to every client, and compares each cell with the committed table's.

Exit code 1: a cell differs from that table, a hole is not shown to be the client's own, or a cell that
must be good is none.
"""

import argparse
import concurrent.futures
import os
import sys
import time
import tomllib

import evidence
from bench import Bench
from checks import CHECKS
from client import HERE, Client, Miss
from ours import Ours
from simulators import Simulators

TABLE = os.path.join(HERE, "TABLE.md")


class Cell:
    """What came of one check with one client."""

    def __init__(self, check, miss=None, hole=None, not_shown=None):
        self.check, self.miss, self.hole, self.not_shown = check, miss, hole, not_shown

    @property
    def is_good(self):
        return self.miss is None

    @property
    def is_hole(self):
        return self.miss is not None and self.hole is not None and self.not_shown is None

    @property
    def complaint(self):
        """What is wrong with it, or `None`."""
        if self.miss is None:
            return "good, though holes.toml has a hole here" if self.hole else None
        if self.hole is None:
            return f"missed: {self.miss}"
        if self.not_shown:
            return f"missed: {self.miss}; the hole is not shown: {self.not_shown}"
        return "a cell that may be no hole" if self.check.is_must else None


def load(file):
    with open(os.path.join(HERE, file), "rb") as source:
        return tomllib.load(source)


def try_cell(check, bench, hole):
    try:
        check.run(bench)
        return Cell(check, hole=hole)
    except Miss as miss:
        found = str(miss)
    except (IndexError, AttributeError, TypeError, ValueError) as error:
        # The answer has not the shape that the check takes for granted.
        found = f"{type(error).__name__}: {error}; {bench.answers[-1]}"
    finally:
        bench.end()
    return Cell(check, found, hole, hole and evidence.shown(bench, hole))


class Row:
    """All that is asked of one client. Each has simulators of its own, so that some can run side by side."""

    def __init__(self, arguments, checks, holes):
        self._arguments, self._checks, self._holes = arguments, checks, holes
        self._ours = Ours(os.path.dirname(arguments.simulator))

    def run(self, known):
        """The cells, and a line for each that is wrong."""
        arguments, cells, wrong = self._arguments, [], []
        client = Client(cache=arguments.cache, python=sys.executable, **known)
        client.errors_file = sys.stderr if arguments.verbose else None
        simulators = Simulators(arguments.simulator, arguments.simulator_option)
        started = time.monotonic()
        try:
            for tls in arguments.tls:
                for check in self._checks:
                    about = f"{client.name}, {check.name}" + ("" if tls == "off" else f", --tls {tls}")
                    bench = Bench(client, simulators, tls, self._ours)
                    bench.planted_columns = ["Planted"] if arguments.plant_fault else []
                    at = time.monotonic()
                    cell = try_cell(check, bench, self._holes.get((client.name, check.name)))
                    took = time.monotonic() - at
                    cells.append(cell)
                    if cell.complaint:
                        wrong.append(f"{about}: {cell.complaint}")
                    if cell.complaint or took > 10 or arguments.verbose:
                        print(f"{'MISS' if cell.complaint else 'ok  '} {about} ({took:.1f} s): {cell.complaint or ''}", flush=True)
            client.stop()
        finally:
            codes = simulators.stop()
        wrong += [f"{client.name}: the simulator {name} ended with {code}" for name, code in codes.items() if code != 0]
        print(f"-- {client.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        return cells, wrong


def table(names, holes):
    """The table in Markdown, with the reasons of the holes below it: what a run must find."""
    reasons = []
    lines = ["| check | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for check in CHECKS:
        row = []
        for name in names:
            hole = holes.get((name, check.name))
            if not hole:
                row.append("good")
                continue
            reason = f"{hole['reason']} (shown by: {described(hole)})"
            if reason not in reasons:
                reasons.append(reason)
            row.append(f"hole {reasons.index(reason) + 1}")
        must = "**" if check.is_must else ""
        lines.append(f"| {must}{check.name}{must} | " + " | ".join(row) + " |")
    lines += ["", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))]
    lines += ["", "The checks; none of those in bold may be a hole:", ""]
    lines += [f"* `{check.name}`: {check.about}" for check in CHECKS]
    return INTRODUCTION + "\n".join(lines) + "\n"


def described(hole):
    parts = []
    for name, arguments in hole["shown_by"].items():
        told = ", ".join(str(value) for value in arguments.values())
        parts.append(name.replace("_", " ") + (f" {told}" if told else ""))
    return "; ".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator", nargs="?", help="the built example")
    parser.add_argument("--cache", default="", help="the folder that the clients were installed to")
    parser.add_argument("--clients", type=lambda text: text.split(","), help="only these")
    parser.add_argument("--checks", type=lambda text: text.split(","), help="only these")
    parser.add_argument("--tls", type=lambda text: text.split(","), default=["off"],
                        help="the ways of encryption for checks that don't name theirs; holes can only be shown with off")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="as many clients at a time")
    parser.add_argument("--write", action="store_true", help="write TABLE.md from the lists, and run nothing")
    parser.add_argument("--simulator-option", action="append", default=[], help="given to the simulator")
    parser.add_argument("--plant-fault", action="store_true",
                        help="expect a column too many of HEADERONLY, to see that checks can fail")
    parser.add_argument("--verbose", action="store_true", help="show what clients write to standard error")
    arguments = parser.parse_args()

    known = [each for each in load("clients.toml")["client"] if not arguments.clients or each["name"] in arguments.clients]
    checks = [each for each in CHECKS if not arguments.checks or each.name in arguments.checks]
    missing = set(arguments.clients or ()) - {each["name"] for each in known}
    missing |= set(arguments.checks or ()) - {each.name for each in checks}
    if missing:
        parser.error(f"not known: {', '.join(sorted(missing))}")
    holes = {(each["client"], each["check"]): each for each in load("holes.toml").get("hole", [])}

    expected = table([each["name"] for each in load("clients.toml")["client"]], holes)
    if arguments.write:
        with open(TABLE, "w", encoding="utf-8") as file:
            file.write(expected)
        return
    with open(TABLE, encoding="utf-8") as file:
        if file.read() != expected:
            sys.exit("TABLE.md is not what clients.toml, holes.toml and checks/ say; see --write")
    if not arguments.clients and not arguments.checks:
        print(expected)

    row = Row(arguments, checks, holes)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(row.run, known))
    cells = [cell for done, _ in rows for cell in done]
    wrong = [line for _, lines in rows for line in lines]
    for line in wrong:
        print(f"WRONG {line}")
    good, shown_holes = sum(cell.is_good for cell in cells), sum(cell.is_hole for cell in cells)
    print(f"{good} cells good, {shown_holes} holes that are the clients' own, {len(wrong)} wrong")
    sys.exit(bool(wrong))


INTRODUCTION = """# Strangers

What clients that others made see of the simulator. Written by `table.py --write`; `.ci/show/truth-1` compares each cell with
what it finds. A hole is a limit of the client itself, and every run shows that again.

"""

if __name__ == "__main__":
    main()
