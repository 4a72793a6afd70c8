"""Where a run begins: the formulas of the autocorrelation start, and what is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.support.simulated import as_dataset

from exitwave.engine import InitialGuess
from exitwave.engine.data.scan import Scan, load
from exitwave.engine.forward import Views, model_counts, waves
from exitwave.engine.initial_guess import initialise
from exitwave.schema.errors import DataError
from exitwave.schema.recipe import Recipe
from exitwave.schema.sections import StartOptions
from exitwave.simulated_beamline.simulate import simulate

SIMULATED = simulate(0.5, 1e5, 0, grid=4)
QUIET = StartOptions(object_noise=0.0, probe_noise=0.0)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return load(as_dataset(SIMULATED), Recipe(), torch.device("cpu"))


def begun(scan: Scan, given: InitialGuess | None = None, **options: object):
    return initialise(scan, Recipe(**{"start": QUIET, **options}), given)


def test_the_object_has_mean_modulus_one_and_is_real_without_noise(scan: Scan) -> None:
    object_MYX, _ = begun(scan)
    assert object_MYX.shape == (1, *scan.object_shape_YX)
    assert float(object_MYX.abs().mean()) == pytest.approx(1, rel=1e-5)
    assert float(object_MYX.imag.abs().max()) == 0 and float(object_MYX.real.min()) > 0


def test_the_exponent_is_that_of_the_paper(scan: Scan) -> None:
    """O = b1 R exp(b2 R): log(O / R) is b2 R but for a constant, and R has b2 = 0."""
    plain, bent = (
        begun(scan, start=replace(QUIET, object_exponent=b2))[0].real[0] for b2 in (0.0, 0.5)
    )
    slope, _ = np.polyfit(
        plain.flatten().double(), torch.log(bent / plain).flatten().double(), 1
    )
    residual = torch.log(bent / plain) - float(slope) * plain
    assert slope > 0.1 and float(residual.std()) < 1e-5


def test_noise_is_complex_of_the_size_asked_for_and_follows_the_seed(scan: Scan) -> None:
    quiet, quiet_probe = begun(scan)
    noisy = StartOptions(object_noise=0.1, probe_noise=0.2)
    runs = [begun(scan, start=noisy, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(runs[0][0], runs[1][0]) and torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][0], runs[2][0]) and not torch.equal(runs[0][1], runs[2][1])
    for loud, still, share in ((runs[0][0], quiet, 0.1), (runs[0][1], quiet_probe, 0.2)):
        # Both are scaled afterwards: compare with the best multiple of the quiet one.
        factor = torch.vdot(still.flatten(), loud.flatten()) / still.abs().square().sum()
        noise = loud - factor * still
        size = (
            noise.abs().square().mean().sqrt() / (factor * still).abs().square().mean().sqrt()
        )
        assert float(size) == pytest.approx(share, rel=0.25)
        assert float(noise.imag.std()) == pytest.approx(float(noise.real.std()), rel=0.1)


def test_the_probe_has_the_amplitude_of_least_squares(scan: Scan) -> None:
    object_MYX, probe_NHW = begun(scan, probe_states=2)
    roots = scan.intensities(np.arange(len(scan))).sqrt()
    model = model_counts(waves(object_MYX, probe_NHW), Views(corners_B2=scan.corners_n2)).sqrt()
    misfit = [float((f * model - roots).square().sum()) for f in (0.99, 1.0, 1.01)]
    assert misfit[1] == min(misfit)


def test_further_probe_states_are_orthogonal_and_weaker(scan: Scan) -> None:
    _, probe_NHW = begun(scan, probe_states=5)
    flat = probe_NHW.flatten(1)
    overlap = flat.conj() @ flat.T
    power = overlap.diagonal().real
    torch.testing.assert_close(power[1:] / power[0], torch.full((4,), 0.3**2))
    assert float((overlap - torch.diag(overlap.diagonal())).abs().max()) < 1e-4 * float(
        power[0]
    )


def test_object_states_differ(scan: Scan) -> None:
    object_MYX, _ = begun(scan, object_states=3)
    assert not torch.allclose(object_MYX[1], object_MYX[2], atol=0.1)


def test_what_is_given_is_where_the_run_begins(scan: Scan) -> None:
    y, x = scan.object_shape_YX
    picture, probe = SIMULATED.object_YX[:y, :x], SIMULATED.probe_HW
    object_MYX, probe_NHW = begun(scan, InitialGuess(object_MYX=picture, probe_NHW=probe))
    assert np.array_equal(object_MYX[0], picture) and np.array_equal(probe_NHW[0], probe)
    _, more = begun(scan, InitialGuess(probe_NHW=probe), probe_states=3)
    assert np.array_equal(more[0], probe) and more[1:].abs().amax((1, 2)).min() > 0


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (InitialGuess(object_MYX=np.ones((3, 3), complex)), "start.object_MYX"),
        (InitialGuess(probe_NHW=np.ones((64, 32), complex)), "start.probe_NHW"),
        (InitialGuess(probe_NHW=np.full((64, 64), np.nan + 0j)), "start.probe_NHW"),
    ],
)
def test_what_cannot_be_a_start_is_refused(scan: Scan, given: InitialGuess, key: str) -> None:
    with pytest.raises(DataError) as told:
        begun(scan, given)
    assert told.value.key == key


@pytest.mark.parametrize(
    ("subpixel", "off_px", "shifts"),
    [
        ("auto", 0.04, False),
        ("auto", 0.06, True),
        ("off", 0.4, False),
        ("on", 0.0, True),
    ],
)
def test_positions_off_the_grid_shift_the_probe(
    subpixel: str, off_px: float, shifts: bool
) -> None:
    positions = SIMULATED.positions_px.copy()
    positions[5, 1] += off_px
    dataset = as_dataset(SIMULATED, positions)
    found = load(dataset, Recipe(subpixel=subpixel), torch.device("cpu"))
    assert (found.shifts_n2 is not None) == shifts
