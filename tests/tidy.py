#!/usr/bin/env python3
"""Checks the house rules that a compiler does not. Prints what breaks one, then "N passed, N failed".

Each rule counts as one test. `tests/tidy.py RULE` runs one alone.
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
SRC = TOP / "src"
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70

# Pattern, reason, and where it is allowed all the same (a prefix of the path, or a suffix with *).
BANNED = [
    (r"\bco_spawn\b[^;]*\bdetached\b", "a task nobody joins outlives its scope: io::spawn(scope, ...)", []),
    (r"\.detach\(\)", "a thread nobody joins outlives what it uses: keep it and join", []),
    (r"(?<![\w:.>])(?:std::|::)?system\(", "runs a shell: io::Subprocess takes words", []),
    (r"(?<![\w:.>])(?:std::)?s?rand\(", "one hidden state for all threads: sighter::Random is given", []),
    (r"\bstd::regex\b", "overflows the stack on long input: text/regex.hpp", []),
    (r"\bstd::(?:cout|cerr|clog)\b", "only the terminal writes: cli/terminal.hpp", ["bench/", "*_test.cpp"]),
    (r"(?<![\w:.>])(?:std::)?(?:v?f?printf|v?sprintf|puts|fputs|putchar)\(",
     "only the terminal writes, and fmt formats", ["bench/", "src/base/check.cpp", "src/io/scope.cpp"]),  # the last words of a process that ends
    (r"\bthis_thread::sleep_\w+|(?<![\w:.>])(?:::)?u?sleep\(", "waits blindly: use a timer, a condition or a deadline",
     ["bench/", "src/store/schema.cpp", "src/store/upkeep.cpp"]),  # another process's lock wakes nobody
    (r"\bgetenv\(", "an environment read anywhere is a hidden input: it comes in from cli or base",
     ["src/base/", "src/cli/", "src/io/", "src/models/", "src/functions/", "src/local/", "*_test.cpp", "src/store/test_child.hpp", "src/testing/", "bench/"]),
    (r"\bDISABLED_\w+", "a test that never runs says nothing", ["src/store/"]),  # store starts its own in child processes
    (r"EXPECT_TRUE\(true\)|ASSERT_TRUE\(true\)", "a test that cannot fail says nothing", []),
    (r"(?<![:\w])testing::(?:[A-Z]\w*Of|Test\w*|Values\w*|Each|ElementsAre\w*|HasSubstr|(?:Starts|Ends)With|MatchesRegex|Not|PrintToString|DoubleNear)\b",
     "GoogleTest's names are ::testing:: where a room is called testing", []),
    (r"^\s*using namespace std;", "names collide", []),
    (r"\b(?:const_cast|reinterpret_cast)<[^>]*sqlite3", "keep sqlite3 inside store", ["src/store/"]),
]
# Where heavy headers may be included: each of them costs seconds a file.
HEAVY = [
    (r"boost/beast", ["src/io/", "src/testing/"], "only .cpp files of io"),
    (r"boost/json", ["src/base/json_parse.cpp"], "only base/json_parse.cpp"),
    (r"boost/asio/(?!awaitable\.hpp|any_io_executor\.hpp)", ["src/io/", "src/testing/"],
     "outside io only <boost/asio/awaitable.hpp>"),
    (r"sqlite3\.h", ["src/store/"], "only store"),
    (r"toml\+\+|toml\.hpp>", ["src/base/toml.cpp"], "only base/toml.cpp"),
    (r"llama\.h|ggml", ["src/local/"], "only local"),
    (r"re2/", ["src/text/"], "only text"),
    (r"openssl/", ["src/base/", "src/io/", "src/testing/"], "only base and io"),
    (r"regex>|iostream>", [], "costs start-up time or overflows the stack"),
]


def tracked():
    """Every file of the project: what git knows and what it would take; without git, all but what is built."""
    git = subprocess.run(["git", "-C", str(TOP), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if git.returncode == 0:
        names = [name for name in git.stdout.decode().split("\0") if name]
        return sorted(TOP / name for name in names if (TOP / name).is_file())
    return sorted(path for path in TOP.rglob("*") if path.is_file()
                  and not {"build", ".git", ".sighter", "__pycache__"} & set(path.relative_to(TOP).parts))


def relative(path):
    return path.relative_to(TOP).as_posix()


def allowed(name, places):
    return any(name.endswith(place[1:]) if place.startswith("*") else name.startswith(place) for place in places)


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def blank(text, keep_strings=False):
    """The code without comments and (unless kept) without the inside of strings; same length, same lines."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                         r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)

    def hide(match):
        found = match.group(0)
        if found.startswith("/") or not keep_strings:
            edge = '"' if found.startswith(("R", '"')) else " "
            body = re.sub(r"[^\n]", " ", found)
            return edge + body[1:-1] + edge if edge == '"' and len(found) > 1 else body
        return found

    return pattern.sub(hide, text)


