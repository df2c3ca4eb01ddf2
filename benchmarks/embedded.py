"""A fresh `murmur dev` for one measurement: an empty cache, a gateway on a free port, the demo model or original weights."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from murmur.dev import Dev
from murmur.gateway_client import ENDED, GatewayClient
from runtime.settings import Settings
from scripts import models

READY_S = 120.0
POLL_S = 0.002


@contextmanager
def gateway(model: str = "demo", **more: object) -> Iterator[GatewayClient]:
    """A client of its gateway, once every stage is ready. `more`: settings."""
    with tempfile.TemporaryDirectory() as data:
        folder = None if model == "demo" else models.path(model).parent
        values = {"model": model, "models_dir": folder, "data_dir": Path(data), "gateway_port": 0, "log_level": "ERROR", **more}
        settings = Settings.model_validate(values)
        with Dev(settings) as dev:
            dev.wait_ready(READY_S)
            assert dev.address is not None
            with GatewayClient(dev.address) as client:
                yield client


def until_end(gateway: GatewayClient, task_id: str) -> None:
    """Blocks until the job has ended; polls closely."""
    while gateway.status(task_id)["state"] not in ENDED:
        time.sleep(POLL_S)
