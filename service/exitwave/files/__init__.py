"""Files a beamline knows: CXI, the npy tree of ptycho_gui, TIFF, PNG. No torch.

- `cxi`: read and write CXI
- `judged`: verdict, preparation and start as texts
- `npy`: write the ``recon_result`` tree
- `npz`: write a result for the Python client
- `phase`: take ramp and piston out of an object's phase
- `png`: pictures with a scale bar
- `reconstruction`: what all of them hold
- `stored`: a measurement whose patterns stay in their file
- `tiff`: an object's phase or amplitude as float32
"""
