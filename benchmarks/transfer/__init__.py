"""How networks do on real images of scanners that they never saw: `python -m benchmarks.transfer --help`."""
