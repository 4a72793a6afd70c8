"""Entity tags: which version a caller has, and whether a change may be made."""

from __future__ import annotations

import pytest
from tests.unit.api.made import made_job

from exitwave.api.http.conditions import check_unchanged, etag_of, known
from exitwave.schema.errors import PreconditionFailed
from exitwave.schema.job import JobState


def test_a_tag_belongs_to_one_version() -> None:
    job = made_job()
    assert etag_of(job) == etag_of(job.model_copy())
    assert etag_of(job) != etag_of(job.model_copy(update={"priority": 1}))


def test_one_of_several_tags_is_enough_and_weak_ones_do_for_reading() -> None:
    etag = etag_of(made_job())
    for header in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        assert known(header, etag)
    for other in (None, '"x"', etag.strip('"')):
        assert not known(other, etag)


def test_a_change_needs_the_version_that_was_looked_at() -> None:
    job = made_job()
    check_unchanged(None, job)
    check_unchanged(etag_of(job), job)
    check_unchanged("*", job)
    changed = job.model_copy(update={"state": JobState.RUNNING})
    for header in (etag_of(job), f"W/{etag_of(changed)}"):  # weak ones do not do here
        with pytest.raises(PreconditionFailed, match=job.id):
            check_unchanged(header, changed)
