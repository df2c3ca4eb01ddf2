"""Whether a client is still there while it waits for a response. aiohttp lets a handler go on when its client has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

from producers.gateway.http.connection import Connection

T = TypeVar("T")


async def while_connected(request: web.BaseRequest, work: Coroutine[Any, Any, T]) -> T:
    """Its result. Raises ConnectionResetError when the client goes before that; the work has been cancelled then."""
    assert isinstance(request.protocol, Connection)
    lost = asyncio.ensure_future(request.protocol.lost.wait())
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionResetError("the client has disconnected")
        return task.result()
    finally:
        lost.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
