"""Metrics as Prometheus reads them, for tests: samples by name and labels."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """One exposition. `total()` adds up all samples of a name that have these labels; 0 if there are none."""

    def __init__(self, exposition: str) -> None:
        families = text_string_to_metric_families(exposition)
        self._samples = [(s.name, s.labels, s.value) for family in families for s in family.samples]

    def total(self, name: str, **labels: str) -> float:
        return sum(value for each, own, value in self._samples if each == name and _has(own, labels))


def _has(own: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= own.items()
