"""The measurement of `murmur tune`: speed and agreement of settings on the user's own recordings.

`recordings` splits files into passages, `measuring` transcribes them with different settings, `verdict` draws conclusions
from the figures, `report` formats them. Only `recordings` and `reader` depend on the stages; the rest is pure.
"""
