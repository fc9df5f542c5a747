"""What Microsoft's own parser makes of every statement that the library can build.

Reads what `cargo test --test oracles` wrote to `SCORCH_STATEMENTS`: each operation with each option, recorded with
harmless names, and said again with hostile ones. Each text must be one batch, of the statements that `intended.txt`
lists; its tree must be that of the recorded text but for the names, and those must be our inputs, quoted. What the parser
rejects must be in `gaps.toml`, and is judged by its tokens. Exit code 1: something was missed. The last line is the
figure, `N statements, none wrong`.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import drivers  # noqa: E402

INTENDED = os.path.join(HERE, "intended.txt")
GAPS = os.path.join(HERE, "gaps.toml")
FEWEST, FEWEST_EACH = 10_000, 20
with open(GAPS, "rb") as gaps_file:
    STAND_INS = tomllib.load(gaps_file).get("stand_in", [])
# How often each was needed.
NEEDED = collections.Counter()
# Backslash and line break both vanish from a literal, which this parser does not know.
JOINS_LINES = re.compile(r"\\\r?\n|\\\r")


class Over:
    """Texts made over, as the generator makes them over."""

    def __init__(self, values):
        self._whole = dict(values["whole"])
        self._anywhere = dict(values["anywhere"])
        self._pattern = re.compile("|".join(map(re.escape, self._anywhere)) or r"(?!)")

    def text(self, text):
        if text in self._whole:
            return self._whole[text]
        return self._pattern.sub(lambda found: self._anywhere[found[0]], text)


# What was given when it was recorded: pieces of texts, and whole ones, which stand for themselves where they are unquoted.
GIVEN, GIVEN_WHOLE = [], []


def is_input(text, is_quoted=True):
    """Whether a recorded text is, or holds, what was given."""
    return any(given in text for given in GIVEN) or (is_quoted and text in GIVEN_WHOLE)


def trees(cache, texts):
    """The tree of each text; of one that is rejected for a word that has a stand-in, the tree with that."""
    known = parsed(cache, texts)
    stand_ins = {}
    for text in (text for text, tree in known.items() if "errors" in tree):
        for row in STAND_INS:
            stand_in = re.sub(row["text"], row["stand_in"], text)
            if stand_in != text:
                NEEDED[row["text"]] += 1
                stand_ins[text] = stand_in
    if stand_ins:
        found = parsed(cache, list(dict.fromkeys(stand_ins.values())))
        known |= {text: found[stand_in] for text, stand_in in stand_ins.items()}
    return known


def parsed(cache, texts):
    command, environment = drivers.command(cache, "trees")
    with tempfile.TemporaryFile("w+") as asked:
        asked.write("".join(json.dumps(text) + "\n" for text in texts))
        asked.seek(0)
        answer = subprocess.run(command, env=environment, stdin=asked, stdout=subprocess.PIPE, check=True).stdout
    lines = answer.decode().splitlines()
    if len(lines) != len(texts):
        sys.exit(f"{len(texts)} texts were asked about, {len(lines)} trees were told")
    return dict(zip(texts, map(json.loads, lines)))


def is_derived(recorded, found):
    """Files of a restored database: their names are made of its name, and are plain."""
    folder, _, leaf = found.rpartition("\\")
    return (recorded.rpartition("\\")[0] == folder != "" and re.search(r"[ml]df$", recorded) is not None
            and re.fullmatch(r"[\w.-]+", leaf) is not None)


def quoted_names(over, recorded):
    """Names in a text, `[a].[b]`, made over and quoted again; None where it is none."""
    if not re.fullmatch(r"\[[^\[\]]+\](\.\[[^\[\]]+\])*", recorded):
        return None
    names = recorded[1:-1].split("].[")
    return ".".join("[" + over.text(name).replace("]", "]]") + "]" for name in names)


def same_text(over, recorded, found):
    names = quoted_names(over, recorded)
    return found == (over.text(recorded) if names is None else names) or is_derived(recorded, found)


# The length of this input stands in statements: twice, once, and once more by one.
MEASURED = "\\`d.T.~De/"


def is_measured(over, recorded, found):
    length = [len(text.encode("utf-16-le")) // 2 for text in (MEASURED, over.text(MEASURED))]
    return any(recorded == str(before) and found == str(after)
               for before, after in zip(*([2 * each, each, each + 1] for each in length)))


def wrong_node(over, recorded, found):
    """What is wrong with a node in the place of the recorded one, or None."""
    (head, texts, _), (found_head, found_texts, is_joined) = recorded, found
    if head != found_head:
        return f"{found_head} in the place of {head}"
    kind = head.split(" ")[0]
    is_quoted = kind == "StringLiteral" or (kind in ("Identifier", "IdentifierLiteral") and "QuoteType=SquareBracket" in head)
    if not is_quoted:
        if any(is_input(text, False) for text in texts):
            return f"an input that is not quoted: {texts}"
        if kind == "IntegerLiteral" and is_measured(over, texts[0], found_texts[0]):
            return None
        return None if texts == found_texts else f"{found_texts} in the place of {texts}"
    if len(texts) != len(found_texts) or not all(map(same_text, [over] * len(texts), texts, found_texts)):
        return f"{found_texts} in the place of {texts}"
    if not is_joined and any(map(JOINS_LINES.search, found_texts)):
        return f"a literal that SQL Server reads otherwise: {found_texts}"
    return None


def wrong_tree(over, recorded, found):
    """What is wrong with a tree in the place of the recorded one, or None."""
    if "errors" in found:
        return f"rejected: {found['errors'][0]}"
    if len(found["batches"]) != 1:
        return f"{len(found['batches'])} batches"
    statements, expected = found["batches"][0], recorded["batches"][0]
    kinds = [[statement["kind"] for statement in each] for each in (statements, expected)]
    if kinds[0] != kinds[1]:
        return f"{kinds[0]} in the place of {kinds[1]}"
    for one, other in zip(expected, statements):
        if len(one["nodes"]) != len(other["nodes"]):
            return f"another tree of {one['kind']}"
        for node, found_node in zip(one["nodes"], other["nodes"]):
            problem = wrong_node(over, node, found_node)
            if problem:
                return f"{one['kind']}: {problem}"
    return None


def unquoted(text):
    """A token's text without its quotes, and whether it had some."""
    for begin, end in (("N'", "'"), ("'", "'"), ("[", "]")):
        if text.startswith(begin) and text.endswith(end) and len(text) > len(begin):
            return text[len(begin):-1].replace(end * 2, end), True
    return text, False


