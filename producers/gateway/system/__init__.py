"""What clients ask of the installation: health, models, GPUs, cache, sessions, statistics, metrics."""
