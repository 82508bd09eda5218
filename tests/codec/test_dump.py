"""The file of an export: read in pieces of any size, and any damage to it is found (G18, G19)."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
import zlib
from itertools import pairwise

import pytest

from weft_core.codec.dump import FORMAT, DumpReader, DumpWriter, Header, Trailer
from weft_core.codec.dump.layout import MAGIC, PAGE_BYTES
from weft_core.errors import ExportFileError, ExportVersionError, WeftError
from weft_core.ports import Op

HEADER = Header(store_id="s", store_format=1, generation=2, epoch=3, made_ms=1_767_225_600_000, made_by="a test")
SMALL: list[Op] = [("a/1", b"one"), ("a/2", b""), ("b", b"x" * 60), ("a/1", None), ("ü", b"\xff\x00")]


def written(rows: list[Op], *, compress: bool = True) -> bytes:
    writer = DumpWriter(compress=compress)
    pieces = [writer.begin(HEADER), *(writer.add(*row) for row in rows), writer.end(7)]
    assert writer.size == sum(map(len, pieces))
    return b"".join(pieces)


def read(data: bytes, step: int = 1 << 20) -> tuple[list[Op], Header, Trailer]:
    reader = DumpReader()
    rows = [r for at in range(0, len(data), step) for page in reader.feed(data[at : at + step]) for r in page.rows]
    trailer = reader.finish()
    assert reader.header is not None
    return rows, reader.header, trailer


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_an_export_is_read_as_it_was_written_in_pieces_of_any_size(compress: bool, step: int) -> None:
    data = written(SMALL, compress=compress)
    rows, header, trailer = read(data, step)
    assert (rows, header) == (SMALL, HEADER)
    assert (trailer.rows, trailer.commits) == (len(SMALL), 7)


def test_many_rows_make_many_pages_and_a_long_row_is_a_page_of_its_own() -> None:
    chance = random.Random(1)
    rows: list[Op] = [(f"k/{n:05}", chance.randbytes(20) * chance.randrange(30)) for n in range(3_000)]
    rows.insert(1_000, ("long", bytes(3 * PAGE_BYTES)))
    for compress in (True, False):
        data = written(rows, compress=compress)
        assert read(data, 1000)[0] == rows
    assert len(written(rows)) < len(written(rows, compress=False))


def test_a_file_that_ends_anywhere_too_early_is_refused() -> None:
    data = written(SMALL)
    for end in range(len(data)):
        with pytest.raises(ExportFileError):
            read(data[:end])


def test_every_changed_byte_is_found() -> None:
    for compress in (True, False):
        data = written([*SMALL, ("c", b"compress me " * 40)], compress=compress)
        for at in range(len(data)):
            for change in (0x01, 0x80, 0xFF):
                damaged = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
                with pytest.raises(ExportFileError):
                    read(damaged)


def frames(data: bytes) -> list[bytes]:
    at, found = len(MAGIC) + 2, [len(MAGIC) + 2]
    while at < len(data):
        at += 9 + int.from_bytes(data[at + 1 : at + 5], "big")
        found.append(at)
    return [data[: found[0]], *(data[a:b] for a, b in pairwise(found))]


def test_pages_cannot_be_left_out_doubled_or_put_in_another_order() -> None:
    rows: list[Op] = [(f"k{n}", bytes([n]) * 40_000) for n in range(4)]
    start, header, *pages, end = frames(written(rows, compress=False))
    assert read(b"".join([start, header, *pages, end]))[0] == rows
    for wrong in (
        [header, *pages[1:], end], [header, pages[0], *pages, end], [header, *reversed(pages), end], [*pages, end],
        [header, *pages, end, end], [header, header, *pages, end], [header, *pages, end, b"more"],
        [header, end, *pages],
    ):  # fmt: skip
        with pytest.raises(ExportFileError):
            read(b"".join([start, *wrong]))


def test_a_page_of_another_export_does_not_fit() -> None:
    one, other = (frames(written([("k", value)], compress=False)) for value in (b"mine", b"your"))
    with pytest.raises(ExportFileError, match="trailer does not fit"):
        read(b"".join([*one[:-2], other[-2], one[-1]]))


def test_an_export_of_a_newer_format_is_refused_with_what_to_do() -> None:
    data = written(SMALL)
    newer = MAGIC + (FORMAT + 1).to_bytes(2, "big") + data[len(MAGIC) + 2 :]
    with pytest.raises(ExportVersionError, match="use a newer version") as refused:
        read(newer)
    assert refused.value.facts == {"format": FORMAT + 1, "known": FORMAT}


def sealed(number: int, kind: bytes, body: bytes) -> bytes:
    head = kind + len(body).to_bytes(4, "big")
    return head + body + zlib.crc32(number.to_bytes(4, "big") + head + body).to_bytes(4, "big")


def hostile(kind: bytes, body: bytes) -> bytes:
    """A page that is whole, so that only what is in it can be refused."""
    return frames(written([]))[0] + frames(written([]))[1] + sealed(1, kind, body)


def deflated(plain: bytes, claim: int) -> bytes:
    return claim.to_bytes(4, "big") + zlib.compress(plain, 9)


ROW = b"\x00\x01k\x00\x00\x00\x02v"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"R", b"\x00\x01k\xff\xff\xff\xff"), (b"R", b"\x00"), (b"R", b"\x00\x00\x00\x00\x00\x01"),
        (b"R", b"\x00\x02\xff\xff\x00\x00\x00\x01"), (b"R", b"\x00\x01\x00\x00\x00\x00\x01"), (b"R", ROW * 20_000),
        (b"R", (1025).to_bytes(2, "big") + b"k" * 1025 + bytes(4)),
        (b"Z", b""), (b"Z", b"\x00\x00\x00\x08nothing"), (b"Z", deflated(bytes(50_000_000), 50_000_000)),
        (b"Z", deflated(bytes(50_000_000), 1000)), (b"Z", deflated(ROW, 9)), (b"Z", deflated(ROW, 8) + b"more"),
        (b"E", b"\xc1"), (b"E", b"\x90"), (b"E", b"\x80"), (b"E", b"\x91" * 4000), (b"H", b"\x80"), (b"X", b""),
    ],
)  # fmt: skip
def test_hostile_pages_with_right_checksums_are_refused(kind: bytes, body: bytes) -> None:
    data = hostile(kind, body)
    tracemalloc.start()
    try:
        with pytest.raises(ExportFileError):
            read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4 * len(data) + 1_000_000, "G19: no more than four times what was sent, and a page"


def test_reading_takes_no_more_room_than_four_times_the_input_and_a_page() -> None:
    for rows in ([("k", bytes(8_000_000))], [(f"k{n}", b"") for n in range(60_000)]):
        data = written(list(rows))
        for step in (len(data), 4096):
            tracemalloc.start()
            reader = DumpReader()
            for at in range(0, len(data), step):
                for page in reader.feed(data[at : at + step]):
                    del page
            reader.finish()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak <= 4 * len(data) + 3_000_000


def test_random_damage_never_raises_anything_but_an_error_of_ours() -> None:
    chance = random.Random(5)
    data = written([*SMALL, *((f"k{n}", chance.randbytes(9)) for n in range(50))])
    for _ in range(2_000):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            start = chance.randrange(len(damaged))
            damaged[start : start + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        try:
            rows = read(bytes(damaged), chance.choice((1, 13, 1 << 20)))[0]
        except WeftError:
            continue
        assert hashlib.sha256(damaged).digest() == hashlib.sha256(data).digest(), rows
