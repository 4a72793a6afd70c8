"""What routes ask of the application, in their signatures."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from exitwave.ledger import ServiceLedger
from exitwave.settings.service import Settings

from .jobs.scan_lookup import ScanLookup


def _ledger(connection: HTTPConnection) -> ServiceLedger:
    ledger: ServiceLedger = connection.app.state.ledger
    return ledger


def _settings(connection: HTTPConnection) -> Settings:
    settings: Settings = connection.app.state.settings
    return settings


def _scans(connection: HTTPConnection) -> ScanLookup:
    scans: ScanLookup = connection.app.state.scans
    return scans


LedgerDep = Annotated[ServiceLedger, Depends(_ledger)]
SettingsDep = Annotated[Settings, Depends(_settings)]
ScansDep = Annotated[ScanLookup, Depends(_scans)]
