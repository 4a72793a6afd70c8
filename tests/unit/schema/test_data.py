from typing import Any

import pytest

from exitwave.schema.data import data_from_mapping, frame_ranges
from exitwave.schema.errors import InvalidInput
from exitwave.schema.parameters import plain


@pytest.mark.parametrize(
    ("given", "text", "ranges"),
    [
        ("", "", ()),
        (3, "3", ((3, 3),)),
        ("3, 10 - 12", "3, 10 - 12", ((3, 3), (10, 12))),
        ([0, "10-12", 7], "0,10-12,7", ((0, 0), (10, 12), (7, 7))),
    ],
)
def test_frames_are_excluded_by_numbers_and_ranges(
    given: Any, text: str, ranges: tuple[tuple[int, int], ...]
) -> None:
    options = data_from_mapping({"exclude": given})
    assert options.exclude == text
    assert frame_ranges(options.exclude) == ranges
    assert data_from_mapping(plain(options)) == options


@pytest.mark.parametrize("given", ["x", "5-3", "-3", "1;2", "1,", 1.5, True, [1, None], {}])
def test_what_names_no_frames_is_refused(given: Any) -> None:
    with pytest.raises(InvalidInput, match=r"data\.exclude"):
        data_from_mapping({"exclude": given})


@pytest.mark.parametrize(
    ("key", "value"),
    [("frames", -1), ("frames", 2.5), ("flux", "on"), ("orientation", "rot90"), ("mask", 1)],
)
def test_other_values_are_checked(key: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"data\.{key}"):
        data_from_mapping({key: value})
