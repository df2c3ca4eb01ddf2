"""Where the regions of a file come from: speech detection, or, where that is switched off, the whole file.

Fed by `slicing` with the samples; feeds `cutter` through it.
"""

from typing import Protocol

from processors.slicer.audio import Samples
from processors.slicer.regions import Region, Regions
from processors.slicer.unfiltered import UnfilteredRegions
from processors.slicer.vad import Session, SpeechDetector
from schemas.options import SlicingOptions


class RegionSource(Protocol):
    """Samples of one file, in order, to its regions, each as soon as it is final."""

    @property
    def needed_from(self) -> int:
        """No later region begins before this sample."""

    @property
    def cpu_s(self) -> float:
        """Used by speech detection so far."""

    def feed(self, block: Samples) -> list[Region]: ...

    def finish(self) -> list[Region]: ...


class SpokenRegions:
    """The detector and the rules, one after the other."""

    def __init__(self, session: Session, options: SlicingOptions) -> None:
        self._detector = SpeechDetector(session)
        self._regions = Regions(options)
        self._end = 0

    @property
    def needed_from(self) -> int:
        return self._regions.needed_from

    @property
    def cpu_s(self) -> float:
        return self._detector.cpu_s

    def feed(self, block: Samples) -> list[Region]:
        self._end += len(block)
        return self._regions.feed(self._detector.feed(block))

    def finish(self) -> list[Region]:
        return self._regions.finish(self._detector.finish(), self._end)


def region_source(session: Session, options: SlicingOptions) -> RegionSource:
    return SpokenRegions(session, options) if options.vad else UnfilteredRegions(options)
