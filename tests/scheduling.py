"""Which tests run in one process of pytest-xdist, and in which order: those of a file, and those of several files that share what
is slow to start.

A scheduler of our own, as pytest-xdist 3.8 loses its groups (`--dist loadgroup`) with pytest 9.
"""

import re
from collections.abc import Sequence
from itertools import chain, zip_longest

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SHARED = {
    # the fixture `system` of these folders
    "tests/pipeline/test_(http|dlq|inbox|stats)": "a system in one process",
    "tests/services/test_(keys|main_path|gateway_uploads).*\\[minio": "stages on minio",
    "tests/services/test_(keys|main_path|gateway_uploads).*\\[versitygw": "stages on versitygw",
    # a dozen processes each: one after the other
    "tests/services/(test_many_processes|chaos/test_chaos)": "clusters",
}


COMPUTING = "tests/speech/"  # a whole core each


def group(nodeid: str) -> str:
    found = (name for pattern, name in SHARED.items() if re.match(pattern, nodeid))
    return next(found, nodeid.partition("::")[0])


def in_turn(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Groups that compute and groups that wait in turn: one kind after the other, there would be too few cores, and then idle
    ones."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(group(item.nodeid), []).append(item)
    computing = [members for name, members in groups.items() if name.startswith(COMPUTING)]
    waiting = [members for name, members in groups.items() if not name.startswith(COMPUTING)]
    return [*chain.from_iterable(chain.from_iterable(zip_longest(waiting, computing, fillvalue=())))]


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    _split_scope = staticmethod(group)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup:
    return ByGroup(config, log)