class Frame:
    """A pair of braces: what it is, where it begins, what it holds."""

    def __init__(self, kind, head, line, capture=""):
        self.kind, self.head, self.line, self.capture = kind, head, line, capture
        self.has_co = False
        self.asserts = []


def classify(head, outer):
    """What an opening brace begins, from the words before it and from what it stands in."""
    lambda_head = re.search(r"\[([^\[\]]*)\]\s*(?:<[^<>]*>)?\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*"
                            r"(?:mutable|noexcept|constexpr|->[\w:<>,\s&*]+|\s)*$", head)
    if lambda_head and not re.search(r"\w\s*$", head[:lambda_head.start()]):
        return "lambda", lambda_head.group(1)
    if outer in ("namespace", "class"):
        if re.search(r"\b(?:namespace|extern)\b[^()]*$", head):
            return "namespace", ""
        if re.search(r"\b(?:class|struct|union|enum)\b[^()=]*$", head):
            return "class", ""
        if "(" in head and not re.search(r"=\s*$", head):
            return "function", ""
    return "block", ""


def frames(text):
    """Yields (frame, last line) for all that can be called, from the inside out."""
    stack, head, head_line, line, parens = [], "", 1, 1, 0
    for match in re.finditer(r"co_(?:await|return|yield)\b|ASSERT_\w+|\bCO_\w+|[^\W\d]\w*|\s+|.", text):
        token = match.group(0)
        if not head.strip():
            head_line = line
        if token == "{":
            outer = stack[-1].kind if stack else "namespace"
            kind, capture = classify(head, outer)
            stack.append(Frame(kind, head, head_line if head.strip() else line, capture))
            head = ""
        elif token == "}":
            if stack:
                done = stack.pop()
                if done.kind in ("function", "lambda"):
                    yield done, line
            head = ""
        elif token == ";":
            head = ""
        else:
            if token.startswith(("co_", "ASSERT_")):
                for frame in reversed(stack):
                    if frame.kind in ("function", "lambda"):
                        if token.startswith("co_"):
                            frame.has_co = True
                        else:
                            frame.asserts.append(line)
                        break
            head += token if not token.startswith("#") else ""
        line += token.count("\n")


