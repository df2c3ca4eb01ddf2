"""What this worker has done with each model since it started, counted for its reports and for Prometheus.

Fed by `residents`; read by `reports`, in the same thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runtime import metrics
from schemas.options import ModelRef
from schemas.worker import ModelState, WorkerModel


@dataclass(slots=True)
class _Use:
    state: ModelState = "not loaded"
    on_gpu: bool = False
    loads: int = 0
    load_s: float = 0.0
    windows: int = 0
    memory_bytes: int = 0


@dataclass(slots=True)
class ModelUses:
    _uses: dict[ModelRef, _Use] = field(default_factory=dict)

    def loading(self, model: ModelRef) -> None:
        self._of(model).state = "loading"

    def loaded(self, model: ModelRef, load_s: float, memory_bytes: int, *, on_gpu: bool) -> None:
        use = self._of(model)
        use.state, use.on_gpu, use.memory_bytes = "loaded", on_gpu, memory_bytes
        use.loads += 1
        use.load_s += load_s
        metrics.MODEL_MEMORY_BYTES.labels(model.name).set(memory_bytes)

    def unloaded(self, model: ModelRef) -> None:
        """Or it could not be loaded."""
        use = self._of(model)
        use.state, use.memory_bytes = "not loaded", 0
        metrics.MODEL_MEMORY_BYTES.labels(model.name).set(0)

    def submitted(self, model: ModelRef, windows: int) -> None:
        self._of(model).windows += windows
        metrics.MODEL_WINDOWS.labels(model.name).inc(windows)

    def of(self, models: Sequence[ModelRef]) -> tuple[WorkerModel, ...]:
        return tuple(_model(model, self._uses.get(model, _Use())) for model in models)

    def _of(self, model: ModelRef) -> _Use:
        return self._uses.setdefault(model, _Use())


def _model(model: ModelRef, use: _Use) -> WorkerModel:
    device = "cuda" if use.on_gpu else "cpu"
    return WorkerModel(
        name=model.name,
        revision=model.revision,
        state=use.state,
        device=device if use.state == "loaded" else None,
        loads=use.loads,
        load_s=round(use.load_s, 3),
        windows=use.windows,
        memory_bytes=use.memory_bytes,
    )
