"""What a job costs beside decoding, speech detection and inference: `python -m benchmarks.overhead`. In CPU seconds.

`clips` makes the input; `system` runs the whole system in a process of its own, where `child` counts with `meter`; `client`
submits and waits as callers do; `faster_whisper` is the other comparison beside `benchmarks.bare`; `report` shows the result.
"""
