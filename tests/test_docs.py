"""Documents and deployment files against the code: what is generated is current, and every name in them exists."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from murmur.cli import app
from murmur.stages import STAGES
from runtime.settings import Settings
from scripts import generate

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("benchmarks/*.md")])
MANIFESTS = sorted((ROOT / "k8s").rglob("*.yaml"))
DEPLOYMENT = [ROOT / "docker-compose.yml", ROOT / "Dockerfile", *MANIFESTS]
TEXTS = [*PAGES, *DEPLOYMENT, ROOT / ".env.example", *sorted(ROOT.glob("examples/*.py")), *sorted(ROOT.glob("examples/*.sh"))]
SOURCES = sorted(
    f for p in ("schemas", "runtime", "murmur", "producers", "processors", "sinks") for f in (ROOT / p).rglob("*.py")
)
LOG_METHODS = ("debug", "info", "warning", "error", "exception", "critical")


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def commands() -> dict[str, set[str]]:
    """Every command with its sub-commands."""
    root: Any = typer.main.get_command(app)
    return {name: set(getattr(command, "commands", {})) for name, command in root.commands.items()}


def test_generated_files_match_the_code() -> None:
    assert generate.differences() == [], "run `make generate`"


def test_the_version_is_in_the_changelog_and_unreleased_is_on_top() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text())
    assert headings[:2] == ["Unreleased", version]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text()))
    local = [target for target in targets if not target.startswith(("http://", "https://", "mailto:"))]
    assert [target for target in local if not _leads_somewhere(page, target)] == []


def _without_code(text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```", "", text)


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not anchor:
        return file.exists()
    headings = re.findall(r"(?m)^#+ (.+)$", file.read_text())
    return anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", TEXTS, ids=relative)
def test_every_setting_that_is_named_exists(file: Path) -> None:
    known = {f"MURMUR_{name.upper()}" for name in Settings.model_fields}
    foreign = {"MURMUR_"}  # the prefix itself
    named = set(re.findall(r"(?<![A-Z_])MURMUR_[A-Z0-9_]*[A-Z0-9]?", file.read_text()))
    assert {name for name in named - known - foreign if not name.endswith("_")} == set()


@pytest.mark.parametrize("file", TEXTS, ids=relative)
def test_every_command_that_is_named_exists(file: Path) -> None:
    unknown = [" ".join(words) for words in _commands(file.read_text()) if not _is_command(words)]
    assert unknown == []


def _commands(text: str) -> Iterator[list[str]]:
    """Of `murmur topics apply`, in back-quotes or at the start of a line of code: ["topics", "apply"]."""
    code = re.findall(r"(?ms)^```.*?^```", text)
    lines = [line for block in code for line in re.findall(r"(?m)^\s*(?:\.venv/bin/)?murmur ([^#\n]*)", block)]
    quoted = re.findall(r"`murmur ([^`\n]+)`", text)
    for line in lines + quoted:
        words = [word.strip(".,;:") for word in line.split() if not word.startswith("-")]
        if words:
            yield words


def _is_command(words: list[str]) -> bool:
    name, rest = words[0], words[1:]
    if name not in commands():
        return False
    if name == "run":
        return all(stage in STAGES or stage in ("all", "STAGE", "STAGE...") for stage in rest)
    return not commands()[name] or not rest or rest[0] in commands()[name]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    text = page.read_text()
    named = re.findall(r"`make (?:[A-Z]+=\S+ )?([a-z-]+)`", text) + re.findall(r"(?m)^make (?:[A-Z]+=\S+ )?([a-z-]+)", text)
    assert set(named) - targets == set()


def test_every_reason_of_a_failure_is_explained() -> None:
    page = (ROOT / "docs/delivery.md").read_text()
    explained = set(re.findall(r"(?m)^\| `([a-z_]+)` \|", page))
    given = {reason for file in SOURCES for reason in _reasons(file)}
    assert len(given) > 5
    assert given - explained == set()


def test_every_reason_of_an_http_error_is_explained() -> None:
    page = (ROOT / "docs/http-errors.md").read_text()
    problems = re.findall(r'Problem\(\s*\d+,\s*"([a-z_]+)"', "".join(file.read_text() for file in SOURCES))
    assert len(problems) > 5
    problems += [HTTPStatus(status).phrase.lower().replace(" ", "_") for status in (404, 405, 417)]  # the framework's own
    assert {reason for reason in problems if f"`{reason}`" not in page} == set()


def test_every_log_event_and_every_field_of_one_is_listed() -> None:
    """An event that is no literal of two words, `noun.participle`, is listed nowhere."""
    page = (ROOT / "docs/logs.md").read_text()
    rows = re.findall(r"(?m)^\| `([a-z_]+\.[a-z_]+)` \| ([A-Z, ]+) \|", page)
    listed = {event: set(levels.split(", ")) for event, levels in rows}
    fields = {key for row in re.findall(r"(?m)^\| (`\w+`(?:, `\w+`)*) \|", page) for key in re.findall(r"\w+", row)}
    logged: dict[str, set[str]] = {}
    for call in (call for file in SOURCES for call in _log_calls(file)):
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        level = "ERROR" if method == "exception" else method.upper()
        logged.setdefault(ast.unparse(call.args[0]).strip("'"), set()).add(level)
        assert {key.arg for key in call.keywords} - fields <= {None, "exc_info"}, ast.unparse(call)
    assert len(logged) > 20
    assert logged == listed


def _log_calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS:
            logger = ast.unparse(node.func.value)
            if logger in ("log", "self._log") or "get_logger(" in logger:
                yield node


def _reasons(file: Path) -> Iterator[str]:
    """The words given to Invalid, Undecodable and Failure(reason=...)."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        words: list[ast.expr] = []
        if node.func.id in ("Invalid", "Undecodable"):
            words = node.args[:1]
        elif node.func.id == "Failure":
            words = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
        yield from (word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str))


def containers() -> Iterator[dict[str, Any]]:
    """Of docker-compose.yml and of Kubernetes, those that run murmur."""
    yield from (s for s in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values() if "build" in s)
    for document in (document for file in MANIFESTS for document in yaml.safe_load_all(file.read_text())):
        pod = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from [*pod.get("initContainers", []), *pod.get("containers", [])]


def test_commands_of_containers_exist() -> None:
    commanded = [container.get("command") or container["args"] for container in containers()]
    assert len(commanded) > 10
    assert [words for words in commanded if not _is_command([word for word in words if not word.startswith("-")])] == []
