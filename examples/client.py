"""Submits a file over HTTP, shows the segments as they come, and ends with the whole text.

python examples/client.py talk.mp4 --url http://127.0.0.1:8511 --language pt
Without --url the gateway is the one that MURMUR_GATEWAY_URL names. MURMUR_API_KEY is the key for a gateway that requires one.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp

WAIT_S = 30


async def submit(session: aiohttp.ClientSession, file: Path, language: str | None) -> str:
    """The URL of the status."""
    form = aiohttp.FormData()
    if language:
        form.add_field("language", language)
    with file.open("rb") as audio:
        form.add_field("file", audio, filename=file.name)
        async with session.post("/api/transcribe/async", data=form) as answer:
            if answer.status != 202:
                problem = await answer.json() if "json" in answer.content_type else {}
                raise SystemExit(f"rejected: {problem.get('detail', f'{answer.status} {answer.reason}')}")
            return str((await answer.json())["status_url"])


async def wait(session: aiohttp.ClientSession, status_url: str) -> dict[str, Any]:
    """The final status. Each answer comes when something has changed. 503 means that the gateway cannot say now: ask again.

    Segments arrive out of order: a file's chunks are transcribed side by side, and a new one may come before those that were
    shown. So each is compared with all that were shown, and has its time beside it.
    """
    shown: set[tuple[float, float, str]] = set()
    while True:
        async with session.get(status_url, params={"wait": WAIT_S}) as answer:
            if answer.status == 503:
                await asyncio.sleep(int(answer.headers.get("Retry-After", "1")))
                continue
            answer.raise_for_status()
            status: dict[str, Any] = await answer.json()
        for segment in segments_of(status):
            key = (segment["start"], segment["end"], segment["text"])
            if key not in shown:
                shown.add(key)
                print(f"  {segment['start']:7.2f}  {segment['text']}", flush=True)
        if status["state"] in ("SUCCESS", "FAILURE", "REVOKED"):
            return status


def segments_of(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the result once there is one: the last ones may never have been in the progress."""
    result = status.get("result")
    segments: list[dict[str, Any]] = result["transcription"]["segments"] if result else status["progress"]["segments"]
    return segments


async def transcribe(url: str, file: Path, language: str | None) -> int:
    key = os.environ.get("MURMUR_API_KEY")
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"} if key else None) as session:
        status = await wait(session, await submit(session, file, language))
    if status["state"] != "SUCCESS":
        print(f"{status['state']}: {status['message']}", file=sys.stderr)
        return 1
    for warning in status["result"].get("warnings", []):
        at = "" if warning["start"] is None else f"{warning['start']:.2f} s: "
        print(f"note: {at}{warning['message']}", file=sys.stderr)
    print(status["result"]["transcription"]["text"])
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    url = os.environ.get("MURMUR_GATEWAY_URL") or "http://127.0.0.1:8511"
    parser.add_argument("--url", default=url, help="a gateway [default: %(default)s]")
    parser.add_argument("--language", help="such as en or pt; left out: detected")
    arguments = parser.parse_args()
    try:
        return asyncio.run(transcribe(arguments.url, arguments.file, arguments.language))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:  # away, gone meanwhile, no URL, or something else answers
        print(f"no gateway at {arguments.url} ({error}): start one with `make dev`, or name one with --url", file=sys.stderr)
    except OSError as error:
        print(f"{arguments.file} cannot be read: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
