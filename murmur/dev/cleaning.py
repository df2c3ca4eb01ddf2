"""The data of a stopped `murmur dev`, searched once for what has expired: for `murmur clean`."""

from collections.abc import Mapping
from datetime import UTC, datetime

from murmur.dev.system import locked, store_of, with_folders
from runtime.retention import KindName
from runtime.settings import Settings
from sinks.retention.ledger import Ledger
from sinks.retention.stage import fill, ledger_path
from sinks.retention.sweeper import Figures, Round


def sweep_data(settings: Settings, *, is_dry: bool) -> Mapping[KindName, Figures]:
    """Raises UsageError while `murmur dev` is running with these data."""
    from producers.gateway.view.view import View, view_path

    settings = with_folders(settings)
    with locked(settings.data_dir):
        store, view = store_of(settings), View(view_path(settings), embedded=True)
        store.create()
        view.open()
        try:
            unfinished = [requested for requested, _ in view.jobs.unfinished()]
            answering = view.cache.entries(view.cache.since(settings.cache_ttl_s, datetime.now(UTC)))
            noted = {note.job.job_id for note in view.jobs.notes()}
            known = (changed for changed in view.jobs.records() if changed.job.job_id not in noted)
            fill(settings, known, unfinished, answering if settings.cache_enabled else ())
        finally:
            view.close()
        ledger = Ledger(ledger_path(settings), settings.work_bucket)
        ledger.open(fresh=False)
        try:
            found = Round(store, settings, ledger, catch_up=lambda: None, is_dry=is_dry)
            for _ in found.steps():
                pass
        finally:
            ledger.close()
    return found.figures
