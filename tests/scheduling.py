"""Which tests run in one process of pytest-xdist: those of a file, and those of several files that share what is slow to start.

A scheduler of our own, as pytest-xdist 3.8 loses its groups (`--dist loadgroup`) with pytest 9.
"""

import re

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


def group(nodeid: str) -> str:
    found = (name for pattern, name in SHARED.items() if re.match(pattern, nodeid))
    return next(found, nodeid.partition("::")[0])


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    _split_scope = staticmethod(group)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByGroup:
    return ByGroup(config, log)
