"""Loss and regularisation of a batch with their gradients: one reference beside fast forms.

Here belongs what turns parameters and patterns into gradients: the autograd reference, the
fused step for a CPU or any GPU, Triton kernels for CUDA. What is done with gradients belongs
into `optimise`. `step.make_step` and `TotalVariation` choose the fastest form that knows a
case; tests hold each to its reference.
"""
