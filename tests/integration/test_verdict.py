"""A verdict on its way from a worker's result to every file that the service gives."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.integration.api_process import KEY, Api, take_all
from tests.integration.ledger_bench import spec
from tests.support.delivered import State, final_arrays, finish, node_of
from tests.support.stack import TiledServer
from tests.support.verdicts import NO_PICTURE, PREPARATION, START

from exitwave.client import Client
from exitwave.files.cxi import read_reconstruction
from exitwave.results import FinalArrays, LiveWriter, ResultNode, deliver
from exitwave.schema.errors import VerdictNotMet
from exitwave.schema.job import Job, Result, ScanRef

GEOMETRY = {"energy_eV": 9e3, "distance_m": 2.0, "detector_pixel_m": 55e-6, "sources": {}}


def delivered(server: TiledServer, job: Job, final: FinalArrays) -> ResultNode:
    """The node of a job's first attempt, written as a worker writes it."""
    record = replace(
        node_of(server.settings).record,
        scan=ScanRef(uid=job.spec.scan.uid, path="raw/x"),
        job_id=job.id,
        attempt=1,
        geometry=GEOMETRY,
    )
    node = ResultNode(server.settings, record)
    sink = LiveWriter(node, publish_s=0.1)
    sink.offer(State(60))
    finish(sink)
    deliver(node, final, lambda: None)
    return node


def test_every_file_of_a_result_tells_its_verdict(
    api: Api, tiled_server: TiledServer, tmp_path: Path
) -> None:
    take_all(api)
    uid = uuid4().hex
    job, _ = api.ledger.submit(spec(uid), owner="operator")
    verdict = NO_PICTURE.model_copy(update={"figures": {"ratio": math.inf}})
    judged = {"verdict": verdict, "preparation": PREPARATION, "start": START}
    beams_px = np.random.default_rng(1).integers((116, 216), (154, 234), (25, 2))
    positions_m = beams_px * 1e-8
    final = replace(final_arrays(), positions_m=positions_m, **judged)
    node = delivered(tiled_server, job, final)
    result = Result(node=node.path, attempt=1, epochs=60, **judged)
    claimed = api.ledger.claim("w", "cpu")
    assert claimed is not None and claimed.id == job.id
    api.ledger.finish(job.id, 1, "w", "succeeded", result=result)

    with Client(api.url, KEY) as client:
        with pytest.raises(VerdictNotMet, match="found no picture: pixels left out of the fit"):
            client.wait(job.id, require="good")
        assert list(client.events(job.id))[-1].verdict == "no picture"
        found = client.result(job.id)
        assert (found.verdict, found.preparation, found.start) == tuple(judged.values())
        stored = read_reconstruction(client.download(job.id, "cxi", tmp_path))
        assert (stored.verdict, stored.preparation, stored.start) == tuple(judged.values())
        assert not judged.keys() & stored.metadata.keys()
        with h5py.File(next(tmp_path.glob("*.cxi"))) as file:
            assert file["exitwave/verdict"].asstr()[()] == "no picture"
        with Image.open(client.download(job.id, "png", tmp_path)) as picture:
            assert picture.text["Verdict"] == "no picture"
            assert picture.text["Job"] == job.id and uid in picture.text["Scan"]
        with tifffile.TiffFile(client.download(job.id, "tiff", tmp_path)) as file:
            assert file.imagej_metadata["verdict"] == "no picture"
