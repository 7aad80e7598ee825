"""The centre's key on disk."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from sensor.central.incidents.signing import CentreKey, CentreKeys
from sensor.errors import CentralError


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "centre.key"
    made, new = CentreKey.load_or_make(path)
    again, newer = CentreKey.load_or_make(path)
    assert (new, newer) == (True, False)
    assert again.key_id == made.key_id
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["centre.key"]
    CentreKeys.load([path]).verify(b"said", made.sign(b"said"))


def test_openssl_can_check_what_the_centre_signed(tmp_path: Path) -> None:
    key = CentreKey.new()
    (tmp_path / "key.pem").write_text(key.public_pem())
    (tmp_path / "data").write_bytes(b"said")
    (tmp_path / "signature").write_bytes(base64.b64decode(key.sign(b"said").split(":")[2]))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in data -sigfile signature"
    result = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in result.stdout, result
    CentreKeys.load([tmp_path / "key.pem"]).verify(b"said", key.sign(b"said"))


def test_a_key_of_openssls_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "own.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True)
    path.chmod(0o600)
    CentreKey.load(path)
    path.chmod(0o644)
    with pytest.raises(CentralError, match="mode 0644, others may read it; chmod 600"):
        CentreKey.load(path)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_a_key_of_another_kind_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "own.key"
    option = {"RSA": "rsa_keygen_bits:2048", "EC": "ec_paramgen_curve:P-256"}[kind]
    command = ["openssl", "genpkey", "-quiet", "-algorithm", kind, "-pkeyopt", option, "-out", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        command.remove("-quiet")
        subprocess.run(command, check=True, capture_output=True)
    path.chmod(0o600)
    with pytest.raises(CentralError, match="not of kind Ed25519"):
        CentreKey.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff"]
)
def test_what_is_no_key_is_worded(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(CentralError, match=r"is no private key in PEM.*openssl genpkey"):
        CentreKey.load(path)
    with pytest.raises(CentralError, match="key"):
        CentreKeys.load([path])
    with pytest.raises(CentralError, match="No such file"):
        CentreKey.load(tmp_path / "none")
    with pytest.raises(CentralError, match="cannot be made"):
        CentreKey.load_or_make(tmp_path / "nowhere" / "centre.key")
