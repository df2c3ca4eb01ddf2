"""Draws the dashboard of `dashboard.py` from a running Prometheus, for docs/dashboard.png: Grafana is not needed for it.

    python -m scripts.dashboard_picture http://127.0.0.1:9090 docs/dashboard.png --minutes 15

The queries are Grafana's, the look is not. Needs Chromium (`python -m scripts.browser`).
"""

import argparse
import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import sync_playwright

from scripts import browser, dashboard
from scripts.dashboard import Panel, Unit

RATE = "1m"
POINTS = 120
WIDTH, HEIGHT, LEFT, BOTTOM = 400, 150, 52, 18
COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d", "#ffa6b0", "#c0d8ff")
LEGENDS_MAX = 8
STYLE = """
body { background: #111217; color: #ccccdc; font: 12px/1.4 sans-serif; margin: 12px; width: 1296px }
h1 { font-size: 18px; margin: 4px 4px 8px } h2 { font-size: 14px; margin: 14px 4px 6px }
.row { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px }
.panel { background: #181b1f; border: 1px solid #2b2e36; padding: 8px } .panel b { font-weight: 500 }
.legend { color: #9a9ba8; font-size: 11px; overflow: hidden; max-height: 32px }
.legend i { font-style: normal; margin-right: 3px }
text { fill: #9a9ba8; font-size: 10px }
"""


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    points: Sequence[tuple[float, float]]  # seconds since 1970, value; without gaps' points


@dataclass(frozen=True, slots=True)
class Span:
    start_s: float
    end_s: float


def queried(client: httpx.Client, panel: Panel, span: Span) -> list[Series]:
    step_s = max(1.0, (span.end_s - span.start_s) / POINTS)
    found = []
    for expression, legend in panel.queries:
        query: dict[str, str | float] = {"query": expression.replace(dashboard.RATE, RATE)}
        query |= {"start": span.start_s, "end": span.end_s, "step": step_s}
        answer = client.get("/api/v1/query_range", params=query).raise_for_status().json()
        found += [Series(_named(legend, each["metric"]), _points(each["values"])) for each in answer["data"]["result"]]
    return [series for series in found if series.points]


def _named(legend: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend).strip() or "other"


def _points(values: list[tuple[float, str]]) -> list[tuple[float, float]]:
    return [(at, float(value)) for at, value in values if value not in ("NaN", "+Inf", "-Inf")]


def shown(value: float, unit: Unit) -> str:
    """As short as on an axis."""
    match unit:
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "bytes" | "Bps":
            for prefix in ("", "K", "M"):
                if value < 1000:
                    return f"{value:.3g} {prefix}B"
                value /= 1000
            return f"{value:.3g} GB"
        case "s":
            return f"{value * 1000:.3g} ms" if 0 < value < 1 else f"{value:.3g} s"
        case _:
            return f"{value:.3g}"


def drawn(panel: Panel, series: Sequence[Series], span: Span) -> str:
    top = max((value for each in series for _, value in each.points), default=0.0) * 1.1 or 1.0

    def x(at: float) -> float:
        return LEFT + (at - span.start_s) / (span.end_s - span.start_s) * (WIDTH - LEFT)

    def y(value: float) -> float:
        return (HEIGHT - BOTTOM) * (1 - value / top)

    parts = []
    for share in (0.0, 0.5, 1.0):
        level = y(top * share / 1.1)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{level:.0f}" y2="{level:.0f}" stroke="#2b2e36"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{level + 4:.0f}" text-anchor="end">{shown(top * share / 1.1, panel.unit)}</text>')
    for share in (0.0, 0.5, 1.0):
        at = span.start_s + share * (span.end_s - span.start_s)
        clock, anchor = time.strftime("%H:%M", time.gmtime(at)), ("start", "middle", "end")[round(share * 2)]
        parts.append(f'<text x="{x(at):.0f}" y="{HEIGHT - 3}" text-anchor="{anchor}">{clock}</text>')
    for number, each in enumerate(series):
        line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in each.points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.3"/>')
    if not series:
        parts.append(f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT / 2}" text-anchor="middle">No data</text>')
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def page(rows: dict[str, list[tuple[Panel, list[Series]]]], span: Span) -> str:
    parts = [f'<meta charset="utf-8"><style>{STYLE}</style><h1>murmur</h1>']
    for title, panels in rows.items():
        parts.append(f'<h2>{html.escape(title)}</h2><div class="row">')
        for panel, series in panels:
            series = sorted(series, key=lambda each: -max(value for _, value in each.points))
            legend = " ".join(
                f'<i style="color:{COLOURS[number % len(COLOURS)]}">━</i>{html.escape(each.name)}'
                for number, each in enumerate(series[:LEGENDS_MAX])
            )
            more = f" and {len(series) - LEGENDS_MAX} more" if len(series) > LEGENDS_MAX else ""
            picture = drawn(panel, series, span)
            parts.append(
                f'<div class="panel"><b>{html.escape(panel.title)}</b>{picture}<div class="legend">{legend}{more}</div></div>'
            )
        parts.append("</div>")
    return "".join(parts)


def photograph(document: str, file: Path) -> None:
    found = browser.chromium()
    if found is None:
        raise SystemExit(f"no Chromium: {browser.ADVICE}")
    with sync_playwright() as playwright:
        chromium: Any = playwright.chromium.launch(executable_path=str(found), args=["--no-sandbox"])
        view = chromium.new_page(viewport={"width": 1320, "height": 800})
        view.set_content(document)
        view.screenshot(path=str(file), full_page=True)
        chromium.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus", help="its URL")
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    given = parser.parse_args()
    now_s = time.time()
    span = Span(now_s - given.minutes * 60, now_s)
    with httpx.Client(base_url=given.prometheus) as client:
        rows = {title: [(panel, queried(client, panel, span)) for panel in panels] for title, panels in dashboard.ROWS.items()}
    photograph(page(rows, span), given.file)


if __name__ == "__main__":
    main()
