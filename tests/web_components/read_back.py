"""Reads web.config files before and after a write, with an XML parser that is not ours (Expat), and holds them
against what was asked: the new values are there, and nothing else changed, to the byte.

read_back.py FOLDER: the folder has manifest.jsonl and the files. The last line is the figure."""

import json
import pathlib
import sys
import xml.etree.ElementTree as ET


def pairs(text):
    """A connection string, by the rules of ADO.NET: the last of a keyword counts."""
    found, at = {}, 0
    while at < len(text):
        if text[at] in "; \t\r\n":
            at += 1
            continue
        end = text.index("=", at)
        keyword, at = text[at:end].strip().lower(), end + 1
        while at < len(text) and text[at].isspace():
            at += 1
        if at < len(text) and text[at] in "'\"":
            quote, value, at = text[at], "", at + 1
            while True:
                if text[at] != quote:
                    value, at = value + text[at], at + 1
                elif text[at + 1 : at + 2] == quote:
                    value, at = value + quote, at + 2
                else:
                    at += 1
                    break
            at = (text + ";").index(";", at)
        else:
            end = (text + ";").index(";", at)
            value, at = text[at:end].strip(), end
        found[keyword] = value
    return found


SERVER = ["data source", "server", "address", "addr", "network address"]
DATABASE = ["initial catalog", "database"]


def of(settings, names):
    values = [value for keyword, value in settings.items() if keyword in names]
    assert len(values) == 1, f"{names}: {values}"
    return values[0]


def tree(data):
    return ET.fromstring(data, parser=ET.XMLParser(target=ET.TreeBuilder(insert_comments=True, insert_pis=True)))


def stores(root):
    """What it says, place by place; the places are emptied, so that the rest can be compared."""
    found = []
    for add in root.findall("./connectionStrings/add"):
        if add.get("name", "").lower() == "orchestratorcontext":
            settings = pairs(pairs(add.get("connectionString"))["provider connection string"])
            found.append([of(settings, SERVER), of(settings, DATABASE)])
            rest = {keyword: value for keyword, value in settings.items() if keyword not in SERVER + DATABASE}
            add.set("connectionString", json.dumps(rest))
    for parent in [root, *root.findall("./location")]:
        for variables in parent.findall("./system.webServer/aspNetCore/environmentVariables"):
            settings = {}
            for variable in variables.findall("environmentVariable"):
                name = variable.get("name", "").lower()
                if name.startswith("database__"):
                    keyword = name[len("database__") :]
                    assert keyword not in settings, f"{name} stands twice"
                    settings[keyword] = variable.get("value")
                    if keyword in SERVER + DATABASE:
                        variable.set("value", "")
            found.append([of(settings, SERVER), of(settings, DATABASE)])
    return found


def without(data, places):
    kept, at = [], 0
    for start, end in places:
        kept.append(data[at:start])
        at = end
    return kept + [data[at:]]


def problem(case, before, after):
    if without(before, case["places"]) != without(after, case["places_after"]):
        return "another byte changed"
    try:
        trees = [tree(before), tree(after)]
        said = [stores(root) for root in trees]
    except (ET.ParseError, ValueError, AssertionError, KeyError, IndexError) as error:
        return f"not read: {error}"
    places = 2 if case["style"] == "Both" else 1
    for values, wanted, when in [(said[0], case["old"], "before"), (said[1], case["new"], "after")]:
        if values != [wanted] * places:
            return f"{when} it says {values}"
    if ET.tostring(trees[0]) != ET.tostring(trees[1]):
        return "the rest of the tree changed"
    return None


def cases(folder):
    for line in (folder / "manifest.jsonl").read_text().splitlines():
        case = json.loads(line)
        yield case, *((folder / f"{case['name']}.{when}").read_bytes() for when in ("before", "after"))


def must_find(name, case, before, after):
    if problem(case, before, after) is None:
        sys.exit(f"FAILED: the planted fault was not found: {name}")
    return 1


def plant(case, before, after):
    """Faults in what was written, each of which must be found."""
    first = case["places_after"][0]
    found = must_find("a blank more at the end", case, before, after + b" ")
    found += must_find("an old value", case, before, before)
    changed = bytearray(after)
    changed[first[0] + (first[1] - first[0]) // 2 & ~1] ^= 1
    found += must_find("a letter of a value", case, before, bytes(changed))
    outside = bytearray(after)
    outside[first[0] - 20] ^= 1
    found += must_find("a byte before a value", case, before, bytes(outside))
    return found


def main():
    folder = pathlib.Path(sys.argv[1])
    wrong, count, planted, styles = [], 0, 0, set()
    for case, before, after in cases(folder):
        count += 1
        found = problem(case, before, after)
        if found:
            wrong.append(f"{case['name']}: {found}")
            continue
        styles.add(case["style"])
        if count % 97 == 0:
            planted += plant(case, before, after)
    for line in wrong[:10]:
        print(line)
    print(f"{count - len(wrong)} of {count} files read back, {len(styles)} styles, {planted} planted faults found")
    return 1 if wrong or not count or not planted else 0


if __name__ == "__main__":
    sys.exit(main())
