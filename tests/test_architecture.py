"""The rules that keep the tree readable: who imports whom, who reads the environment, how long things may be.

Read from the source with `ast`; nothing of the system is started here.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
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


def name(file: Path) -> str:
    """The module's dotted name."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


BY_NAME = {name(file): file for file in SOURCES}
WITHOUT_MODELS = [file for file in SOURCES if not name(file).startswith(("processors.slicer", "processors.transcriber"))]


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


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
    todo, seen, foreign = [start], set[str](), set[str]()
    while todo:
        module = todo.pop()
        if module in seen or module not in BY_NAME:
            continue
        seen.add(module)
        parents = [module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)]
        found = imports_at_load(BY_NAME[module])
        foreign |= {top(dotted) for dotted in found if top(dotted) not in MAY_IMPORT}
        todo += [*parents, *found]
    return seen | foreign


def violations(files: Iterable[Path], found: Callable[[Path], set[str]]) -> dict[str, set[str]]:
    """Of a rule, by module. One test for all files: one for each would be thousands, which take longer than what they check."""
    return {name(file): wrong for file in files if (wrong := found(file))}


def test_there_is_source_to_check() -> None:
    assert {name(file).partition(".")[0] for file in SOURCES} == set(MAY_IMPORT)


def test_imports_run_one_way() -> None:
    def wrong(file: Path) -> set[str]:
        return {dotted for dotted in imports(file) if top(dotted) in MAY_IMPORT.keys() - MAY_IMPORT[top(name(file))]}

    assert violations(SOURCES, wrong) == {}


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


def test_shared_modules_do_not_refer_to_stages_by_name() -> None:
    def named(file: Path) -> set[str]:
        strings = {node.value for node in ast.walk(tree(file)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        return {text for text in strings if re.fullmatch(r"(producers|processors|sinks|murmur)(\.\w+)+", text)}

    assert violations([file for file in SOURCES if top(name(file)) in ("schemas", "runtime")], named) == {}


def test_only_the_settings_read_the_environment() -> None:
    attributes, modules = {"environ", "environb", "getenv", "putenv"}, {"os.environ", "os.getenv", "pydantic_settings"}

    def reads(file: Path) -> set[str]:
        used = {node.attr for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
        return (used & attributes) | (imports(file) & modules)

    assert violations(SOURCES, reads).keys() == {"runtime.settings", "runtime.client_settings"}


def test_model_libraries_are_imported_by_slicer_and_transcriber_only() -> None:
    def imports_ml(file: Path) -> set[str]:
        return {dotted for dotted in imports_at_load(file) if top(dotted) in ML}

    assert violations(WITHOUT_MODELS, imports_ml) == {}


def test_importing_any_other_module_loads_no_model_library() -> None:
    assert violations(WITHOUT_MODELS, lambda file: closure(name(file)) & ML) == {}


@pytest.mark.parametrize(
    ("places", "clients"),
    [
        (("runtime.kafka", "sinks.metrics"), {"confluent_kafka", "aiokafka", "faust"}),
        (("runtime.objects",), {"boto3", "botocore"}),
    ],
    ids=["kafka", "s3"],
)
def test_clients_stay_in_their_places(places: tuple[str, ...], clients: set[str]) -> None:
    users = violations(SOURCES, lambda file: {top(dotted) for dotted in imports(file)} & clients)
    assert users
    assert [module for module in users if not module.startswith(places)] == []


def test_the_command_line_loads_nothing_slow() -> None:
    """Counted, not timed: what `murmur --help` imports, in a process of its own."""
    program = "import json, sys, murmur.cli; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(answer.stdout))
    assert "murmur" in loaded
    assert loaded.isdisjoint(SLOW_TO_IMPORT)


def test_a_decoder_process_loads_what_it_needs_to_decode_and_nothing_else() -> None:
    """Each hostile file costs the start of one: pydantic, the schemas and the settings would double it."""
    program = """
import json, sys, av, numpy
needed = {*sys.modules}
import processors.slicer.sandbox.child
print(json.dumps([*sys.modules.keys() - needed]))
"""
    answer = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    loaded = {module for module in json.loads(answer.stdout) if top(module) not in sys.stdlib_module_names}
    assert {top(module) for module in loaded} <= {"av", "numpy", "processors", "runtime", "schemas"}
    assert {module for module in loaded if module.startswith(("runtime.", "schemas."))} == {"runtime.errors", "schemas.sound"}


def test_a_module_opens_with_what_it_is_what_feeds_it_and_what_it_feeds() -> None:
    assert [name(file) for file in ALL_CODE if not ast.get_docstring(tree(file))] == []


def test_modules_stay_short() -> None:
    lengths = {name(file): len(file.read_text().splitlines()) for file in ALL_CODE}
    assert {module: length for module, length in lengths.items() if length > MODULE_MAX_LINES} == {}


def test_functions_stay_short() -> None:
    def long(file: Path) -> set[str]:
        functions = [node for node in ast.walk(tree(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return {node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_MAX_LINES}

    assert violations(ALL_CODE, long) == {}


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
