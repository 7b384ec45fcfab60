"""Measures the model server: `python -m benchmarks.serving run`."""