def wrong_tokens(over, recorded, found):
    """The same of a text that the parser is known to reject: its tokens, or None."""
    if "errors" not in found:
        return "it is taken now; take it out of gaps.toml"
    if found["errors"][0][0] != recorded["errors"][0][0]:
        return f"rejected otherwise: {found['errors'][0]}"
    if [kind for kind, _ in recorded["tokens"]] != [kind for kind, _ in found["tokens"]]:
        return "other tokens"
    for (_, one), (_, other) in zip(recorded["tokens"], found["tokens"]):
        (one, was_quoted), (other, is_quoted) = unquoted(one), unquoted(other)
        is_same = same_text(over, one, other) if is_quoted else one == other and not is_input(one, False)
        if was_quoted != is_quoted or not is_same or (is_quoted and JOINS_LINES.search(other)):
            return f"{other!r} in the place of {one!r}"
    return None


def shown(statement):
    """A statement in the table: its kind, how it is set, and the texts in it."""
    texts, settings = [], statement["nodes"][0][0].split(" ")[1:]
    for head, values, _ in statement["nodes"]:
        kind, *others = head.split(" ")
        quotes = "''" if kind == "StringLiteral" else "[]" if "QuoteType=SquareBracket" in others else ("", "")
        texts += [quotes[0] + value + quotes[1] for value in values]
        settings += [setting.split("=")[1] for setting in others if setting.startswith("OptionKind=")]
    settings = [each for each in dict.fromkeys(settings) if not each.endswith(("=False", "=NotSet", "=None"))]
    return " ".join([statement["kind"].removesuffix("Statement"), *settings, ", ".join(texts)]).rstrip()


# What only looks: any number of these is no intention.
LOOKS = re.compile("(Select|Use|Restore Kind=(HeaderOnly|FileListOnly|LabelOnly|VerifyOnly))( .*)?", re.DOTALL)


def is_look(statement):
    """Whether a statement changes nothing but the session: SELECT without INTO, USE, a look at a file."""
    line = shown(statement)
    if statement["kind"] == "ExecuteStatement":
        return any("xp_fileexist" in texts for _, texts, _ in statement["nodes"])
    return LOOKS.fullmatch(line) is not None and not any("Into" in head for head, _, _ in statement["nodes"])


class Gaps:
    """What the parser is known to reject, with the reason."""

    def __init__(self):
        with open(GAPS, "rb") as file:
            self._gaps = tomllib.load(file).get("gap", [])
        self.used = collections.Counter()

    def of(self, text, tree):
        for gap in self._gaps:
            if re.search(gap["statement"], text) and tree["errors"][0][0] == gap["number"]:
                self.used[gap["statement"]] += 1
                return gap
        return None

    def unused(self):
        return [gap["statement"] for gap in self._gaps if not self.used[gap["statement"]]]


