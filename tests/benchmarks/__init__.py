"""Benchmarks: `python -m tests.benchmarks` prints the figures of one run as tables. Nothing here is asserted."""