def without_directives(text):
    """Preprocessor lines emptied, with the lines that continue them."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda found: re.sub(r"[^\n]", " ", found.group(0)), text, flags=re.M)


class House:
    def __init__(self):
        self.files = tracked()
        self.cpp = [path for path in self.files if path.suffix in (".hpp", ".cpp") and relative(path).startswith(("src/", "bench/"))]
        self.text = {path: read(path) for path in self.cpp}
        self.code = {path: blank(text) for path, text in self.text.items()}

    # ---- rooms ---------------------------------------------------------------------------------------

    def room_table(self):
        """room -> rooms that it may include, from docs/ARCHITECTURE.md."""
        table = {}
        for line in read(TOP / "docs/ARCHITECTURE.md").splitlines():
            row = re.match(r"\| `(\w+)/` \|[^|]*\|([^|]*)\|\s*$", line)
            if row:
                table[row.group(1)] = set(row.group(2).split()) - {"nothing", "-"}
        return table

    def cmake_table(self):
        text = read(TOP / "cmake/house.cmake")
        for included in re.findall(r'include\("\$\{CMAKE_SOURCE_DIR\}/([^"]+)"\)', text):
            text += read(TOP / included)
        variables = {name: value.split() for name, value in re.findall(r"\bset\((\w+) ([^)\"]*)\)", text)}
        for name, value in re.findall(r"list\((?:PREPEND|APPEND) (\w+) ([^)]*)\)", text):
            variables.setdefault(name, []).extend(value.split())
        table = {}
        for room, words in re.findall(r"sighter_room(?:_if)?\((\w+)([^)]*)\)", text):
            uses = re.search(r"\bUSES\b(.*?)(?:\bLINKS\b|\bEXCLUDE\b|$)", words, re.S)
            names = uses.group(1).split() if uses else []
            found = set()
            for name in names:
                variable = re.match(r"\$\{(\w+)\}", name)
                found |= set(variables.get(variable.group(1), ["all"])) if variable else {name}
            table.setdefault(room, set()).update(found)
        return table

    def rule_rooms_are_as_documented(self):
        documented, built = self.room_table(), self.cmake_table()
        for room in sorted(set(documented) | set(built)):
            if room not in documented:
                yield f"docs/ARCHITECTURE.md: no row for room {room}"
            elif room not in built:
                yield f"cmake/house.cmake: no room {room}, which docs/ARCHITECTURE.md has"
            elif documented[room] != built[room] and "all" not in documented[room] | built[room]:
                yield (f"room {room}: docs/ARCHITECTURE.md says {' '.join(sorted(documented[room]))}, "
                       f"CMake says {' '.join(sorted(built[room]))}")
        for folder in sorted(path.name for path in SRC.iterdir() if path.is_dir()):
            if folder not in documented:
                yield f"src/{folder}: a folder that docs/ARCHITECTURE.md does not know"

    def rule_rooms_have_no_cycles(self):
        table = self.room_table()

        def below(room, seen):
            for other in table.get(room, set()) - {"all"}:
                if other in seen:
                    return [other]
                found = below(other, seen | {other})
                if found:
                    return [other] + found
            return []

        for room in table:
            cycle = below(room, {room})
            if cycle:
                yield f"room {room} includes itself: {' -> '.join([room] + cycle)}"

    def rule_includes_stay_in_the_table(self):
        table = self.room_table()
        rooms = set(table)
        for path in self.cpp:
            name = relative(path)
            if not name.startswith("src/"):
                continue
            room = name.split("/")[1]
            may = table.get(room, set()) | {room}
            if "all" in may:
                may |= rooms - {"testing"}
            if path.stem.endswith("_test") and ("io" in may):
                may.add("testing")
            for number, line in enumerate(blank(self.text[path], True).splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not found:
                    continue
                target = found.group(1)
                if ".." in target.split("/"):
                    yield f"{name}:{number}: \"{target}\" goes upwards: name the room"
                elif "/" not in target:
                    yield f"{name}:{number}: \"{target}\" does not name its room"
                elif target.split("/")[0] in rooms and target.split("/")[0] not in may:
                    yield f"{name}:{number}: room {room} may not include {target}"

    def rule_every_room_has_a_page(self):
        for room in sorted(self.room_table()):
            page = SRC / room / "README.md"
            if not page.is_file():
                yield f"src/{room}/README.md is missing"
                continue
            lines = len(read(page).splitlines())
            if not 5 <= lines <= 40:
                yield f"src/{room}/README.md has {lines} lines; a room's page has 10 to 30"

    # ---- headers -------------------------------------------------------------------------------------

    def rule_headers_begin_with_pragma_once(self):
        for path in self.cpp:
            if path.suffix == ".hpp" and not self.text[path].startswith("#pragma once"):
                yield f"{relative(path)}: does not begin with #pragma once"

    def rule_sources_include_their_header_first(self):
        """Proves that the header compiles alone; headers without a source are compiled by CMake."""
        for path in self.cpp:
            header = path.with_suffix(".hpp")
            if path.suffix != ".cpp" or header not in self.text or not relative(path).startswith("src/"):
                continue
            first = re.search(r'^\s*#\s*include\s+["<]([^">]+)[">]', self.text[path], re.M)
            wanted = relative(header)[len("src/"):]
            if not first or first.group(1) != wanted:
                yield f"{relative(path)}: its first include is not \"{wanted}\""

    def rule_heavy_headers_stay_where_they_are(self):
        for path in self.cpp:
            name = relative(path)
            if name.startswith("bench/"):
                continue
            for number, line in enumerate(self.text[path].splitlines(), 1):
                found = re.match(r'\s*#\s*include\s+["<]([^"\n]+)[">]', line)
                if not found:
                    continue
                for pattern, places, reason in HEAVY:
                    if re.match(pattern, found.group(1) + ">") and not allowed(name, places):
                        yield f"{name}:{number}: {found.group(1)}: {reason}"

    # ---- sizes ---------------------------------------------------------------------------------------

    def rule_files_are_short(self):
        for path in self.files:
            if path.suffix not in (".hpp", ".cpp", ".py", ".sh", ".cmake", ".ts", ".tsx") and path.name not in ("run", "test"):
                continue
            lines = read(path).count("\n")
            if lines > FILE_LINES_MAX:
                yield f"{relative(path)}: {lines} lines; at most {FILE_LINES_MAX}"

    def rule_functions_are_short(self):
        for path in self.cpp:
            for frame, last in frames(without_directives(self.code[path])):
                if frame.kind == "function" and last - frame.line + 1 > FUNCTION_LINES_MAX:
                    head = " ".join(frame.head.split())[-80:]
                    yield f"{relative(path)}:{frame.line}: {last - frame.line + 1} lines: {head}"

    # ---- calls ---------------------------------------------------------------------------------------

    def rule_no_banned_calls(self):
        for path in self.cpp:
            name = relative(path)
            for pattern, reason, places in BANNED:
                if allowed(name, places):
                    continue
                for found in re.finditer(pattern, self.code[path], re.M):
                    line = self.code[path].count("\n", 0, found.start()) + 1
                    yield f"{name}:{line}: {found.group(0).strip()[:40]}: {reason}"

    def rule_no_assert_in_coroutines(self):
        """ASSERT_* returns, which a coroutine may not; g++ 12 accepts it in some places all the same."""
        for path in self.cpp:
            for frame, _ in frames(without_directives(self.code[path])):
                if frame.has_co and frame.asserts:
                    yield f"{relative(path)}:{frame.asserts[0]}: ASSERT_ in a coroutine: EXPECT_ and HasFatalFailure()"

    def rule_no_capturing_coroutines(self):
        """What a lambda captured is gone when the coroutine goes on after the lambda itself is gone."""
        for path in self.cpp:
            for frame, _ in frames(without_directives(self.code[path])):
                if frame.kind == "lambda" and frame.has_co and frame.capture.strip():
                    yield f"{relative(path)}:{frame.line}: a coroutine that captures [{frame.capture.strip()}]: pass arguments"

    # ---- words ---------------------------------------------------------------------------------------

    def words(self, pattern, skip=()):
        own = relative(pathlib.Path(__file__).resolve())
        for path in self.files:
            name = relative(path)
            if name == own or name.startswith(tuple(skip)) or path.suffix in (".gguf", ".png", ".model", ".sqlite"):
                continue
            for number, line in enumerate(read(path).splitlines(), 1):
                found = re.search(pattern, line)
                if found:
                    yield f"{name}:{number}: {found.group(0)}"

    def rule_nothing_is_left_to_do(self):
        yield from self.words(r"\b(?:TODO|FIXME|XXX|HACK)\b", ("tests/cases/", "examples/"))

    def rule_no_paths_of_one_machine(self):
        yield from self.words(r"(?<![\w./~-])/(?:root|work|home/(?!me\b|you\b|user\b)\w+|Users/\w+|tmp/b)/", ("tests/cases/",))

    def rule_no_addresses_of_registries(self):
        yield from self.words(r"https?://(?:[\w.-]*\b(?:pypi|npmjs|pythonhosted|crates|debian)\.\w+"
                              r"|(?!127\.|0\.0\.0\.0|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|10\.0\.0\.|169\.254\.)\d+\.\d+\.\d+\.\d+)",
                              ("tests/cases/", "src/io/", "src/models/", "src/wire/"))

    def rule_scripts_are_sound(self):
        for path in self.files:
            text = read(path) if path.suffix in ("", ".sh") and path.stat().st_size < 200_000 else ""
            if re.match(r"#!.*\b(?:ba)?sh\b", text):
                done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
                if done.returncode:
                    yield f"{relative(path)}: {done.stderr.strip()}"
            elif path.suffix == ".py":
                try:
                    compile(read(path), relative(path), "exec")
                except SyntaxError as error:
                    yield f"{relative(path)}:{error.lineno}: {error.msg}"


def main():
    house = House()
    rules = [name for name in dir(house) if name.startswith("rule_")]
    if len(sys.argv) > 1:
        rules = [name for name in rules if sys.argv[1] in name]
    passed = failed = 0
    for name in rules:
        broken = list(getattr(house, name)())
        if not broken:
            passed += 1
            continue
        failed += 1
        print(f"{name[len('rule_'):].replace('_', ' ')}:")
        for line in broken:
            print(f"  {line}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
