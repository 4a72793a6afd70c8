"""Token buckets, the depth of bodies, and keys in texts."""

from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException

from exitwave.api.access import limits
from exitwave.api.access.limits import TokenBuckets
from exitwave.api.http.body_limit import MAX_JSON_DEPTH, JsonDepth
from exitwave.schema.access import without_keys
from exitwave.schema.errors import TooManyRequests


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(buckets: TokenBuckets, name: str) -> int:
    """How many tokens there are."""
    for number in range(1000):
        try:
            buckets.take(name)
        except TooManyRequests:
            return number
    raise AssertionError("the bucket has no bottom")


def test_a_bucket_holds_its_burst_and_fills_again() -> None:
    clock = Clock()
    buckets = TokenBuckets(8, 24, "requests", clock)
    assert taken(buckets, "ann") == 24
    assert taken(buckets, "ben") == 24, "each has a bucket of its own"
    clock.now += 0.625
    assert taken(buckets, "ann") == 5
    clock.now += 1000
    assert taken(buckets, "ann") == 24


def test_the_error_says_how_long_to_wait() -> None:
    clock = Clock()
    buckets = TokenBuckets(0.2, 1, "log-ins", clock)
    buckets.take("ann")
    with pytest.raises(TooManyRequests, match=r"log-ins.*wait 5\.0 s") as refused:
        buckets.take("ann")
    assert refused.value.retry_after_s == 5
    clock.now += refused.value.retry_after_s
    buckets.take("ann")


def test_failures_beyond_the_burst_make_the_wait_longer() -> None:
    buckets = TokenBuckets(1, 2, "log-ins", Clock())
    for _ in range(5):
        buckets.spend("ann")
    with pytest.raises(TooManyRequests) as refused:
        buckets.check("ann")
    assert refused.value.retry_after_s == 4


def test_many_names_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS", 100)
    buckets = TokenBuckets(1, 2, "requests", Clock())
    for number in range(1000):
        buckets.take(f"name {number}")
        buckets.spend("busy")
    assert len(buckets._full_at) == 100
    with pytest.raises(TooManyRequests):
        buckets.take("busy")


def read(*parts: bytes) -> None:
    depth = JsonDepth()
    for part in parts:
        depth.read(part)


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def bytewise(text: bytes) -> list[bytes]:
    return [text[i : i + 1] for i in range(len(text))]


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_JSON_DEPTH),
        nested(3) * 1000,
        json.dumps({"a": "[" * 1000 + '"\\' + "{" * 1000, "b\\": "\\[[\"'"}).encode(),
        json.dumps(["∀" * 50, "\U0001f600[["], ensure_ascii=False).encode(),
        b"",
    ],
)
def test_what_is_not_deep_may_pass_however_it_is_cut(text: bytes) -> None:
    read(text)
    read(*bytewise(text))


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_JSON_DEPTH + 1),
        b"[" * 1_000_000,
        b'{"a": "\\\\", "b": ' + nested(MAX_JSON_DEPTH),
        json.dumps({"a": "\u2200", "b": 1}).encode("utf-16"),
    ],
)
def test_what_is_deep_or_no_utf_8_is_refused_however_it_is_cut(text: bytes) -> None:
    with pytest.raises(HTTPException):
        read(text)
    with pytest.raises(HTTPException):
        read(*bytewise(text[:5000]))


def test_a_key_in_a_text_is_blotted_out() -> None:
    key = "ew_0123456789_" + "a1b2c3d4" * 5
    assert without_keys(f"DELETE /api/v1/keys/{key} twice: {key}.") == (
        "DELETE /api/v1/keys/ew_0123456789_*** twice: ew_0123456789_***."
    )
    assert without_keys("job 01m82qgnjf16c24kfwcb2z8e4v") == "job 01m82qgnjf16c24kfwcb2z8e4v"
