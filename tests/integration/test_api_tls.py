"""HTTPS: certificate and key are files that the settings name."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from tests.integration.api_process import KEY, nowhere, running_api
from tests.support.stack import clean_environment, free_port, run_cli
from websockets.sync.client import connect

from exitwave.api.server import tls_files
from exitwave.schema.errors import UsageError
from exitwave.settings.service import ApiSettings


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    made = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(key))
    return certificate, key


def test_the_api_speaks_https(
    valkey_uri: str, authority: trustme.CA, files: tuple[Path, Path], tmp_path: Path
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    certificate, key = map(str, files)
    with running_api(
        tmp_path,
        valkey_uri,
        nowhere(),
        tls=trusting,
        TLS_CERTIFICATE=certificate,
        TLS_KEY=key,
    ) as api:
        assert api.client.get("/api/v1/jobs").status_code == 200
        answer = api.client.post("/api/v1/session", json={"key": KEY})
        assert "Secure" in answer.headers["set-cookie"].split("; ")
        header = {"Authorization": f"Apikey {KEY}"}
        place = api.url.replace("https", "wss") + "/api/v1/live"
        with connect(place, additional_headers=header, ssl=trusting) as socket:
            assert socket.recv(timeout=60)
        with pytest.raises(httpx.ConnectError, match=r"(?i)certificate"):
            httpx.get(f"{api.url}/livez")
        with pytest.raises(httpx.TransportError):
            httpx.get(api.url.replace("https", "http") + "/livez")


def test_one_file_without_the_other_is_refused(files: tuple[Path, Path]) -> None:
    certificate, key = files
    assert tls_files(ApiSettings()) == (None, None)
    assert tls_files(ApiSettings(tls_certificate=certificate, tls_key=key)) == (
        certificate,
        key,
    )
    with pytest.raises(UsageError, match=r"api\.tls_key: found none"):
        tls_files(ApiSettings(tls_certificate=certificate))
    with pytest.raises(UsageError, match=r"api\.tls_certificate: found none"):
        tls_files(ApiSettings(tls_key=key))


def test_files_that_cannot_be_used_are_refused(
    authority: trustme.CA, files: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = files
    missing = tmp_path / "missing.pem"
    with pytest.raises(UsageError, match=r"api\.tls_key: found .*missing\.pem"):
        tls_files(ApiSettings(tls_certificate=certificate, tls_key=missing))
    with pytest.raises(UsageError, match="cannot be used"):
        tls_files(ApiSettings(tls_certificate=key, tls_key=certificate))
    another = tmp_path / "another.pem"
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(str(another))
    with pytest.raises(UsageError, match="cannot be used"):
        tls_files(ApiSettings(tls_certificate=certificate, tls_key=another))


def test_up_refuses_a_certificate_that_its_machine_does_not_trust(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = map(str, files)
    env = clean_environment(
        XDG_STATE_HOME=str(tmp_path / "state"),
        EXITWAVE__API__TLS_CERTIFICATE=certificate,
        EXITWAVE__API__TLS_KEY=key,
    )
    words = ("up", "--data-dir", str(tmp_path / "data"), "--port", str(free_port()))
    ended = run_cli(*words, env=env)
    assert ended.returncode != 0
    assert f"api.tls_certificate: found {certificate}, which is not trusted" in ended.stderr
    assert "SSL_CERT_FILE" in ended.stderr
