"""Records what real clients and hostile peers send, as inputs of tests and fuzz targets: `python -m tools.traffic`."""
