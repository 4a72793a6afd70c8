"""The runner that reconstructs: runs jobs on one device, one after the other.

Imports torch and Tiled's client.
"""

from __future__ import annotations

import torch

from exitwave.engine.data.scan import choose_device
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.job import Job, Result
from exitwave.settings.service import Settings

from ..protocol import Control
from .devices import torch_name
from .error_classification import is_out_of_memory
from .execution import JobExecution
from .health import probe_device


class ReconstructionRunner:
    """Runs jobs on one device, one after the other.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    device : str
        For people.

    Raises
    ------
    EngineError
        There is no such device.
    InvalidInput
        There is no such beamline profile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._torch_device = choose_device(torch_name(settings.worker.device))
        self.device = _in_words(self._torch_device)
        self._scans = TiledScans(settings.tiled, load_profile(settings.beamline))

    def run(self, job: Job, control: Control) -> Result:
        """Do a job's present attempt; the result can be read when this returns.

        Raises
        ------
        ExitwaveError
            Why it cannot be done.
        """
        execution = JobExecution(
            job,
            control,
            settings=self._settings,
            scans=self._scans,
            torch_device=self._torch_device,
            device=self.device,
        )
        try:
            return execution.run()
        except Exception as error:
            if is_out_of_memory(error) and self._torch_device.type == "cuda":
                torch.cuda.empty_cache()  # the next job may be a smaller one
            raise

    def probe(self) -> None:
        """Raise where the device does not compute as it should."""
        probe_device(self._torch_device)


def _in_words(device: torch.device) -> str:
    """What a person calls the device."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    threads = torch.get_num_threads()
    return f"{device} ({threads} thread{'s' if threads > 1 else ''})"
