"""A model's first download in the foreground, with progress. Used by `murmur dev`, `transcribe`, and `run` on a terminal."""

import os
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

from murmur.cli.telling import Telling, telling
from murmur.models import catalogue
from murmur.models.catalogue import Model

INTERRUPTED = 130


def in_foreground(model: Model) -> None:
    """Blocks until the model is here; Ctrl-C ends the process. Raises UsageError with the ways out."""
    if catalogue.cached(model) is not None:
        return
    try:
        with telling(sys.stderr) as tell:
            fetch(model, tell)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


def fetch(model: Model, tell: Telling) -> Path:
    """The model's folder. Blocks; raises UsageError with the ways out.

    KeyboardInterrupt comes through at once, and the caller must then end the process by `os._exit`: the hub's client works in
    threads that an ordinary end would wait for. A later call goes on where this one was interrupted, if the hub can.
    """
    if (path := catalogue.cached(model)) is not None:
        return path
    tell.note(f"the model {model.ref.name} is not here yet; downloading it from {model.repository}")
    found: Future[Path] = Future()

    def work() -> None:
        try:
            found.set_result(catalogue.fetch(model, lambda done, total: tell.download(model.ref.name, done, total)))
        except BaseException as error:  # raised again by `result`
            found.set_exception(error)

    threading.Thread(target=work, name="download", daemon=True).start()
    return found.result()
