"""Large results beside the checkpoint: durable before their reference is there, and gone with their run."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import BlobRef, Context, Done, RetryPolicy, activity, activity_info, load_source, workflow
from weft_core.client import Dispatcher
from weft_core.errors import (
    ActivityFailedError,
    ArchiveNotConfiguredError,
    BlobNotFoundError,
    OperationMisuseError,
    PayloadTooLargeError,
    RunFailedError,
    RunFinishedError,
    RunNotFoundError,
)
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "blobs.md"
PART = 256 * 1024


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


def blobs_of(engine: TestEngine) -> list[str]:
    return sorted(k for k in rows_of(engine) if k.startswith("blob/"))


class Shelf:
    def __init__(self) -> None:
        self.kept: list[tuple[str, str, Any]] = []
        self.keys: set[tuple[str, str, str]] = set()

    async def store(self, run_id: str, key: str, data: Any) -> Any:
        self.kept.append((run_id, key, data))
        self.keys.add((run_id, key, activity_info().idempotency_key))
        return f"{run_id}/{key}"


@activity
async def make(size: int) -> bytes:
    return bytes(i % 251 for i in range(256)) * (size // 256)


@activity
async def measure(ref: BlobRef) -> int:
    return len(await activity_info().load(ref))


@workflow
async def large(ctx: Context, size: int) -> list[Any]:
    ref = await ctx.offload(make, size, key="data")
    await ctx.sleep(1)
    measured = await ctx.run(measure, ref)
    own = await ctx.offload(lambda: {"n": size})
    return [ref, measured, await ctx.load(own), own.key]


@pytest.mark.parametrize("size", [0, 512, PART, PART + 256, 5 * PART])
async def test_a_result_is_kept_in_parts_and_its_reference_is_small(size: int) -> None:
    async with TestEngine(workflows=[large]) as engine:
        handle = await engine.start(large, size, id="r")
        await engine.settle()
        assert len(rows_of(engine)["ckpt/r"]) < 2_000
        assert max(len(row) for row in rows_of(engine).values()) < PART + 100
        with pytest.raises(OperationMisuseError):
            await engine._parts.blobs.store(_effect("r"), b"of an attempt that is over")
        await engine.crash_and_recover()
        await engine.advance_time(1)
        ref, measured, own, key = await handle.result()
        assert (measured, own, key) == (size, {"n": size}, "4")
        assert ref.key == "data" and size <= ref.size < size + 50
        assert len(await engine.load_blob(ref)) == size
        assert await engine.load_blob("r", "data") == await engine.load_blob(ref)
        assert '"value": {"n": ' in await Dispatcher(engine).call("load_blob", '{"id": "r", "key": "4"}')
        Invariants().check(rows_of(engine))
        await engine.purge("r")
        assert not blobs_of(engine)
        with pytest.raises(BlobNotFoundError):
            await engine.load_blob(ref)
        with pytest.raises(RunNotFoundError):
            await engine.load_blob("r", "data")


async def test_a_crash_at_every_write_leaves_one_value_and_its_reference() -> None:
    def check(result: Any) -> bool:
        ref, measured, own, key = result
        return (ref.key, measured, own, key) == ("data", 6 * PART, {"n": 6 * PART}, "4") or pytest.fail(str(result))

    report = await assert_survives_every_crash(large, 6 * PART, check=check)
    assert report.writes > 6 and report.repeated_attempts > 0


async def test_a_reference_travels_to_children_and_outlives_its_key() -> None:
    @workflow(name="reader")
    async def reader(ctx: Context, ref: BlobRef) -> Any:
        return await ctx.load(ref)

    @workflow(name="writer")
    async def writer(ctx: Context) -> list[Any]:
        first = await ctx.offload(lambda: "one", key="k")
        second = await ctx.offload(lambda: "two", key="k")
        return [await ctx.child(reader, first), await ctx.child(reader, second), first != second]

    async with TestEngine(workflows=[reader, writer]) as engine:
        assert await (await engine.start(writer, id="w")).result() == ["one", "two", True]
        assert await engine.load_blob("w", "k") == "two"


async def test_a_retried_attempt_leaves_nothing_of_the_one_before_and_a_late_one_stores_nothing() -> None:
    attempts: list[Any] = []

    @activity(timeout="50 ms", retry=RetryPolicy(max_attempts=2, initial_interval=0))
    async def slow() -> bytes:
        attempts.append(activity_info())
        if len(attempts) == 1:
            await asyncio.sleep(10)
        return b"x" * PART

    @workflow(name="patient")
    async def patient(ctx: Context) -> BlobRef:
        return await ctx.offload(slow, key="k")

    async with TestEngine(workflows=[patient], activities=[slow]) as engine:
        ref = await engine.run_to_end(await engine.start(patient, id="p"))
        assert ref.made == "1.2"
        assert blobs_of(engine) == ["blob/p/k/1.2.0000", "blob/p/k/1.2.0001", "blob/p/k/last"]
        stale = engine._parts.blobs.store(_effect("p"), b"late")
        with pytest.raises(RunFinishedError):
            await stale
        assert await engine.load_blob("p", "k") == b"x" * PART


def _effect(run_id: str) -> Any:
    from weft_core.machine.effects import StartAttempt

    return StartAttempt(run_id, "patient", 0, 1, 1, "slow", None, (), None, None, keep="k")


async def test_what_verify_finds_done_is_offloaded_too() -> None:
    @activity(verify=lambda: Done(b"found"), retry=RetryPolicy(max_attempts=3, initial_interval=0))
    async def uncertain() -> bytes:
        await asyncio.Event().wait()
        return b"never"

    @workflow(name="sure")
    async def sure(ctx: Context) -> BlobRef:
        return await ctx.offload(uncertain)

    async with TestEngine(workflows=[sure], activities=[uncertain]) as engine:
        handle = await engine.start(sure)
        await engine.crash()
        await engine.open()
        assert await engine.load_blob(await handle.result()) == b"found"


async def test_G19_what_cannot_be_kept_is_refused_and_the_run_may_catch_it() -> None:
    @activity(retry=RetryPolicy(max_attempts=1))
    async def handed() -> None:
        _ = activity_info().completion_token
        activity_info().complete_later()

    @workflow(name="refused")
    async def refused(ctx: Context) -> list[str]:
        caught = []
        for op in (ctx.offload(make, 4096), ctx.offload(lambda: lambda: 1), ctx.offload(handed)):
            try:
                await op
            except (PayloadTooLargeError, OperationMisuseError) as error:
                caught.append(type(error).__name__)
            except ActivityFailedError as error:
                caught.append(error.facts["error_type"].rpartition(".")[2])
        ref = await ctx.offload(make, 1024)
        try:
            await ctx.load(ref)
        except PayloadTooLargeError:
            caught.append("load it in an activity")
        for wrong in (lambda: ctx.offload(make, 1, key="a/b"), lambda: ctx.load("text")):  # type: ignore[arg-type]
            try:
                wrong()
            except OperationMisuseError as error:
                caught.append(error.facts["operation"])
        return [*caught, await ctx.run(measure, ref)]

    limits = Limits(max_payload_bytes=1000, max_blob_bytes=2000)
    async with TestEngine(workflows=[refused], activities=[handed], limits=limits) as engine:
        handle = await engine.start(refused)
        await engine.advance_time("1 hour")
        assert await handle.result() == [
            "PayloadTooLargeError", "NotSerializableError", "OperationMisuseError", "load it in an activity",
            "the key of a blob", "ctx.load", 1024,
        ]  # fmt: skip


async def test_a_transactional_activity_is_not_offloaded_its_outcome_is_in_its_transaction() -> None:
    @activity(transactional=True)
    def insert(transaction: Any) -> int:
        return 1

    @workflow(name="inserting")
    async def inserting(ctx: Context) -> str:
        try:
            await ctx.offload(insert)
        except OperationMisuseError as error:
            return str(error.facts["operation"])
        return "offloaded"

    async with TestEngine(workflows=[inserting], activities=[insert]) as engine:
        told = await (await engine.start(inserting)).result()
        assert told == "ctx.offload of transactional insert"


async def test_an_archive_is_given_data_under_one_idempotency_key_over_crashes() -> None:
    @workflow(name="archiving")
    async def archiving(ctx: Context) -> list[Any]:
        ref = await ctx.offload(lambda: [1, 2, 3])
        return [await ctx.archive("plain", {"a": 1}), await ctx.archive("blob", ref)]

    shelf = Shelf()
    report = await assert_survives_every_crash(archiving, archive=shelf)
    assert report.result == ["run/plain", "run/blob"]
    assert {key for _, key, _ in shelf.keys} == {"plain", "blob"}
    assert {(key, str(data)) for _, key, data in shelf.kept} == {("plain", "{'a': 1}"), ("blob", "[1, 2, 3]")}


async def test_without_an_archive_the_run_is_told_at_once() -> None:
    @workflow(name="hoping")
    async def hoping(ctx: Context) -> Any:
        return await ctx.archive("k", 1)

    async with TestEngine(workflows=[hoping]) as engine:
        with pytest.raises(RunFailedError) as failed:
            await (await engine.start(hoping)).result()
        assert isinstance(failed.value.__cause__, ArchiveNotConfiguredError)


async def test_a_fork_reads_the_values_of_its_source_and_a_restart_begins_without_any() -> None:
    async with TestEngine(workflows=[large], retain_checkpoints=5) as engine:
        await engine.start(large, 512, id="r")
        fork = await engine.fork("r", id="f")
        await engine.advance_time(1)
        assert (await fork.result())[1] == 512
        await engine.start(large, 0, id="r", on_conflict="restart")
        assert await engine.load_blob("r", "data") == b""
        left = [k for k in blobs_of(engine) if k.startswith("blob/r/")]
        assert len(left) == 2 and left[1] == "blob/r/data/last"


async def test_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    page = load_source("page_blobs", blocks[0])
    scope: dict[str, Any] = {}
    exec(blocks[2], scope)
    shelf = scope["Shelf"]()
    async with TestEngine(workflows=[page.book], archive=shelf) as engine:
        handle = await engine.start(page.book, 100_000, id="b")
        result = await handle.result()
        assert (result["size"], result["receipt"]) == (400_000, "shelf:b/book.pdf")
        assert shelf.kept["b", "book.pdf"] == b"page" * 100_000
        body = "\n".join("    " + line for line in blocks[1].splitlines())
        exec(f"async def look(engine, run_id):\n{body}\n", scope)
        await scope["look"](engine, "b")
