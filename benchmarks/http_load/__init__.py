"""Load on the gateway over HTTP: `python -m benchmarks.http_load`."""
