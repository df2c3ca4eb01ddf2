"""Documents and deployment files against the code: what is generated is current, and every name in them exists.

What cannot be started here (compose, Kubernetes) is at least read: its settings, commands, stages and probes.
"""

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
import yaml  # type: ignore[import-untyped]

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
ELSEWHERE = ("watcher",)  # a folder is watched by `murmur dev`; an installation with buckets needs no watcher


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def commands() -> dict[str, set[str]]:
    """Every command with its sub-commands."""
    root: Any = typer.main.get_command(app)
    return {name: set(getattr(command, "commands", {})) for name, command in root.commands.items()}


def test_generated_files_are_what_the_code_says() -> None:
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
    unknown = [" ".join(words) for words in _said(file.read_text()) if not _is_command(words)]
    assert unknown == []


def _said(text: str) -> Iterator[list[str]]:
    """Of `murmur topics apply`, in back-quotes or at the start of a line of code: ["topics", "apply"]."""
    code = re.findall(r"(?ms)^```.*?^```", text)
    lines = [line for block in code for line in re.findall(r"(?m)^\s*(?:\.venv/bin/)?murmur ([^#\n]*)", block)]
    quoted = re.findall(r"`murmur ([^`\n]+)`", text)
    for said in lines + quoted:
        words = [word.strip(".,;:") for word in said.split() if not word.startswith("-")]
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
    page = (ROOT / "docs/http.md").read_text()
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


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def manifests() -> list[dict[str, Any]]:
    """Without the kustomizations, which have no names."""
    documents = [document for file in MANIFESTS for document in yaml.safe_load_all(file.read_text())]
    return [document for document in documents if "metadata" in document]


def workloads() -> dict[str, dict[str, Any]]:
    """Pod specifications of what runs for ever, by name."""
    kinds = ("Deployment", "StatefulSet")
    return {m["metadata"]["name"]: m["spec"]["template"]["spec"] for m in manifests() if m["kind"] in kinds}


def test_compose_runs_every_stage_once() -> None:
    started = [service["command"][-1] for service in compose()["services"].values() if service.get("command", [""])[0] == "run"]
    assert sorted(started) == sorted(set(STAGES) - set(ELSEWHERE))


def test_commands_of_containers_exist() -> None:
    ours = [service for service in compose()["services"].values() if service.get("image") == "murmur:local"]
    said = [service["command"] for service in ours]
    pods = [*workloads().values(), *(m["spec"]["template"]["spec"] for m in manifests() if m["kind"] == "Job")]
    said += [container["args"] for pod in pods for container in [*pod.get("initContainers", []), *pod["containers"]]]
    assert len(said) > 10
    assert [words for words in said if not _is_command([word for word in words if not word.startswith("-")])] == []


def test_compose_services_wait_for_what_exists_and_have_health_checks() -> None:
    services = compose()["services"]
    assert {name for service in services.values() for name in service.get("depends_on", {})} <= set(services)
    stages = [name for name, service in services.items() if service.get("command", [""])[0] == "run"]
    assert [name for name in [*stages, "kafka"] if "healthcheck" not in services[name]] == []
    sources = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {source for source in sources if not source.startswith("./")} == set(compose()["volumes"])


def test_the_store_of_compose_announces_on_the_topic_that_intake_reads() -> None:
    announced = compose()["services"]["store"]["environment"]["MINIO_NOTIFY_KAFKA_TOPIC_MURMUR"]
    assert announced == f"{Settings().topic_prefix}uploads"


def test_kustomize_lists_every_manifest() -> None:
    for file in (ROOT / "k8s").rglob("kustomization.yaml"):
        listed = yaml.safe_load(file.read_text())["resources"]
        assert sorted(listed) == sorted(other.name for other in file.parent.glob("*.yaml") if other != file)


def test_kubernetes_runs_every_stage_with_probes_and_time_to_stop() -> None:
    assert sorted(workloads()) == sorted(set(STAGES) - set(ELSEWHERE))
    for name, pod in workloads().items():
        (container,) = pod["containers"]
        assert container["args"] == ["run", "--once", name]
        ports = {port["name"] for port in container["ports"]}
        assert {container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")} <= ports
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert pod["terminationGracePeriodSeconds"] >= 30
        assert pod["securityContext"]["runAsNonRoot"] is True


def test_every_stage_of_compose_sees_the_folder_of_models() -> None:
    """They must agree on the model, and its revision depends on where it was found."""
    ours = {name: service for name, service in compose()["services"].items() if service.get("image") == "murmur:local"}
    assert len(ours) > len(STAGES) - len(ELSEWHERE)
    for name, service in ours.items():
        mounted = {volume.split(":")[1] for volume in service["volumes"]}
        assert service["environment"]["MURMUR_MODELS_DIR"] in mounted, name


def test_models_on_a_volume_reach_every_stage_of_kubernetes() -> None:
    """The component's patches are of every kind of workload that there is, and name places that each has."""
    component = yaml.safe_load((ROOT / "k8s/models/kustomization.yaml").read_text())
    kinds = {
        m["kind"] for m in manifests() if m["metadata"]["name"] in workloads() and m["kind"] in ("Deployment", "StatefulSet")
    }
    assert kinds <= {patch["target"]["kind"] for patch in component["patches"]}
    (claim,) = [m for m in manifests() if m["kind"] == "PersistentVolumeClaim"]
    mounts = [yaml.safe_load(patch["patch"]) for patch in component["patches"] if patch["target"]["kind"] in kinds]
    for volume, mount in mounts:
        assert volume["value"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert volume["value"]["name"] == mount["value"]["name"]
    for pod in workloads().values():
        assert pod["volumes"]
        assert pod["containers"][0]["volumeMounts"]


def test_the_image_runs_without_root_and_starts_murmur() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER murmur" in last
    assert 'ENTRYPOINT ["murmur"]' in last
    copied = {line.split()[1] for line in lines if line.startswith("COPY") and not line.startswith("COPY --from")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= copied


def test_the_store_of_the_compose_file_keeps_events_as_production_should() -> None:
    """docs/stores.md: either of the two alone loses events."""
    store = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["store"]
    assert store["environment"]["MINIO_API_SYNC_EVENTS"] == "on"
    queue = store["environment"]["MINIO_NOTIFY_KAFKA_QUEUE_DIR_MURMUR"]
    assert queue in [volume.split(":")[1] for volume in store["volumes"]], "it must outlive the container"
