"""The rules that keep the tree readable: who imports whom, who reads the environment, how long things may be.

Read from the source with `ast`; nothing of the system is started here.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = {"producers", "processors", "sinks"}
MAY_IMPORT = {
    "schemas": {"schemas"},
    "runtime": {"schemas", "runtime"},
    "producers": {"schemas", "runtime", "producers"},
    "processors": {"schemas", "runtime", "processors"},
    "sinks": {"schemas", "runtime", "sinks"},
    "murmur": {"schemas", "runtime", "murmur"} | STAGES,
}
ML = {"av", "ctranslate2", "faster_whisper", "huggingface_hub", "onnxruntime", "tokenizers", "torch"}
SLOW_TO_IMPORT = ML | {"aiohttp", "aiokafka", "boto3", "faust", "numpy"}
MODULE_MAX_LINES = 400
FUNCTION_MAX_LINES = 60

SOURCES = sorted(file for package in MAY_IMPORT for file in (ROOT / package).rglob("*.py"))
ALL_CODE = SOURCES + sorted(
    file for folder in ("tests", "scripts", "examples", "benchmarks") for file in (ROOT / folder).rglob("*.py")
)


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def name(file: Path) -> str:
    """The module's dotted name."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node: ast.AST) -> list[str]:
    """Dotted names of what an import statement brings; of `from a import b` both `a` and `a.b`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


@cache
def imports(file: Path) -> set[str]:
    """Everything imported anywhere in the module."""
    return {found for node in ast.walk(tree(file)) for found in imported(node)}


@cache
def imports_at_load(file: Path) -> set[str]:
    """What is imported when the module is: not in functions, not for the type checker only."""
    return {found for node in _outside_functions(tree(file)) for found in imported(node)}


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _outside_functions(child)


def top(dotted: str) -> str:
    return dotted.partition(".")[0]


def closure(start: str) -> set[str]:
    """Every module of ours and top-level package of others that importing `start` loads."""
    files = {name(file): file for file in SOURCES}
    todo, seen, foreign = [start], set[str](), set[str]()
    while todo:
        module = todo.pop()
        if module in seen or module not in files:
            continue
        seen.add(module)
        parents = [module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)]
        found = imports_at_load(files[module])
        foreign |= {top(dotted) for dotted in found if top(dotted) not in MAY_IMPORT}
        todo += [*parents, *found]
    return seen | foreign


def test_there_is_source_to_check() -> None:
    assert {name(file).partition(".")[0] for file in SOURCES} == set(MAY_IMPORT)


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_imports_run_one_way(file: Path) -> None:
    ours = {dotted for dotted in imports(file) if top(dotted) in MAY_IMPORT}
    assert {dotted for dotted in ours if top(dotted) not in MAY_IMPORT[top(name(file))]} == set()


@pytest.mark.parametrize("depth", [2, 9], ids=["packages", "modules"])
def test_nothing_imports_itself_through_others(depth: int) -> None:
    """Also not by imports in functions. A package's `__init__`, which only passes names on, is left out."""
    modules = {name(file): file for file in SOURCES if file.name != "__init__.py"}
    arrows: dict[str, set[str]] = {}
    for module, file in modules.items():
        part = ".".join(module.split(".")[:depth])
        found = {".".join(dotted.split(".")[:depth]) for dotted in imports(file) if dotted in modules}
        arrows.setdefault(part, set()).update(found - {part})
    assert any(arrows.values())
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("file", [file for file in SOURCES if top(name(file)) in ("schemas", "runtime")], ids=name)
def test_shared_modules_do_not_refer_to_stages_by_name(file: Path) -> None:
    strings = {node.value for node in ast.walk(tree(file)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert {text for text in strings if re.fullmatch(r"(producers|processors|sinks|murmur)(\.\w+)+", text)} == set()


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_only_the_settings_read_the_environment(file: Path) -> None:
    if name(file) in ("runtime.settings", "runtime.client_settings"):
        return
    reads = [node for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb")]
    calls = [node for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute) and node.attr in ("getenv", "putenv")]
    assert [ast.unparse(node) for node in reads + calls] == []
    assert imports(file).isdisjoint({"os.environ", "os.getenv", "pydantic_settings"})


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_model_libraries_are_imported_by_slicer_and_transcriber_only(file: Path) -> None:
    if name(file).startswith(("processors.slicer", "processors.transcriber")):
        return
    assert {dotted for dotted in imports_at_load(file) if top(dotted) in ML} == set()


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_importing_any_other_module_loads_no_model_library(file: Path) -> None:
    if name(file).startswith(("processors.slicer", "processors.transcriber")):
        return
    assert closure(name(file)).isdisjoint(ML)


@pytest.mark.parametrize("file", SOURCES, ids=name)
def test_kafka_and_s3_clients_stay_in_their_places(file: Path) -> None:
    libraries = {top(dotted) for dotted in imports(file)}
    if not name(file).startswith(("runtime.kafka", "sinks.metrics")):
        assert libraries.isdisjoint({"confluent_kafka", "aiokafka", "faust"})
    if not name(file).startswith("runtime.objects"):
        assert libraries.isdisjoint({"boto3", "botocore"})


def test_the_command_line_loads_nothing_slow() -> None:
    """Counted, not timed: what `murmur --help` imports, in a process of its own."""
    program = "import json, sys, murmur.cli; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(answer.stdout))
    assert "murmur" in loaded
    assert loaded.isdisjoint(SLOW_TO_IMPORT)


@pytest.mark.parametrize("file", ALL_CODE, ids=name)
def test_modules_have_a_docstring_and_are_short(file: Path) -> None:
    assert ast.get_docstring(tree(file)), "a module opens with what it is, what feeds it, what it feeds"
    assert len(file.read_text().splitlines()) <= MODULE_MAX_LINES


@pytest.mark.parametrize("file", ALL_CODE, ids=name)
def test_functions_stay_short(file: Path) -> None:
    functions = [node for node in ast.walk(tree(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {function: length for function, length in lengths.items() if length > FUNCTION_MAX_LINES} == {}


def test_nothing_tracked_names_a_machine_or_a_package_mirror() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT)
    home = re.escape(str(Path.home()))
    machine = re.compile(rf"{re.escape(str(ROOT))}\b|(?<![\w.]){home}/|/(?:home|Users)/\w|-index-url|find-links")
    found = [
        f"{path}:{number}"
        for path in listed.stdout.split("\0")
        if path and path != "tests/test_architecture.py" and (ROOT / path).is_file()
        for number, line in enumerate(_text(ROOT / path).splitlines(), 1)
        if machine.search(line)
    ]
    assert found == []


def _text(file: Path) -> str:
    """Empty for what is not text."""
    try:
        return file.read_text()
    except UnicodeDecodeError:
        return ""
