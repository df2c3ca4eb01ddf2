"""Built once, completely or not at all, with concurrent builds and with kills at any time."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.services import cache
from scripts.services.cache import Artifact, ServiceError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def writes(content: str, built: list[str]) -> Artifact:
    def build(scratch: Path) -> Path:
        built.append(content)
        (scratch / "binary").write_text(content)
        (scratch / "leftovers").write_text("3 GB")
        return scratch / "binary"

    return Artifact("tool", "v1", build)


def test_it_is_built_once_and_nothing_of_the_build_stays(own_cache: Path) -> None:
    built: list[str] = []
    for _ in range(2):
        assert cache.ensure(writes("whole", built)).read_text() == "whole"
    assert built == ["whole"]
    assert sorted(path.name for path in own_cache.rglob("*")) == ["bin", "lock", "tool-v1"]


def test_two_who_need_it_at_once_get_one_build(own_cache: Path) -> None:
    built: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: cache.ensure(writes("whole", built)), range(4)))
    assert set(paths) == {own_cache / "bin" / "tool-v1"}
    assert built == ["whole"]


def test_a_failed_build_leaves_nothing_and_shows_the_end_of_its_log(own_cache: Path) -> None:
    def build(scratch: Path) -> Path:
        cache.run([sys.executable, "-c", "print('no such module'); raise SystemExit(3)"], "building tool", scratch / "log")
        return scratch

    with pytest.raises(ServiceError, match=r"building tool failed with exit code 3\n.*no such module"):
        cache.ensure(Artifact("tool", "v1", build))
    assert sorted(path.name for path in own_cache.rglob("*")) == ["bin", "lock"]


def test_what_a_killed_build_left_is_removed_by_the_next(own_cache: Path) -> None:
    (own_cache / "scratch-1").mkdir(parents=True)
    (own_cache / "scratch-1" / "binary").write_text("half")
    assert cache.ensure(writes("whole", [])).read_text() == "whole"
    assert not (own_cache / "scratch-1").exists()


def test_the_cache_is_where_the_environment_sets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert cache.folder({"MURMUR_SERVICES_CACHE": str(tmp_path), "XDG_CACHE_HOME": "elsewhere"}) == tmp_path
    assert cache.folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "murmur"
    assert cache.folder({}) == Path.home() / ".cache" / "murmur"


def test_a_version_can_be_overridden() -> None:
    assert cache.version("minio", "v1", {}) == "v1"
    assert cache.version("minio", "v1", {"MURMUR_SERVICES_MINIO_VERSION": "v2"}) == "v2"


def test_a_missing_tool_is_named() -> None:
    with pytest.raises(cache.MissingToolchain, match=r"`no-such-tool-of-ours` is not installed; building x needs it"):
        cache.tool("no-such-tool-of-ours", "building x")
