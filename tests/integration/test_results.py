"""Live pictures and final arrays against a real Tiled, watched by a separate subscriber."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.faults.proxy import proxy_to
from tests.support.delivered import State, final_arrays, finish, node_of
from tests.support.stack import TiledServer, free_port, wait_until
from tests.support.verdicts import NO_PICTURE, PREPARATION, START
from tiled.client import from_uri

from exitwave.results import FinalArrays, LiveWriter, ResultNode, deliver
from exitwave.schema.errors import SinkError
from exitwave.schema.geometry import Geometry
from exitwave.schema.result import FIELDS, FINAL_ARRAYS, LAYOUT, ArrayMetadata, NodeMetadata
from exitwave.schema.verdict import Preparation, Start, Verdict
from exitwave.settings.service import TiledSettings


def client_of(server: TiledServer) -> Any:
    return from_uri(server.uri, api_key=server.api_key)


def test_pictures_are_numbered_and_their_epochs_known(tiled_server: TiledServer) -> None:
    node = node_of(tiled_server.settings)
    root = client_of(tiled_server)
    began = time.monotonic()
    sink = LiveWriter(node, publish_s=0.3)
    last = offer_until(sink, root, node, version=5)
    finish(sink)
    took_s = time.monotonic() - began

    rows = root[f"{node.path}/live/progress"].read()
    fields = root[f"{node.path}/live/progress"].metadata["fields"]
    assert tuple(fields) == FIELDS
    np.testing.assert_array_equal(rows[:, 0], np.arange(1, last + 1))
    np.testing.assert_array_equal(rows[:, 1:5], np.tile([3.0, 2.0, 1.0, 0.25], (last, 1)))
    epoch_of = {int(row[5]): int(row[0]) for row in rows if row[5]}
    assert list(epoch_of) == list(range(1, len(epoch_of) + 1))
    assert epoch_of[1] == 1 and epoch_of[len(epoch_of)] == last
    assert len(epoch_of) < last / 2  # latest wins: most epochs make no picture
    assert len(epoch_of) <= took_s / 0.3 + 2  # and they keep their distance

    # A subscriber that comes late is given every message again, in the order of writing.
    seen: dict[int, np.ndarray] = {}
    picture = root[f"{node.path}/live/object"]
    subscription = picture.subscribe()

    def take(update: Any) -> None:
        seen[update.sequence] = np.array(update.data())

    subscription.new_data.add_callback(take)
    subscription.start_in_thread(0)
    wait_until(lambda: len(seen) == len(epoch_of), "all messages", within_s=10)
    subscription.disconnect()
    known = State(1).illuminated_YX()
    for version, epoch in epoch_of.items():
        planes = seen[version]
        assert np.isnan(planes[:, ~known]).all()
        np.testing.assert_array_equal(planes[0][known], epoch)
        np.testing.assert_allclose(planes[1][known], np.pi / 2)

    metadata = picture.metadata
    assert ArrayMetadata.read(picture.uri, metadata).written() == dict(metadata)
    assert (metadata["epoch"], metadata["version"]) == (last, len(epoch_of))
    assert metadata["illuminated_box"] == [2, 38, 3, 27]
    assert metadata["bin"] == 1 and metadata["full_shape"] == [40, 30]
    np.testing.assert_array_equal(root[f"{node.path}/live/probe"].read()[0], 1 + last)
    about = root[node.path]
    assert [spec.name for spec in about.specs] == ["PtychoReconstruction"]
    assert about.metadata["scan_id"] == 7 and about.metadata["complete"] is False


def test_a_picture_is_announced_before_it_is_written(tiled_server: TiledServer) -> None:
    node, root = node_of(tiled_server.settings), client_of(tiled_server)
    sink = LiveWriter(node, publish_s=0.1)
    offer_until(sink, root, node, version=1)
    announced: dict[int, bool] = {}

    def look(update: Any) -> None:
        rows = root[f"{node.path}/live/progress"].read()
        versions = [int(version) for version in rows[:, 5]]
        announced[update.sequence] = update.sequence in versions

    subscription = root[f"{node.path}/live/object"].subscribe()
    subscription.new_data.add_callback(look)
    subscription.start_in_thread()
    offer_until(sink, root, node, version=6)
    finish(sink)
    wait_until(lambda: len(announced) >= 4, "pictures", within_s=10)
    subscription.disconnect()
    assert all(announced.values())


def offer_until(sink: LiveWriter, root: Any, node: ResultNode, *, version: int) -> int:
    """Offer epochs at a steady pace until that many pictures are there; gives the last one."""
    epoch = 0
    deadline = time.monotonic() + 60
    while pictures(root, node) < version:
        assert time.monotonic() < deadline
        for _ in range(4):
            epoch += 1
            sink.offer(State(epoch))
            time.sleep(0.05)
    return epoch


def pictures(root: Any, node: ResultNode) -> int:
    """Number of the newest picture in Tiled."""
    try:
        return int(root[f"{node.path}/live/object"].metadata["version"])
    except KeyError:
        return 0


def test_an_epoch_that_ends_while_a_picture_is_made_may_be_the_next_picture(
    tiled_server: TiledServer,
) -> None:
    node = node_of(tiled_server.settings)
    sink = LiveWriter(node, publish_s=0.1)
    sink.offer(State(1, copying_s=0.5))
    time.sleep(0.2)
    sink.offer(State(2))
    wait_until(lambda: pictures(client_of(tiled_server), node) == 2, "second picture")
    finish(sink)
    rows = client_of(tiled_server)[f"{node.path}/live/progress"].read()
    np.testing.assert_array_equal(rows[:, 5], [1, 2])


def test_large_objects_are_binned_about_their_centre(tiled_server: TiledServer) -> None:
    node = node_of(tiled_server.settings)
    sink = LiveWriter(node, publish_s=0.1)
    sink.offer(State(5, shape=(800, 600)))
    finish(sink)
    picture = client_of(tiled_server)[f"{node.path}/live/object"]
    assert picture.shape == (2, 267, 200)
    metadata = picture.metadata
    assert metadata["bin"] == 3 and metadata["pixel_size_m"] == pytest.approx(3e-8)
    assert metadata["origin_m"] == pytest.approx([1e-6 + 1e-8, 2e-6 + 1e-8])
    assert metadata["full_shape"] == [800, 600]


def test_a_picture_that_is_not_finite_stays_away(tiled_server: TiledServer) -> None:
    node = node_of(tiled_server.settings)
    sink = LiveWriter(node, publish_s=0.1)
    sink.offer(State(1))
    wait_until(lambda: pictures(client_of(tiled_server), node), "first picture")
    sink.offer(State(2, broken=True))
    finish(sink)
    root = client_of(tiled_server)
    np.testing.assert_array_equal(root[f"{node.path}/live/progress"].read()[:, 5], [1, 0])
    assert root[f"{node.path}/live/object"].metadata["epoch"] == 1


def test_offering_never_waits_for_tiled_and_a_refusal_is_told_at_the_end() -> None:
    settings = TiledSettings.model_validate({"uri": f"http://127.0.0.1:{free_port()}"})
    sink = LiveWriter(node_of(settings), publish_s=0.1)
    began = time.perf_counter()
    for epoch in range(2000):
        sink.offer(State(epoch))
    assert time.perf_counter() - began < 5  # a single write that waited would take longer
    sink.end()
    assert not sink.done(0.1)
    sink.abandon()


def check_final(root: Any, node: ResultNode, final: FinalArrays) -> None:
    result = root[node.path]
    for name, values in (
        ("object", final.object_MYX),
        ("probe", final.probe_NHW),
        ("positions_m", final.positions_m),
    ):
        stored = result[name].read()
        assert stored.dtype == values.dtype
        np.testing.assert_array_equal(stored, values)
    told = NodeMetadata.read(node.path, result.metadata)
    assert result.metadata["layout"] == LAYOUT and told.written() == dict(result.metadata)
    assert told.geometry == Geometry(**node.record.geometry)
    for name in FINAL_ARRAYS:
        of_array = result[name].metadata
        assert ArrayMetadata.read(name, of_array).written() == dict(of_array)
    assert result.metadata["complete"] is True
    assert result.metadata["epoch"] == 60 and result.metadata["loss"] == 0.5
    assert result.metadata["illuminated_box"] == [4, 60, 5, 44]
    assert result.metadata["scan_id"] == 7


def test_final_arrays_can_be_read(tiled_server: TiledServer) -> None:
    node, final = node_of(tiled_server.settings), final_arrays()
    deliver(node, final, lambda: None)
    root = client_of(tiled_server)
    check_final(root, node, final)
    about = root[node.path].metadata
    assert about["verdict"] is about["preparation"] is about["start"] is None


def test_what_was_judged_is_told_in_the_nodes_metadata(tiled_server: TiledServer) -> None:
    node = node_of(tiled_server.settings)
    verdict = NO_PICTURE.model_copy(update={"figures": {"ratio": math.inf}})
    judged = replace(final_arrays(), verdict=verdict, preparation=PREPARATION, start=START)
    deliver(node, judged, lambda: None)
    about = client_of(tiled_server)[node.path].metadata
    assert about["verdict"]["verdict"] == "no picture"
    assert Verdict.model_validate(about["verdict"]) == verdict
    assert Preparation.model_validate(about["preparation"]) == PREPARATION
    assert Start.model_validate(about["start"]) == START


def test_a_refused_result_is_an_error(tiled_server: TiledServer) -> None:
    wrong = tiled_server.settings.model_copy(
        update={"api_key": type(tiled_server.settings.api_key)("b2")}
    )
    with pytest.raises(SinkError, match="is not in Tiled"):
        deliver(node_of(wrong), final_arrays(), lambda: None)


def test_tiled_away_in_the_middle_and_at_the_end(tiled_server: TiledServer) -> None:
    final, root = final_arrays(), client_of(tiled_server)
    with proxy_to(tiled_server.uri.removeprefix("http://")) as link:
        uri = f"http://{link.address}"
        node = node_of(tiled_server.settings.model_copy(update={"uri": uri}))
        sink = LiveWriter(node, publish_s=0.1)
        sink.offer(State(1))
        wait_until(lambda: pictures(root, node), "first picture")
        link.cut()
        for epoch in range(2, 41):
            sink.offer(State(epoch))
            time.sleep(0.02)

        def close_all() -> None:
            sink.end()
            while not sink.done(0.2):
                pass
            deliver(node, final, lambda: None)

        closing = threading.Thread(target=close_all)
        closing.start()
        time.sleep(1)
        assert closing.is_alive()
        link.mend()
        closing.join(60)
        assert not closing.is_alive()
    check_final(root, node, final)
    rows = root[f"{node.path}/live/progress"].read()
    np.testing.assert_array_equal(rows[:, 0], np.arange(1, 41))
    versions = [int(version) for version in rows[:, 5] if version]
    assert versions == list(range(1, len(versions) + 1)) and rows[-1, 5] == versions[-1]
    assert np.nanmax(root[f"{node.path}/live/object"].read()[0]) == 40
