"""Measurements, side by side and with their conditions. `make bench` runs them; no test does."""
