"""How a delivery can fail: for now, or for good.

NotifyError                for now: tried again with back-off
├── LaterError                 the same, and the receiver said how long to wait
└── RefusedError               for good: the receiver understood and will not have it
"""

from sensor.errors import NotifyError


class LaterError(NotifyError):
    """The receiver asks for a pause of ``after_s`` seconds."""

    def __init__(self, message: str, *, after_s: float) -> None:
        """Say what happened and remember how long the receiver wants to be left alone."""
        super().__init__(message)
        self.after_s = after_s


class RefusedError(NotifyError):
    """The receiver will never take this message; trying again would not help."""
