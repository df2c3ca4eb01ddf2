"""How figures are shown: medians with their spread, and the conditions that they hold under."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("murmur", "confluent-kafka", "faster-whisper", "ctranslate2", "av")


def conditions() -> str:
    """Hardware, load and versions, for the line above the figures."""
    cpu, *_ = processor()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {platform.system()}, "
        f"Python {platform.python_version()}; {packages}"
    )


def processor() -> list[str]:
    """Its name, and its instruction sets where the system lists them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    found = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return [found.get("model name", platform.machine()), found.get("flags", "")]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and the least and the most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} – {max(values):.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latency_ms(values_s: Sequence[float]) -> str:
    return f"p50 {percentile(values_s, 0.5) * 1000:.1f} ms, p99 {percentile(values_s, 0.99) * 1000:.1f} ms, n={len(values_s)}"
