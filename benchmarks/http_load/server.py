"""The server under load, in a process of its own: murmur's gateway, or a bare aiohttp application beside it.

`python -m benchmarks.http_load.server KIND [SETTING=VALUE …]`: prints its port, and ends with its standard input.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import psutil
from aiohttp import web

Kind = Literal["bare", "parts", "whole"]  # bare: aiohttp; parts: gateway and coordinator; whole: every stage
STATUS_BYTES = 700  # about that of a status
READY_S = 120.0
STOP_S = 30.0


class Server:
    """`port`, and what the process and its children have spent."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self._process = psutil.Process(pid)

    def cpu_s(self) -> float:
        """With its decoder processes."""
        return sum(_cpu_s(process) for process in (self._process, *self._process.children(recursive=True)))

    def memory_bytes(self) -> int:
        return int(self._process.memory_info().rss)


def _cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextlib.contextmanager
def server(kind: Kind, **more: object) -> Iterator[Server]:
    """Ready, with empty stores. `more`: settings."""
    values = [f"{name}={value}" for name, value in more.items()]
    command = [sys.executable, "-m", "benchmarks.http_load.server", kind, *values]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        line = child.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"the server does not start: {' '.join(command)}")
        yield Server(int(line), child.pid)
    finally:
        child.stdin.close()
        child.wait(STOP_S)


async def _bare() -> None:
    body = b'{"status": "' + b"x" * (STATUS_BYTES - 14) + b'"}'

    async def status(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async def submit(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, status=202, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/status/{task_id}", status), web.post("/submit", submit)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _murmur(only: tuple[str, ...], more: dict[str, str]) -> None:
    from murmur.dev import Dev
    from runtime import logs
    from runtime.settings import Settings

    with tempfile.TemporaryDirectory() as data:
        values = {"model": "demo", "data_dir": Path(data), "gateway_port": 0, "log_level": "ERROR", **more}
        settings = Settings.model_validate(values)
        logs.set_up(settings)
        with Dev(settings, only) as dev:
            dev.wait_ready(READY_S)
            print(urlsplit(dev.address or "").port, flush=True)
            sys.stdin.read()


def main(kind: str, *more: str) -> None:
    assert kind in get_args(Kind)
    if kind == "bare":
        asyncio.run(_bare())
        return
    from murmur.stages import STAGES

    only = tuple(STAGES) if kind == "whole" else ("coordinator", "gateway")
    _murmur(only, dict(setting.split("=", 1) for setting in more))
    os._exit(0)  # as `murmur dev` does


if __name__ == "__main__":
    main(*sys.argv[1:])
