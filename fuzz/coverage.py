#!/usr/bin/env python3
"""Holds the line coverage of a target's readers against the committed floor.

coverage.py TARGET EXPORT, where EXPORT is what `llvm-cov export -summary-only` wrote.
"""

import json
import pathlib
import sys

target, export = sys.argv[1:]
root = pathlib.Path(__file__).resolve().parent
wanted = json.loads((root / "floors.json").read_text())[target]
source = (root.parent / "src").as_posix() + "/"
lines = covered = 0
for found in json.loads(pathlib.Path(export).read_text())["data"][0]["files"]:
    name = pathlib.Path(found["filename"]).resolve().as_posix()
    if not name.startswith(source) or name.endswith("/fuzzing.rs"):
        continue
    if any(name[len(source) :].startswith(prefix) for prefix in wanted["readers"]):
        lines += found["summary"]["lines"]["count"]
        covered += found["summary"]["lines"]["covered"]
if not lines:
    sys.exit("none of the readers is in the export")
percent = 100 * covered / lines
print(f"{percent:.1f} % of {lines} lines (floor {wanted['floor']} %)")
sys.exit(percent < wanted["floor"])
