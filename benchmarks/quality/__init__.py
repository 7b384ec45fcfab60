"""Quality of the models under stated protocols: `python -m benchmarks.quality --help`."""
