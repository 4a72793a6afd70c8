"""A simulated beamline: test scans and a RunEngine that plays them."""
