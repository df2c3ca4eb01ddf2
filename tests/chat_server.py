"""A server with the OpenAI chat API, in a process of its own: `python -m tests.chat_server` prints its port.

How it behaves is chosen by the model that a request names: `good` corrects, the others are hostile or broken. `GET /asked` lists
the requests so far.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

from aiohttp import web

KEY = "sk-tests"
HUGE_BYTES = 8 << 20
HOURS_S = 3600.0


def good(line: str) -> str:
    """A capital at the beginning, an exclamation mark at the end, and the name of a broker."""
    line = re.sub(r"\bkafka\b", "Kafka", line)
    return line[:1].upper() + line[1:].rstrip(".?!") + "!"


def answer_lines(asked: str) -> str:
    numbered = (line.partition(": ") for line in asked.splitlines())
    return "\n".join(f"{number}: {good(text)}" for number, _, text in numbered)


def completion(content: str | None, **message: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **message}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}


def document(model: str, lines: str) -> dict[str, Any] | None:
    """What a model answers that answers in JSON."""
    call = {"id": "1", "type": "function", "function": {"name": "delete_everything", "arguments": "{}"}}
    return {
        "good": completion(answer_lines(lines)),
        "fenced": completion(f"```text\n{answer_lines(lines)}\n```"),
        "talkative": completion("Sure! Here is the corrected text:\n\n" + answer_lines(lines)),
        "translating": completion(re.sub(r": .*", ": Isto é um texto inteiramente diferente", lines)),
        "partly": completion(re.sub(r"(?m)^2: .*", "2: Isto é um texto diferente", answer_lines(lines))),
        "forgetful": completion(answer_lines(lines).rpartition("\n")[0]),
        "repeating": completion(answer_lines(lines) + "\n" + answer_lines(lines)),
        "silent": completion(re.sub(r": .*", ": ", lines)),
        "tools": completion(None, tool_calls=[call]),
        "choiceless": {"choices": []},
    }.get(model)


class ChatServer:
    def __init__(self) -> None:
        self._asked: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/asked", self.asked)
        return app

    async def asked(self, _: web.Request) -> web.Response:
        return web.json_response(self._asked)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self._asked.append({**body, "key": request.headers.get("Authorization")})
        lines, model = body["messages"][-1]["content"], body["model"]
        if (answer := document(model, lines)) is not None:
            return web.json_response(answer)
        broken = {
            "keyed": self._keyed,
            "slow": self._slow,
            "broken": self._broken,
            "garbage": self._garbage,
            "huge": self._huge,
            "redirecting": self._redirecting,
            "endless": self._endless,
            "streaming": self._streaming,
        }.get(model)
        return await broken(request, lines) if broken is not None else web.json_response({}, status=404)

    async def _keyed(self, request: web.Request, lines: str) -> web.StreamResponse:
        known = request.headers.get("Authorization") == f"Bearer {KEY}"
        return web.json_response(completion(answer_lines(lines))) if known else web.json_response({}, status=401)

    async def _slow(self, request: web.Request, lines: str) -> web.StreamResponse:
        await asyncio.sleep(HOURS_S)
        raise AssertionError("nobody waits so long")

    async def _broken(self, request: web.Request, lines: str) -> web.StreamResponse:
        return web.Response(status=500, text="internal error")

    async def _garbage(self, request: web.Request, lines: str) -> web.StreamResponse:
        return web.Response(body=b"\x00\xff not json", content_type="application/json")

    async def _huge(self, request: web.Request, lines: str) -> web.StreamResponse:
        return web.json_response(completion("1: " + "x" * HUGE_BYTES))

    async def _redirecting(self, request: web.Request, lines: str) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/v1/elsewhere")

    async def _endless(self, request: web.Request, lines: str) -> web.StreamResponse:
        """A byte at a time, without end."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)
        return response

    async def _streaming(self, request: web.Request, lines: str) -> web.StreamResponse:
        """Server-sent events, although they were not asked for."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in answer_lines(lines).split():
            await response.write(f"data: {json.dumps({'choices': [{'delta': {'content': part}}]})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


class RunningChatServer:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self._port = port

    def asked(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/asked") as answer:
            asked: list[dict[str, Any]] = json.load(answer)
            return asked


@contextlib.contextmanager
def running() -> Iterator[RunningChatServer]:
    process = subprocess.Popen([sys.executable, "-m", "tests.chat_server"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield RunningChatServer(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


async def main() -> None:
    runner = web.AppRunner(ChatServer().app(), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
