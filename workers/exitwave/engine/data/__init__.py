"""What is reconstructed: patterns, positions and masks, checked and brought to the device.

Here belongs how measured numbers are described, validated, stored and handed to a step; not
what is modelled or fitted. `Dataset` is what a user gives, `scan.Scan` what all other packages
read.
"""
