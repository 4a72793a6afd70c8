"""A simulated beamline: test scans with known truth, and a RunEngine that plays recorded ones.

What belongs here: whatever pretends to be an instrument, its devices, plan and documents
(`devices`, `plan`, `play`, `recorded`, `writers`), and scans that are computed (`simulate`,
`beams`, `samples`). What reads scans does not: calibrations and conventions are not shared with
`exitwave.scans`, so that a wrong one there shows.
"""
