"""Reads scripts by a grammar of PowerShell, as no PowerShell is to be had: what does not parse is told. A script that
is cut at its last brace must not parse."""

import sys

import tree_sitter
import tree_sitter_pwsh

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_pwsh.language()))


def problems(node):
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children:
        yield from problems(child)


def parses(script):
    return not list(problems(PARSER.parse(script).root_node))


def main():
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            script = file.read()
        if not parses(script):
            sys.exit(f"{name}: it does not parse")
        if parses(script[: script.rindex(b"}")]):
            sys.exit(f"{name}: cut, it parses still: the grammar finds nothing")
    print(f"{len(sys.argv) - 1} scripts parse, and do not when cut")


main()
