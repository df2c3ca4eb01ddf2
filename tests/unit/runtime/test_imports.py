"""What a stage imports, and what it must not."""

import subprocess
import sys
from importlib import import_module

import pytest

from runtime.imports import without

STAGE = "murmur.cli.child"


@pytest.mark.parametrize("modules", [STAGE, f"{STAGE}, processors.corrector", "murmur.gateway_client"])
def test_rich_and_what_it_needs_are_not_imported_until_they_are_used(modules: str) -> None:
    program = f"import sys, {modules}; print(*sys.modules); import rich.console"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"rich", "pygments"}.isdisjoint(done.stdout.split())


def test_a_module_that_is_missing_for_one_import_is_there_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ImportError):
        import_module("colorsys")
    assert import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_a_module_that_is_in_use_stays() -> None:
    with without("sys"):
        assert import_module("sys") is sys