def table(plans, known, gaps):
    """What is intended: for each plan, the statements of each text that does more than look. And what is wrong with that."""
    lines, misses = [], []
    for plan in plans:
        lines.append(f"{plan['operation']} {' '.join(plan['options'])}".rstrip())
        for text in plan["texts"]:
            tree = known[text]
            if "batches" in tree:
                statements = [each for batch in tree["batches"] for each in batch]
                if not all(map(is_look, statements)):
                    lines.append("    " + "; ".join(map(shown, statements)))
                problem = wrong_tree(Over({"whole": [], "anywhere": []}), tree, tree)
            else:
                gap = gaps.of(text, tree)
                lines.append(f"    rejected: {gap['reason'] if gap else tree['errors'][0]}")
                problem = None if gap else f"rejected: {tree['errors'][0]}"
            if problem:
                misses.append((plan["operation"], problem, text))
    return "\n".join(lines) + "\n", misses


def wrong(over, text, found, recorded_text, recorded, gaps):
    """What is wrong with a text in the place of the recorded one, or None."""
    if "errors" not in recorded:
        return wrong_tree(over, recorded, found)
    return wrong_tokens(over, recorded, found) if gaps.of(recorded_text, recorded) else "rejected"


def judge(plans, rounds, known, gaps):
    """What is wrong with what was said again, and how much of it there was."""
    misses, statements, each = [], 0, collections.Counter()
    seen = set()
    for said in rounds:
        plan, over = plans[said["plan"]], Over(said["values"])
        for number, text in said["sent"]:
            found, own = known[text], plan["texts"][number]
            problem = wrong(over, text, found, own, known[own], gaps)
            # One that gave up cleans up behind itself, earlier than the recorded one did.
            others = [] if said["full"] or not problem else plan["texts"]
            if problem and not any(wrong(over, text, found, other, known[other], gaps) is None for other in others):
                misses.append((plan["operation"], problem, text))
            if text not in seen:
                seen.add(text)
                count = len(found["batches"][0]) if "batches" in found else 1
                statements += count
                for option in ("", *plan["options"]):
                    each[plan["operation"], option] += count
    return misses, statements, each


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("statements", help="the file that the test wrote")
    parser.add_argument("--cache", required=True, help="the folder that Microsoft's parser was installed to")
    parser.add_argument("--update", action="store_true", help="write the table of what is intended anew, to be read")
    arguments = parser.parse_args()
    with open(arguments.statements, encoding="utf-8", newline="\n") as file:
        lines = [json.loads(line) for line in file.read().split("\n") if line]
    plans = {line["plan"]: line for line in lines if "texts" in line}
    rounds = [line for line in lines if "sent" in line]
    GIVEN.extend(text for text, _ in rounds[0]["values"]["anywhere"])
    GIVEN_WHOLE.extend(text for text, _ in rounds[0]["values"]["whole"])
    texts = dict.fromkeys(text for plan in plans.values() for text in plan["texts"])
    texts.update(dict.fromkeys(text for said in rounds for _, text in said["sent"]))
    known = trees(arguments.cache, list(texts))

    gaps = Gaps()
    intended, misses = table(plans.values(), known, gaps)
    if arguments.update:
        with open(INTENDED, "w", encoding="utf-8") as file:
            file.write(intended)
    with open(INTENDED, encoding="utf-8") as file:
        committed = file.read()
    if committed != intended:
        import difflib
        differs = difflib.unified_diff(committed.splitlines(), intended.splitlines(), "intended.txt", "found", lineterm="")
        misses.append(("", "not what is intended (--update writes it, to be read):\n" + "\n".join(differs), ""))
    more, statements, each = judge(plans, rounds, known, gaps)
    misses += more
    misses += [("", f"a gap that nothing needs: {gap}", "") for gap in gaps.unused()]
    misses += [("", f"a stand-in that nothing needs: {row['text']}", "") for row in STAND_INS if not NEEDED[row["text"]]]
    for (operation, option), count in sorted(each.items()):
        if count < FEWEST_EACH:
            misses.append((operation, f"only {count} statements with {option or 'it'}", ""))
    for operation, problem, text in misses[:20]:
        print(f"MISS {operation}: {problem}" + (f"\n     {text[:600]}" if text else ""))
    fewest = min(each.values(), default=0)
    print(f"{len({operation for operation, _ in each})} operations, {sum(option != '' for _, option in each)} options, "
          f"each in {fewest} statements or more; {sum(gaps.used.values())} texts are known to be rejected")
    if statements < FEWEST:
        misses.append(("", "too few", ""))
    print(f"{statements} statements, {len(misses) or 'none'} wrong")
    sys.exit(bool(misses))


if __name__ == "__main__":
    main()
