"""`/api/health`: the parts of the installation, as they were read last. Answers at once, whatever hangs or computes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.health import HealthReport
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.parts import Parts
from producers.gateway.system.readings import Reading, Space
from producers.gateway.view.workers import gpu_document
from schemas.topics import DEAD_LETTERS, PROGRESS, REQUESTS, TRANSCRIPTS, Topic
from schemas.worker import WorkerReported

SILENT_S = 10.0  # without a new reading: broker, store or disk do not answer
LOW_DISK_BYTES = 1 << 30
LOW_RAM_BYTES = 256 << 20
NEVER = Reading(0.0, broker="not read yet", store="not read yet")


class Health:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.resources.settings

    def routes(self) -> list[Route]:
        summary = "The parts of the installation, as they were read last"
        return [Route("GET", "/api/health", self.health, summary, "system", responses={200: HealthReport})]

    async def health(self, request: web.Request) -> web.Response:
        return json_response(self._document(datetime.now(UTC), caller_of(request).scope))

    def _document(self, now: datetime, owner: str | None) -> dict[str, Any]:
        """`owner`: the only one whose jobs the caller may see; None: all."""
        readings, workers = self._parts.readings, self._parts.view.workers.latest(now)
        reading, age_s = readings.latest or NEVER, readings.age_s()
        silent = f"no answer for {age_s:.0f} s" if age_s is not None and age_s > SILENT_S else None
        waiting_for = {name: reason for name, reason in self._parts.readiness().items() if reason is not None}
        parts = {
            "broker": _part(reading.broker or silent),
            "store": _part(reading.store or silent, kind=self._settings.store, response_s=_rounded(reading.store_s)),
            "workers": _workers(workers),
            "gpu": _gpu(workers),
            "cache": _cache(self._parts.cache.latest),
            "ram": _space(reading.ram, LOW_RAM_BYTES, process_bytes=reading.process_bytes),
            "disk": _space(reading.disk, LOW_DISK_BYTES),
            "correction": _correction(reading.rules, is_on=self._settings.corrects),
            "stages": _part("; ".join(f"{name}: {reason}" for name, reason in waiting_for.items()) or None),
        }
        return {
            "status": _worst(parts),
            "at": now,
            "age_s": _rounded(age_s),
            **parts,
            "queue": self._queue(owner),
            "retention": self._retention(reading, sees_all=owner is None),
        }

    def _queue(self, owner: str | None) -> dict[str, Any]:
        queue = self._parts.view.estimates.queue(owner)
        return {"works": queue.works, "audio_s": round(queue.audio_s, 3)}

    def _retention(self, reading: Reading, *, sees_all: bool) -> dict[str, Any]:
        """How long what is kept, and what there is now."""
        counts = reading.jobs.counts
        return {
            "jobs": sum(counts.values()) if sees_all else None,
            "unfinished_jobs": counts.get("PENDING", 0) + counts.get("STARTED", 0) if sees_all else None,
            "oldest_job_submitted_at": reading.jobs.oldest_submitted_at if sees_all else None,
            "job_memory_s": self._settings.job_memory_s,
            "requests_s": _retention_s(REQUESTS),
            "transcripts_s": _retention_s(TRANSCRIPTS),
            "progress_s": _retention_s(PROGRESS),
            "dead_letters": reading.dead_letters if sees_all else None,
            "dead_letters_s": _retention_s(DEAD_LETTERS),
            "stored": reading.stored if sees_all else None,
        }


def _part(problem: str | None, **more: object) -> dict[str, Any]:
    return {"status": "ok" if problem is None else "degraded", "detail": problem, **more}


def _worst(parts: dict[str, dict[str, Any]]) -> str:
    return "ok" if all(part["status"] == "ok" for part in parts.values()) else "degraded"


def _workers(reports: list[WorkerReported]) -> dict[str, Any]:
    loaded = sorted({model.name for report in reports for model in report.models if model.state == "loaded"})
    replicas = sum(report.replicas for report in reports)
    problem = None if replicas else "no transcriber has a model loaded" if reports else "no transcriber has reported"
    return _part(problem, count=len(reports), replicas=replicas, models_loaded=loaded)


def _gpu(reports: list[WorkerReported]) -> dict[str, Any]:
    """Without a GPU transcribers use the CPU, which is no fault."""
    document = gpu_document(reports)
    gpus = document["gpus"]
    return _part(
        None,
        available=document["gpu_available"],
        count=document["gpu_count"],
        memory_total_gb=round(sum(gpu["memory_total_gb"] for gpu in gpus), 3),
        memory_free_gb=round(sum(gpu["memory_free_gb"] for gpu in gpus), 3),
    )


def _correction(rules: Mapping[str, Any] | None, *, is_on: bool) -> dict[str, Any]:
    """Whether the newest version of the rules is in force."""
    return _part(rules.get("problem") if rules is not None else None, enabled=is_on, rules=rules.get("rules") if rules else None)


def _cache(figures: Mapping[str, Any]) -> dict[str, Any]:
    names = {"size": "size", "max_size": "max_size", "bytes": "bytes", "hit_rate": "hit_rate", "stored": "size"}
    return _part(None, **{name: figures.get(key) for name, key in names.items()})


def _space(space: Space, low_bytes: int, **more: object) -> dict[str, Any]:
    is_low = space.free_bytes is not None and space.free_bytes < low_bytes
    problem = f"less than {low_bytes >> 20} MiB are free" if is_low else None
    return _part(problem, total_bytes=space.total_bytes, free_bytes=space.free_bytes, **more)


def _retention_s(topic: Topic) -> float:
    return topic.retention_ms / 1000


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
