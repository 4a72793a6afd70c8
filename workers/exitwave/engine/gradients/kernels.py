"""The hot path's passes over waves as Triton kernels, for CUDA: one pass, one launch.

Between two Fourier transforms every pass costs as much as half a transform, so that what
`fused` does in fifteen passes is done here in four. Complex numbers are pairs of floats.
Each program works on a block of pixels. Atomic additions are relaxed: they need no order, and
any other kind waits for all of a program's memory and drops its cache each time.

The names are those of `fused`; a test holds both to the reference.
"""

# Triton compiles these functions: tensors arrive as pointers, a constexpr is fixed in each
# compiled kernel. That is a language of its own, which mypy does not know.
# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl

BLOCK = 512
"""Pixels of a program."""
GROUP = 8
"""Views that a program of `add_to_probe` sums before it adds them to the gradient."""


@triton.jit
def exit_waves(
    psi, object_, probe, index, first, root_scale, area, columns,
    pixels: tl.constexpr, width: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    scaled: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Psi = P x patch of O x root of the flux; grid (blocks, B)."""
    p = tl.program_id(0) * block + tl.arange(0, block)
    b = tl.program_id(1)
    valid = p < pixels
    view = tl.load(index + b)
    place = tl.load(first + view) + (p // width) * columns + p % width
    scale = tl.load(root_scale + view) if scaled else 1.0
    for m in tl.static_range(M):
        o = object_ + 2 * (m * area + place)
        o_re = tl.load(o, valid) * scale
        o_im = tl.load(o + 1, valid) * scale
        for n in tl.static_range(N):
            q = probe + 2 * (n * pixels + p)
            q_re, q_im = tl.load(q, valid), tl.load(q + 1, valid)
            out = psi + 2 * (((b * M + m) * N + n) * pixels + p)
            tl.store(out, q_re * o_re - q_im * o_im, valid)
            tl.store(out + 1, q_re * o_im + q_im * o_re, valid)


@triton.jit
def multiply_by_d_loss_d_model(
    far, counts, mask, sums, epsilon, factor,
    pixels: tl.constexpr, K: tl.constexpr, loss: tl.constexpr, masked: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Psi times factor x d loss / d D, in place; each program's loss; grid (blocks, B).

    `loss` is `PixelLoss.kernel` of the table in `loss`.
    Psi is as the plain transform gives it, the root of `pixels` times the unitary one's.
    """
    p = tl.program_id(0) * block + tl.arange(0, block)
    b = tl.program_id(1)
    valid = p < pixels
    power = tl.zeros([block], tl.float32)
    for k in tl.static_range(K):
        wave = far + 2 * ((b * K + k) * pixels + p)
        re, im = tl.load(wave, valid, 0.0), tl.load(wave + 1, valid, 0.0)
        power += re * re + im * im
    model = power * (1.0 / pixels) + epsilon
    measured = tl.load(counts + b * pixels + p, valid, 0.0)
    if loss == 0:
        slope = 1.0 - tl.sqrt(measured / model)
        term = slope * slope * model
    elif loss == 1:
        share = measured / model
        slope = 1.0 - share
        term = model - measured + measured * tl.log(tl.where(measured > 0, share, 1.0))
    else:
        counted = measured > 0
        excess = model - measured
        slope = tl.where(counted, excess / tl.where(counted, measured, 1.0), 1.0)
        term = excess * slope * tl.where(counted, 0.5, 1.0)
    if masked:
        held = tl.load(mask + p, valid, 0.0)
        slope *= held
        term *= held
    tl.store(
        sums + b * tl.num_programs(0) + tl.program_id(0), tl.sum(tl.where(valid, term, 0.0))
    )
    slope *= factor
    for k in tl.static_range(K):
        wave = far + 2 * ((b * K + k) * pixels + p)
        tl.store(wave, tl.load(wave, valid) * slope, valid)
        tl.store(wave + 1, tl.load(wave + 1, valid) * slope, valid)


@triton.jit
def add_to_object(
    gradient, back, probe, index, first, root_scale, area, columns,
    pixels: tl.constexpr, width: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    scaled: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Sum over probe states of g conj(P), put at the view's place; grid (blocks, B)."""
    p = tl.program_id(0) * block + tl.arange(0, block)
    b = tl.program_id(1)
    valid = p < pixels
    view = tl.load(index + b)
    place = tl.load(first + view) + (p // width) * columns + p % width
    scale = tl.load(root_scale + view) if scaled else 1.0
    for m in tl.static_range(M):
        sum_re = tl.zeros([block], tl.float32)
        sum_im = tl.zeros([block], tl.float32)
        for n in tl.static_range(N):
            g = back + 2 * (((b * M + m) * N + n) * pixels + p)
            q = probe + 2 * (n * pixels + p)
            g_re, g_im = tl.load(g, valid, 0.0), tl.load(g + 1, valid, 0.0)
            q_re, q_im = tl.load(q, valid, 0.0), tl.load(q + 1, valid, 0.0)
            sum_re += g_re * q_re + g_im * q_im
            sum_im += g_im * q_re - g_re * q_im
        out = gradient + 2 * (m * area + place)
        tl.atomic_add(out, sum_re * scale, valid, sem="relaxed")
        tl.atomic_add(out + 1, sum_im * scale, valid, sem="relaxed")


@triton.jit
def add_to_probe(
    gradient, back, object_, index, first, root_scale, area, columns, views,
    pixels: tl.constexpr, width: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    scaled: tl.constexpr, group: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Sum over views and object states of g conj(patch); grid (blocks, N, groups)."""
    p = tl.program_id(0) * block + tl.arange(0, block)
    n = tl.program_id(1)
    valid = p < pixels
    inside = (p // width) * columns + p % width
    sum_re = tl.zeros([block], tl.float32)
    sum_im = tl.zeros([block], tl.float32)
    begin = tl.program_id(2) * group
    for b in range(begin, tl.minimum(begin + group, views)):
        view = tl.load(index + b)
        place = tl.load(first + view) + inside
        scale = tl.load(root_scale + view) if scaled else 1.0
        for m in tl.static_range(M):
            g = back + 2 * (((b * M + m) * N + n) * pixels + p)
            o = object_ + 2 * (m * area + place)
            g_re, g_im = tl.load(g, valid, 0.0) * scale, tl.load(g + 1, valid, 0.0) * scale
            o_re, o_im = tl.load(o, valid, 0.0), tl.load(o + 1, valid, 0.0)
            sum_re += g_re * o_re + g_im * o_im
            sum_im += g_im * o_re - g_re * o_im
    out = gradient + 2 * (n * pixels + p)
    tl.atomic_add(out, sum_re, valid, sem="relaxed")
    tl.atomic_add(out + 1, sum_im, valid, sem="relaxed")


@triton.jit
def variation_direction(
    direction, object_, rows, columns, power, epsilon,
    is_root: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Forward differences, weighted, less those that end here; grid (blocks, M).

    The weight is (|dx O|^2 + |dy O|^2 + eps)^power, -1/2 for `is_root`.
    """
    i = tl.program_id(0) * block + tl.arange(0, block)
    y, x = i // columns, i % columns
    valid = y < rows
    begin = 2 * rows * columns * tl.program_id(1).to(tl.int64)
    here = object_ + begin + 2 * i
    left, up = valid & (x > 0), valid & (y > 0)
    # Weighted steps from here, from the left and from above; zero across the rim.
    x_re, x_im, y_re, y_im = _weighted_steps(
        here, y, x, valid, rows, columns, power, epsilon, is_root
    )
    re, im = x_re + y_re, x_im + y_im
    x_re, x_im, y_re, y_im = _weighted_steps(
        here - 2, y, x - 1, left, rows, columns, power, epsilon, is_root
    )
    re -= tl.where(left, x_re, 0.0)
    im -= tl.where(left, x_im, 0.0)
    x_re, x_im, y_re, y_im = _weighted_steps(
        here - 2 * columns, y - 1, x, up, rows, columns, power, epsilon, is_root
    )
    re -= tl.where(up, y_re, 0.0)
    im -= tl.where(up, y_im, 0.0)
    out = direction + begin + 2 * i
    tl.store(out, re, valid)
    tl.store(out + 1, im, valid)


@triton.jit
def _weighted_steps(here, y, x, valid, rows, columns, power, epsilon, is_root: tl.constexpr):
    """Forward differences along x and y at pixels `here`, times their weight."""
    in_x, in_y = valid & (x < columns - 1), valid & (y < rows - 1)
    re, im = tl.load(here, valid, 0.0), tl.load(here + 1, valid, 0.0)
    x_re = tl.where(in_x, tl.load(here + 2, in_x, 0.0) - re, 0.0)
    x_im = tl.where(in_x, tl.load(here + 3, in_x, 0.0) - im, 0.0)
    below = here + 2 * columns
    y_re = tl.where(in_y, tl.load(below, in_y, 0.0) - re, 0.0)
    y_im = tl.where(in_y, tl.load(below + 1, in_y, 0.0) - im, 0.0)
    inside = x_re * x_re + x_im * x_im + y_re * y_re + y_im * y_im + epsilon
    weight = 1.0 / tl.sqrt(inside) if is_root else tl.exp(power * tl.log(inside))
    return x_re * weight, x_im * weight, y_re * weight, y_im * weight
