"""What is behind `murmur tune`: speed and agreement of settings, measured on a person's own recordings.

`recordings` cuts files into passages, `measuring` has them read in different ways, `verdict` says what follows from the figures,
`report` shows it. Only `recordings` and `reader` know the stages; the rest is pure.
"""
