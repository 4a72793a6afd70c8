import numpy as np
import pytest

from exitwave.results import binned_planes


def picture(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(3)
    modulus, phase = random.uniform(0.5, 1.5, (2, height, width))
    return (modulus * np.exp(4j * phase)).astype(np.complex64)


def test_small_picture_is_kept_as_it_is() -> None:
    obj = picture(9, 7)
    planes = binned_planes(obj)
    assert planes.bin_px == 1 and planes.finite
    assert planes.planes_2hw.dtype == np.float32 and planes.planes_2hw.shape == (2, 9, 7)
    np.testing.assert_allclose(planes.planes_2hw[0], np.abs(obj), rtol=1e-6)
    np.testing.assert_allclose(planes.planes_2hw[1], np.angle(obj), rtol=1e-6)
    assert planes.box == (0, 9, 0, 7)


@pytest.mark.parametrize(
    ("height", "width", "bin_px"), [(350, 350, 1), (351, 20, 2), (700, 700, 2), (1501, 900, 5)]
)
def test_the_smallest_bin_that_fits(height: int, width: int, bin_px: int) -> None:
    planes = binned_planes(np.ones((height, width), np.complex64))
    assert planes.bin_px == bin_px
    assert planes.planes_2hw.shape == (2, -(-height // bin_px), -(-width // bin_px))
    assert planes.planes_2hw.nbytes < 1_000_000


def test_blocks_are_complex_means_also_at_the_far_edges() -> None:
    obj = picture(10, 11)
    planes = binned_planes(obj, limit_px=4).planes_2hw
    for y in range(4):
        for x in range(4):
            mean = obj[3 * y : 3 * y + 3, 3 * x : 3 * x + 3].mean()
            assert planes[0, y, x] == pytest.approx(abs(mean), rel=1e-5)
            assert planes[1, y, x] == pytest.approx(np.angle(mean), abs=1e-5)


def test_opposite_phases_cancel() -> None:
    obj = np.tile(np.array([1, -1], np.complex64), (2, 2))
    assert binned_planes(obj, limit_px=2).planes_2hw[0].max() == 0


def test_unknown_pixels_do_not_count_and_blocks_without_known_ones_are_nan() -> None:
    obj = np.full((6, 6), 2j, np.complex64)
    obj[:3] = 77
    known = np.zeros((6, 6), dtype=bool)
    known[3:, 1:4] = True
    planes = binned_planes(obj, known, limit_px=3)
    expected = np.full((3, 3), np.nan)
    expected[1:, :2] = 2
    np.testing.assert_array_equal(planes.planes_2hw[0], expected)
    np.testing.assert_array_equal(np.isnan(planes.planes_2hw[1]), np.isnan(expected))
    assert planes.box == (1, 3, 0, 2) and planes.finite


def test_a_picture_that_must_not_be_shown() -> None:
    obj = picture(8, 8)
    known = np.ones((8, 8), dtype=bool)
    known[0] = False
    obj[0, 0] = np.nan
    assert binned_planes(obj, known).finite
    obj[4, 4] = np.nan
    assert not binned_planes(obj, known).finite
    assert not binned_planes(obj, np.zeros((8, 8), dtype=bool)).finite
