"""A fresh `murmur dev` for one measurement: the demo model, an empty cache, a gateway on a free port."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from murmur.dev import Dev
from murmur.gateway_client import GatewayClient
from runtime.settings import Settings

READY_S = 120.0


@contextmanager
def gateway() -> Iterator[GatewayClient]:
    """A client of its gateway, once every stage is ready."""
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(model="demo", data_dir=Path(data), gateway_port=0, log_level="ERROR")
        with Dev(settings) as dev:
            dev.wait_ready(READY_S)
            assert dev.address is not None
            with GatewayClient(dev.address) as client:
                yield client
