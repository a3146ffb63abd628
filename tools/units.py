#!/usr/bin/env python3
"""Packs sources into units that are compiled as one, so that the headers which they share are read once.

    units.py FOLDER FILES_MAX source.cpp...

Writes FOLDER/unit_N.cpp, each of which includes some of the sources, and prints their paths, one a line.
Two sources that give the same name to something of their own (a constant, a helper in an unnamed namespace)
never share a unit, and one that hides a name of its room's headers has a unit to itself, so that sources need
not know of each other. A unit that has not changed is not touched.
"""

import pathlib
import re
import sys

BYTES_MAX = 120_000
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.S | re.M)
NAMESPACE = re.compile(r"(?:^|\s)(?:inline\s+)?namespace\s*([\w:]*)\s*$")
OWN = "its own"
TYPE = re.compile(r"(?:^|\s)(?:struct|class|union|enum(?:\s+class)?)\s+(\w+)")


def name_of(head):
    """What a declaration at the level of a namespace calls itself, or None."""
    used = re.match(r"\s*using\s+(?:::)?([\w:]*::(\w+))\s*$", head)
    if used:
        return used.group(2), used.group(1)
    head = re.sub(r"\[\[[^\]]*\]\]|\balignas\([^)]*\)", " ", head)
    head = re.sub(r"^\s*template\s*<[^{}()]*?>\s*(?=[\w\[])", "", head)
    found = re.match(r"\s*using\s+(\w+)\s*=", head)
    if not found:
        before = re.split(r"[(=]", head, maxsplit=1)[0]
        found = TYPE.search(head) if TYPE.search(before) and "(" not in head else re.search(r"(?<!:)\b(\w+)\s*(?:\[[^\]]*\]\s*)*$", before)
    name = found.group(1) if found else None
    return (None if not name or name.isupper() else name), OWN


def names_of(text, hidden=None):
    """What a source declares: the name with its namespace -> OWN, or whose name it borrows by a using-declaration.
    None where it has to stay alone: it defines a macro, or hides one of the names in HIDDEN."""
    if re.search(r"^[ \t]*#[ \t]*define\b", text, re.M):
        return None
    code = NOISE.sub(lambda found: '""' if found.group(0)[0] in '"R' else " ", text)
    def note(head):
        name, whose = name_of(head)
        if name:
            private = "" in stack
            name = "::".join([part for part in stack if part] + [name])
            if private and hidden is not None and name in hidden:
                hides.append(name)
            names[name] = OWN if names.get(name, whose) != whose else whose

    names, stack, head, depth, hides = {}, [], "", 0, []
    for token in re.findall(r"[{};]|[^{};]+", code):
        if depth:
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not depth:
                head = " after "  # what follows is the end of a type, or of a value in braces
        elif token == "{":
            space = NAMESPACE.search(head)
            if space:
                stack.append(space.group(1))
            else:
                note(head)
                depth = 1
            head = ""
        elif token == "}":
            if stack:
                stack.pop()
            head = ""
        elif token == ";":
            if re.match(r"\s*using\s+(?:enum|namespace)\b", head):
                if "literals" not in head:
                    return None
                head = " after "
            if " after " not in head:
                note(head)
            head = ""
        else:
            head = token if head != " after " or re.search(r"\w\s*\(|\bnamespace\b|\b(?:struct|class|enum|using|const\w*)\b", token) else head + token
    return None if hides else names


class Unit:
    def __init__(self):
        self.sources, self.names, self.bytes, self.closed = [], {}, 0, False

    def clashes(self, names):
        return any(name in self.names and OWN in (whose, self.names[name]) or self.names.get(name, whose) != whose
                   for name, whose in names.items())


def names_of_headers(sources):
    names = set()
    for folder in {source.parent for source in sources}:
        for header in folder.glob("*.hpp"):
            names.update(names_of(header.read_text(encoding="utf-8")) or {})
    return names


def pack(sources, files_max):
    units, hidden = [], names_of_headers(sources)
    for source in sources:
        text = source.read_text(encoding="utf-8")
        names = names_of(text, hidden)
        home = None
        if names is not None:
            home = next((unit for unit in units if not unit.closed and len(unit.sources) < files_max
                         and unit.bytes + len(text) <= BYTES_MAX and not unit.clashes(names)), None)
        if home is None:
            home = Unit()
            home.closed = names is None
            units.append(home)
        home.sources.append(source)
        home.names.update(names or {})
        home.bytes += len(text)
    return units


def main():
    folder, files_max = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, unit in enumerate(pack([pathlib.Path(name) for name in sys.argv[3:]], files_max)):
        path = folder / f"unit_{number}.cpp"
        content = "".join(f'#include "{source}"\n' for source in unit.sources)
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
