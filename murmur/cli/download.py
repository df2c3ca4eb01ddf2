"""A model's first download in the foreground, with progress. Used by `murmur dev`, `transcribe`, and `run` on a terminal."""

import os
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

from murmur.cli.progress import Reporter, reporting
from runtime.models import catalogue
from runtime.models.catalogue import Model

INTERRUPTED = 130


def in_foreground(model: Model) -> None:
    """Blocks until the model is downloaded; Ctrl-C ends the process. Raises UsageError with the alternatives."""
    if catalogue.cached(model) is not None:
        return
    try:
        with reporting(sys.stderr) as reporter:
            fetch(model, reporter)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


def fetch(model: Model, reporter: Reporter) -> Path:
    """The model's folder. Blocks; raises UsageError with the alternatives.

    KeyboardInterrupt is raised immediately, and the caller must then end the process with `os._exit`: the hub's client works in
    threads that a normal exit would wait for. A later call resumes an interrupted download if the hub supports that.
    """
    if (path := catalogue.cached(model)) is not None:
        return path
    reporter.note(f"downloading the model {model.ref.name} from {model.repository}")
    found: Future[Path] = Future()

    def work() -> None:
        try:
            found.set_result(catalogue.fetch(model, lambda done, total: reporter.download(model.ref.name, done, total)))
        except BaseException as error:  # raised again by `result`
            found.set_exception(error)

    threading.Thread(target=work, name="download", daemon=True).start()
    return found.result()
