"""Whether a client is still there while it waits for a response. aiohttp lets a handler go on when its client has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

CHECK_S = 0.5  # how soon a client that has gone is noticed
T = TypeVar("T")


async def while_connected(request: web.BaseRequest, work: Coroutine[Any, Any, T]) -> T:
    """Its result. Raises ConnectionResetError when the client goes before that; the work has been cancelled then."""
    task = asyncio.ensure_future(work)
    try:
        while True:
            await asyncio.wait({task}, timeout=CHECK_S)
            if task.done():
                return task.result()
            if is_gone(request):
                raise ConnectionResetError("the client has disconnected")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def is_gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()
