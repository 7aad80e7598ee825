"""The error tree; foreign errors are translated into it where the foreign library is imported.

SensorError
├── ConfigError        the configuration cannot be used (exit code 78)
├── CaptureError       no samples can be had from a device or a file
│   ├── AudioFileError     a file is missing, damaged or not audio
│   ├── DeviceError        a device refuses the format, is ambiguous or does not let go
│   │   └── DeviceAbsent       a device is not there or not free now; waiting may help
│   └── Overrun            a reader of the ring was lapped by its writer
├── ModelError         classifier weights are missing, damaged or of another version
├── ClockError         a clock source cannot be read; the sensor goes on with a larger sigma
├── UplinkError        the broker cannot be reached or refused; events stay in the outbox
│   └── OutboxError        the outbox cannot store or read
├── WireError          bytes that are not a message of our contract
├── CalibrationError   a calibration recording does not allow a figure
├── ReplayError        a replay or an explanation cannot be finished, or not as asked for
└── CentralError       the central side cannot do what was asked
    ├── StoreError         the record cannot be written or read
    ├── NotifyError        a receiver of incidents refused or cannot be reached; delivery is retried
    ├── ChainError         a record's chain of hashes or a signature does not hold
    └── AccessError        somebody asked for what their role may not

Each message says what is wrong, where, and how to mend it.
"""


class SensorError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(SensorError, ValueError):
    """The configuration cannot be used."""


class CaptureError(SensorError):
    """No samples can be had from a device or a file."""


class AudioFileError(CaptureError):
    """A file is missing, damaged or not audio."""


class DeviceError(CaptureError):
    """A device refuses the format, is ambiguous or does not let go; waiting would not help."""


class DeviceAbsent(DeviceError):  # noqa: N818  a state of the device, not a fault of the program
    """A device is not there or not free now; it may come."""


class Overrun(CaptureError):  # noqa: N818  the field's own word for it
    """A reader of the ring was lapped by its writer; ``oldest`` is the first index still held."""

    def __init__(self, message: str, *, oldest: int) -> None:
        """Say what was lost and remember where reading can go on."""
        super().__init__(message)
        self.oldest = oldest


class ModelError(SensorError):
    """Classifier weights are missing, damaged or of another version."""


class ClockError(SensorError):
    """A clock source cannot be read; the sensor goes on with a larger sigma."""


class UplinkError(SensorError):
    """The broker cannot be reached or refused; events stay in the outbox."""


class OutboxError(UplinkError):
    """The outbox cannot store or read."""


class WireError(SensorError, ValueError):
    """Bytes that are not a message of our contract."""


class CalibrationError(SensorError):
    """A calibration recording does not allow a figure."""


class ReplayError(SensorError):
    """A replay or an explanation cannot be finished, or not as asked for."""


class CentralError(SensorError):
    """The central side cannot do what was asked."""


class StoreError(CentralError):
    """The record cannot be written or read."""


class NotifyError(CentralError):
    """A receiver of incidents refused or cannot be reached; delivery is retried."""


class ChainError(CentralError):
    """A record's chain of hashes or a signature does not hold."""


class AccessError(CentralError):
    """Somebody asked for what their role may not."""
