"""Log lines: an event name and fields, made by structlog. One pipeline for our own lines and for those of libraries.

Modules get a logger with `get_logger(__name__)`; the command line calls `set_up()` once. Until then warnings and worse go to
stderr as text. Names and fields are listed in `docs/logs.md`.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TextIO

from runtime.imports import without
from runtime.masking import masked

with without("rich"):  # structlog would import it for tracebacks that are not written here: a fifth of a stage's start
    import structlog
    from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter, plain_traceback
    from structlog.stdlib import BoundLogger, ProcessorFormatter
    from structlog.typing import Processor

if TYPE_CHECKING:
    from runtime.settings import Settings

Fields = MutableMapping[str, Any]
OURS = ("murmur", "producers", "processors", "sinks", "runtime", "schemas")
EVENT_WIDTH = 20


def get_logger(name: str) -> BoundLogger:
    """`log.info("job.ended", job_id=…)`: the event is a noun and a past participle; `error` may be the exception itself."""
    logger: BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def stage(name: str) -> AbstractContextManager[None]:
    """Within it every line of this thread carries the stage's name."""
    return structlog.contextvars.bound_contextvars(stage=name)


def set_up(settings: "Settings") -> None:
    """To stderr; standard output belongs to what a command prints. The level is ours: of libraries only warnings and worse."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter("json") if settings.log_format == "json" else formatter("text", sys.stderr))
    handler.addFilter(_is_ours_or_a_warning)
    logging.basicConfig(level=max(logging.getLevelName(settings.log_level), logging.WARNING), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level)


def hide(*names: str, below: int = logging.WARNING) -> None:
    """From now on less severe lines of these loggers are not written."""
    for logger in map(logging.getLogger, names):
        logger.setLevel(max(below, logger.getEffectiveLevel()))


def formatter(log_format: str, stream: TextIO | None = None) -> ProcessorFormatter:
    """Text is coloured when `stream` is a terminal."""
    shared: list[Processor] = [ProcessorFormatter.remove_processors_meta, _plain_values]
    processors: list[Processor]
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        processors = [*shared, structlog.processors.format_exc_info, renderer]
    else:
        processors = [_for_people, *shared, _console(colors=stream is not None and stream.isatty())]
    return ProcessorFormatter(foreign_pre_chain=FIRST, processors=processors)


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    """Faust logs under the names of our modules that subclass it; structlog marks its records."""
    return record.levelno >= logging.WARNING or hasattr(record, "_logger")


def _with_stage(_logger: object, _method: str, fields: Fields) -> Fields:
    """A line of a stage's own package has its name, whatever thread writes it."""
    match str(fields.get("logger", "")).split("."):
        case ["producers" | "processors" | "sinks", package, _, *_]:
            fields.setdefault("stage", package)
    return fields


def _for_people(_logger: object, _method: str, fields: Fields) -> Fields:
    """Without what does not apply, and without the logger: our events say where they come from, a library's line does not."""
    dropped = {"logger"} if fields["_from_structlog"] else set()
    return {key: value for key, value in fields.items() if value is not None and key not in dropped}


def _plain_values(_logger: object, _method: str, fields: Fields) -> Fields:
    """Errors become their text, and what looks like a secret is masked."""
    for key, value in fields.items():
        if isinstance(value, float):
            fields[key] = round(value, 3)
        elif isinstance(value, BaseException):
            fields[key] = masked(str(value) or repr(value))
        elif isinstance(value, str):
            fields[key] = masked(value)
    return fields


def _console(colors: bool) -> ConsoleRenderer:
    """Time, level, event, stage, then the fields in the order in which they were given."""
    renderer = ConsoleRenderer(colors=colors, pad_event_to=EVENT_WIDTH, sort_keys=False, exception_formatter=plain_traceback)
    styles = ConsoleRenderer.get_default_column_styles(colors)
    field = KeyValueColumnFormatter(styles.kv_key, styles.kv_value, styles.reset, _shown)
    event = KeyValueColumnFormatter(None, styles.bright, styles.reset, _one_line, width=EVENT_WIDTH)
    kept = [column for column in renderer.columns if column.key in ("timestamp", "level")]
    renderer.columns = [*kept, Column("event", event), Column("stage", field), Column("", field)]
    return renderer


def _shown(value: object) -> str:
    """In quotes where it could be taken for several fields or for something to obey: names of files are other people's."""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if text.isprintable() and text and not set(text) & set(" ='\"") else repr(text)


def _one_line(text: object) -> str:
    """Libraries write messages of several lines, and may repeat what others wrote."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


FIRST: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    _with_stage,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *FIRST, ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=BoundLogger,
    cache_logger_on_first_use=True,
)
if logging.lastResort is not None:
    logging.lastResort.setFormatter(formatter("text"))
