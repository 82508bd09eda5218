"""Values and records to bytes and back."""

from weft_core.frames._codec_interim import Decoder, Encoder, register

from .records import seal, unseal


def dumps(value, *, externals=None):
    """Bytes of a value."""
    return Encoder(externals).document(value)


def loads(data, *, externals=None):
    """The value of bytes made by dumps."""
    return Decoder(data, externals).document()


def allow_module(name):
    """Classes and functions of this module may be named by stored bytes."""


__all__ = ["allow_module", "dumps", "loads", "register", "seal", "unseal"]
