"""What ALSA defines and no microphone needs, taken out of this process before PortAudio opens all there is.

To list its devices PortAudio opens every PCM that ALSA's configuration names, for playing and for recording.
Debian's package of plugins (libasound2-plugins) names an encoder to Dolby Digital, ``a52``: opened, it brings
all of FFmpeg's codecs into the process, half of all libraries in it, and they stay. It only plays.
"""

from __future__ import annotations

import ctypes

_LIBRARY = "libasound.so.2"
_ENCODER = "a52"
"""Name of the PCM and of its type."""


def forget_encoders() -> None:
    """Delete the encoder from ALSA's configuration in memory, which PortAudio reads; no file is changed.

    To be called before PortAudio starts, each time: it frees the configuration when it ends. Without ALSA, or
    where its configuration cannot be read, nothing is done: PortAudio itself says what it lacks.
    """
    try:
        alsa = ctypes.CDLL(_LIBRARY)
    except OSError:
        return
    if alsa.snd_config_update() < 0:
        return
    top = ctypes.c_void_p.in_dll(alsa, "snd_config")
    kind, text, pcm = ctypes.c_void_p(), ctypes.c_char_p(), ctypes.c_void_p()
    found = (
        alsa.snd_config_search(top, f"pcm.{_ENCODER}.type".encode(), ctypes.byref(kind)) == 0
        and alsa.snd_config_get_string(kind, ctypes.byref(text)) == 0
        and alsa.snd_config_search(top, f"pcm.{_ENCODER}".encode(), ctypes.byref(pcm)) == 0
    )
    # Whoever gave another thing this name wants to see it.
    if found and text.value == _ENCODER.encode():
        alsa.snd_config_delete(pcm)
