"""Settings of a connection to the broker that node and centre share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Interval, Len


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """Encryption to the broker. The broker's name and certificate are always verified."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    ca_file: Path | None = None
    """Certificate of the authority that signed the broker's certificate (PEM); null = the system's
    authorities."""
    cert_file: Path | None = None
    """Certificate of its own (PEM), for a broker that asks for one."""
    key_file: Path | None = None
    """Private key of ``cert_file`` (PEM, without pass phrase); null = it is in ``cert_file``."""


@dataclass(frozen=True, kw_only=True)
class BrokerAccess:
    """Where the broker is, and as whom to come."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    host: Annotated[str, Len(0, 253)] = ""
    """Name or address of the broker; with TLS it must be in the broker's certificate."""
    port: Annotated[int, Interval(ge=1, le=65535)] | None = None
    """TCP port; null = 8883 with TLS, 1883 without."""
    tls: TlsSettings | None = None
    """Encryption; null = none, which is for a broker on this machine only."""
    username: str | None = None
    """User name at the broker; null = none."""
    password_file: Path | None = None
    """File whose first line is the password, readable by the daemon's user alone. Read again at every
    connection, so a new password needs no restart."""

    @property
    def port_or_default(self) -> int:
        """TCP port in force."""
        return self.port or (1883 if self.tls is None else 8883)

    @property
    def where(self) -> str:
        """``host:port``, for messages."""
        return f"{self.host}:{self.port_or_default}"
