"""G18: a record is bound to its key; damage is found on read."""

from __future__ import annotations

import pytest

from weft_core.codec import seal, unseal
from weft_core.errors import CorruptRecordError


def test_a_record_comes_back_under_its_own_key_only_G18():
    record = seal("run/1", b"body")
    assert unseal("run/1", record) == b"body"
    with pytest.raises(CorruptRecordError) as caught:
        unseal("run/2", record)
    assert caught.value.key == "run/2" and "run/2" in str(caught.value)


def test_every_flipped_bit_and_every_truncation_is_found_G18():
    record = seal("k", b"some body")
    for at in range(len(record)):
        for bit in range(8):
            bad = bytearray(record)
            bad[at] ^= 1 << bit
            with pytest.raises(CorruptRecordError):
                unseal("k", bytes(bad))
        with pytest.raises(CorruptRecordError):
            unseal("k", record[:at])


def test_an_empty_body_is_a_body():
    assert unseal("k", seal("k", b"")) == b""
