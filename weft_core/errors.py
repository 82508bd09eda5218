"""Every error Weft raises, as one tree. An error is made from facts, and its message says what to do next.

    WeftError                                   code = the class name, facts = what is known, to_json()
    ├── DefinitionError                         a workflow, activity or durable function is declared wrongly
    │   ├── TransformError                      (also SyntaxError) points at the author's line
    │   ├── SourceUnavailableError              a durable function has no readable source
    │   └── DuplicateDefinitionError
    ├── CodecError
    │   ├── NotSerializableError                a live value cannot be written
    │   ├── UnknownTypeError                    bytes name a type that is not allowed or not there
    │   ├── PayloadTooLargeError
    │   ├── CorruptRecordError
    │   └── ExportFileError                     a file is no whole export
    │       └── ExportVersionError              it is one of a newer version
    ├── FrameError
    │   ├── SnapshotError
    │   ├── ForeignAwaitError                   a workflow awaited something that is not a ctx operation
    │   ├── RestoreError
    │   ├── UnknownFunctionError
    │   └── CodeChangedError
    │       └── MigrationError                  a migration was refused, or raised
    ├── StorageError
    │   ├── StorageKeyError, StorageValueError, StorageClosedError, StorageQuotaError
    │   ├── StorageUnavailableError             it does not answer now; nothing was written
    │   │   ├── StorageBlockedError             another tab or process stands in the way
    │   │   └── StorageDeniedError              the browser lets this page keep nothing
    │   ├── StorageOpenError, StorageCorruptError   the store cannot be opened / is damaged as a whole
    │   ├── StorageCapabilityError              the store cannot give what the engine needs
    │   ├── StoreNotEmptyError                  an import would lose what is in it
    │   └── CommitUnknownError                  a commit may or may not have happened
    ├── EngineError
    │   ├── EngineFencedError, EngineClosedError, EngineDegradedError
    │   ├── TailOverflowError                   events were asked for that the engine-wide feed keeps no longer
    │   ├── TransferNotFoundError               an export or import was begun elsewhere, or is over
    │   ├── IndexesNotReadyError                a store of an earlier version cannot be searched yet
    │   └── OperationMisuseError                an operation was used in a way it cannot be
    ├── RunError
    │   ├── WorkflowNotRegisteredError          (and VersionNotRegisteredError below it)
    │   ├── RunNotFoundError, RunExistsError, RunFinishedError, RunNotFinishedError
    │   ├── InvalidInputError                   (and InvalidAttributeError, InvalidFilterError below it)
    │   │   └── PlacementError                  the run belongs on a server, and cannot be started here
    │   ├── IdempotencyKeyConflictError, IdempotencyKeyPurgedError
    │   ├── BulkConfirmationError, BulkScopeError, BulkDeleteUnfinishedError
    │   ├── SignalNotDeclaredError, QueryNotFoundError
    │   ├── LimitExceededError
    │   │   └── WorkflowConcurrencyLimitExceededError
    │   ├── CompletionTokenNotFoundError, CompletionTokenUsedError, InterceptorRefusedError
    │   ├── ScheduleNotFoundError, ScheduleExistsError, QueueNotDeclaredError
    │   ├── ServiceNotFoundError, ServicesUnavailableError
    │   ├── StartOrSignalConflictError, ReviewNotFoundError, ReviewDecidedError
    │   ├── UpdateNotDeclaredError, UpdateNotFoundError
    │   ├── UpdateRejectedError                 the workflow answered an update with an error
    │   │   └── UpdateValidationError           its validator refused it, and nothing was written
    │   ├── UpdateTimeoutError                  accepted, and not answered yet
    │   ├── CheckpointNotFoundError, RunNotParkedError, EditError     fork, rewind, edit, skip
    │   ├── RunMovedError                       another engine owns the run, or it is on its way there
    │   ├── HandoffRefusedError                 the run cannot travel, or the other engine does not take it
    │   ├── EnvelopeDamagedError                bytes that are no run on its way, or not a whole one
    │   ├── HandoffUnansweredError              the other engine was not reached, or did not say
    │   │   └── HandoffDeniedError              it does not let this engine in
    │   ├── LoopingRunError                     code of a run computed for too long without a pause, and was stopped
    │   └── RunFailedError, RunCancelledError, RunHeldError,
    │       RunTimedOutError, RunTerminatedError                 what handle.result() raises
    ├── OutcomeError                            raised inside a workflow by an awaited operation
    │   ├── ActivityFailedError, ActivityInterruptedError, ActivityIndeterminateError, ActivityNotRegisteredError
    │   ├── ActivityTimeoutError                (and ActivityTotalTimeoutError, ActivityHeartbeatTimeoutError below it)
    │   │   └── ActivityLoopingError                it computed for too long without a pause, and was stopped
    │   ├── OperationSkippedError               somebody answered it by hand
    │   ├── RetryLater                          raised by an activity: try me again then
    │   └── SignalTimeoutError, WaitTimeoutError, ScopeTimeoutError, ReviewTimeoutError,
    │       ArchiveNotConfiguredError, BlobNotFoundError,
    │       AtomicStateConflictError             a value was changed by others, again and again
    └── TestingError                            of weft_core.testing
        ├── RunStuckError                       no time that passes will bring the run to its end
        ├── MockUnansweredError                 a mock was called before it was told what to answer
        └── ChaosError                          a fault of with_chaos; final
            └── ChaosTransientError             worth another attempt
                └── ChaosTimeoutError           the effect took place, its answer was lost

``RunCancelled``, ``Evict``, ``CompleteLater`` and ``ComputedTooLong`` are control flow: they derive from BaseException
so that ``except Exception`` in a workflow or activity does not swallow them.
"""

from __future__ import annotations

from typing import Any, ClassVar


class WeftError(Exception):
    """Base of all errors. Facts are keyword arguments; they become attributes and ``facts``."""

    template: ClassVar[str] = ""

    def __init__(self, message: str | None = None, /, **facts: Any) -> None:
        self.facts: dict[str, Any] = facts
        self.__dict__.update(facts)
        super().__init__(message if message is not None else self.describe())

    @property
    def code(self) -> str:
        """Stable name for programs: the class name. What came over the wire and has no class here keeps its own."""
        cls = type(self)
        return str(self.facts.get("code", cls.__name__)) if cls is WeftError else cls.__name__

    def describe(self) -> str:
        """Make the message from the facts."""
        return self.template.format_map(_Facts(self.facts)) if self.template else type(self).__name__

    def to_json(self) -> dict[str, Any]:
        """A JSON-safe form: code, message, and the facts as text where they are not plain."""
        return {"code": self.code, "message": str(self), "facts": {k: _plain(v) for k, v in self.facts.items()}}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), str(self), self.facts))


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value)


def _rebuild(cls: type[WeftError], message: str, facts: dict[str, Any]) -> WeftError:
    return cls(message, **facts)


def is_weft_error(error: object) -> bool:
    """True for an instance of :class:`WeftError`."""
    return isinstance(error, WeftError)


def is_weft_error_like(error: object) -> bool:
    """True also for what crossed a process border: a JSON dict or object with a ``code`` and a ``message`` of ours.

    Never for control flow (``RunCancelled``): it is not to be handled as a failure.
    """
    if isinstance(error, BaseException) and not isinstance(error, Exception):
        return False
    if isinstance(error, WeftError):
        return True
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
    else:
        code, message = getattr(error, "code", None), getattr(error, "message", None)
        message = str(error) if message is None and isinstance(error, Exception) else message
    return isinstance(code, str) and isinstance(message, str) and code in public_errors()


def error_from_json(data: Any) -> WeftError:
    """The error that :meth:`WeftError.to_json` made ``data`` of: its class, message and facts.

    A code that has no class here, of a later version or of an author's error, makes a ``WeftError`` that keeps it.
    ``InvalidInputError``: it is no error at all.
    """
    if not isinstance(data, dict) or not isinstance(data.get("code"), str):
        raise InvalidInputError(call="error_from_json", reason=f"{str(data)[:200]} is no error")
    code, message, facts = data["code"], str(data.get("message", data["code"])), data.get("facts")
    cls = public_errors().get(code, WeftError)
    # Facts become attributes: from outside they must not hide methods.
    facts = facts if isinstance(facts, dict) else {}
    kept = {str(k): v for k, v in facts.items() if not callable(getattr(cls, str(k), None))}
    if cls is not WeftError:
        try:
            return cls(message, **kept)
        except Exception:  # facts that its constructor cannot read
            pass
    return WeftError(message, **kept if code == "WeftError" else {**kept, "code": code})


# ------------------------------------------------------------------ control flow


class RunCancelled(BaseException):
    """Raised at the suspension point of a cancelled run or branch (G13); ``finally`` blocks run and may await."""


class Evict(BaseException):
    """Private: thrown into a frame to drop it from memory; generated code lets it pass without running author code."""


class CompleteLater(BaseException):
    """Private: ``activity_info().complete_later()`` ends an activity with it; its outcome will come from outside."""


class ComputedTooLong(BaseException):
    """Raised by the host's guard in author's code that has run for too long without a pause."""

    def __init__(self, seconds: float = 0, where: str = "an unknown place") -> None:
        super().__init__(f"computed for {seconds} s without a pause, at {where}")
        self.seconds, self.where = seconds, where


# ------------------------------------------------------------------ definitions


class DefinitionError(WeftError):
    """A definition is wrong; raised where it is declared or registered."""


class TransformError(DefinitionError, SyntaxError):
    """The source of a durable function holds something that cannot be checkpointed.

    Raised when the function is decorated. It is a SyntaxError too, so that editors, tracebacks and pytest show the
    author's line with the construct underlined. ``column`` and ``end_column`` count from 0, in UTF-8 bytes, as in
    ``ast``; ``reason`` is a short stable word for programs.
    """

    def __init__(self, message: str, /, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.msg = message
        self.filename = facts.get("filename")
        self.lineno = facts.get("lineno")
        self.text = facts.get("text")
        self.offset = _character(self.text, facts.get("column"))
        self.end_lineno, end_column = facts.get("end_lineno"), facts.get("end_column")
        if self.text is not None and self.end_lineno is not None and self.end_lineno != self.lineno:
            # Printers show one line: underline to its end. The facts have the true end.
            self.end_lineno, end_column = self.lineno, len(self.text.rstrip().encode())
        self.end_offset = _character(self.text, end_column)

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "message": self.msg}  # to its text, SyntaxError adds file and line

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.msg, self.facts))


def _character(line: str | None, column: int | None) -> int | None:
    """A SyntaxError counts characters from 1, a syntax tree bytes from 0."""
    if column is None:
        return None
    return column + 1 if line is None else len(line.encode()[:column].decode("utf-8", "ignore")) + 1


class SourceUnavailableError(DefinitionError):
    template = "durable functions are compiled from source, but that of {function} ({filename}) {problem}; {remedy}"


class DuplicateDefinitionError(DefinitionError):
    template = "{kind} {name!r} is registered twice with different code; give one of them another name or version"


# ------------------------------------------------------------------ codec and frames


class CodecError(WeftError):
    """A value cannot be turned into bytes, or bytes into a value."""


class NotSerializableError(CodecError, TypeError):
    """A live value cannot be written.

    Facts: ``reason``, ``type``, ``remedy``; inside a checkpoint also ``function``, ``filename``, ``line``, ``source``
    (the waiting line), ``variable`` and ``path`` (from the variable to the value, as an expression).
    """

    def describe(self) -> str:
        facts = self.facts
        lines = [str(facts.get("reason", "a value cannot be written"))]
        if facts.get("function"):
            lines.insert(0, f"{facts['function']}, {facts.get('filename')}:{facts.get('line')}: {facts.get('source')}")
        if facts.get("where"):
            lines.append(f"  at: {facts['where']}")
        if facts.get("remedy"):
            lines.append(f"  fix: {facts['remedy']}")
        return "\n".join(lines)


class UnknownTypeError(CodecError):
    """Bytes name a type, function or module that is not allowed here, is not there, or no longer fits them."""


class CorruptRecordError(CodecError):
    """A record is damaged: wrong format, wrong checksum, or bytes that no encoder writes (G18)."""

    template = "record {key!r} cannot be read: {reason}. It is left as it is; restore it from a backup or purge it"


class ExportFileError(CodecError):
    """A file is no export, or not the whole of one, or not as it was written. Nothing of it was taken over."""

    template = "this is not a whole export of a store: {reason} (at byte {offset}). Take another copy of it"


class ExportVersionError(ExportFileError):
    """An older Weft cannot read what a newer one wrote. Facts: ``format`` of the file, the newest that is ``known``."""

    template = "the export has format {format}, this version of Weft knows formats up to {known}: use a newer version"


class FrameError(WeftError):
    """A suspended function cannot be stored or resumed."""


class SnapshotError(FrameError):
    """A suspended function cannot be stored at this moment."""


class ForeignAwaitError(SnapshotError):
    """A workflow awaits something that is not a ctx operation; it would not survive a crash."""


class RestoreError(FrameError):
    """A checkpoint cannot be resumed."""


class UnknownFunctionError(RestoreError):
    """A checkpoint names a durable function that is not registered."""


class CodeChangedError(RestoreError):
    """The code no longer has the place where a checkpoint stands, or needs variables it does not hold (G16).

    Facts: ``function``, ``old`` (the suspension point), ``line`` (then), ``missing`` (variables), ``old_code`` and
    ``code`` (fingerprints of the function then and now), as far as they are known.
    """


class MigrationError(CodeChangedError):
    """A migration raised, or what it made of a run does not fit today's code. The run is held as it was."""

    template = "run {run_id!r} of {workflow} cannot be migrated from version {version!r} to {to_version!r}: {reason}"


# ------------------------------------------------------------------ storage


class StorageError(WeftError):
    """A store failed; nothing is known to be lost unless the subclass says so."""


class StorageKeyError(StorageError):
    template = "storage key refused: {reason}; keys are non-empty text of at most {limit} UTF-8 bytes without NUL"


class StorageValueError(StorageError):
    template = "storage value of key {key!r} refused: it is a {type}; values are bytes"


class StorageOpenError(StorageError):
    template = "cannot open {path} as a {store} store: {reason}; {remedy}"


class StorageCorruptError(StorageError):
    template = "the {store} store at {path} is damaged ({reason}); keep a copy of the file, then restore a backup of it"


class StorageClosedError(StorageError):
    template = "this {store} store has been closed; open a new one"


class StorageUnavailableError(StorageError):
    template = "the {store} store does not answer ({reason}); nothing was written, the call may be repeated"


class StorageBlockedError(StorageUnavailableError):
    template = (
        "the {store} store does not open ({reason}): another tab, perhaps of an older build, keeps it from opening; "
        "close the other tabs of this site"
    )


class StorageDeniedError(StorageUnavailableError):
    template = (
        "the browser lets this page keep nothing in {store} ({reason}): a private window, or blocked site data; "
        "allow site data, or open the page in an ordinary window"
    )


class StorageQuotaError(StorageError):
    template = "the {store} store is full ({reason}); free space, runs wait at their last checkpoint"


class StorageCapabilityError(StorageError):
    template = "the {store} store lacks {capability}, which the engine needs: {remedy}"


class StoreNotEmptyError(StorageError):
    template = "the store is not empty: it has {key!r}. Import into a new one, or replace all that is in it (replace)"


class CommitUnknownError(StorageError):
    template = "a commit to the {store} store was interrupted ({reason}); it may or may not have happened: read back"


# ------------------------------------------------------------------ engine


class EngineError(WeftError):
    """The engine itself cannot do what was asked."""


class EngineFencedError(EngineError):
    template = (
        "another engine has taken over this store (our epoch {epoch}); this engine has stopped and wrote nothing more. "
        "Use the other one, or open this store again to take it back"
    )


class EngineClosedError(EngineError):
    template = "the engine is {state}; use it inside `async with Engine(...)`"


class EngineDegradedError(EngineError):
    template = "the engine has stopped stepping because its store fails ({reason}); runs wait at their last checkpoint"


class TailOverflowError(EngineError):
    template = (
        "the events after {cursor!r} are no longer in the feed, which keeps those of the last "
        "`Limits.feed_commits` commits and begins at {oldest!r} now; read the runs' histories, then go on from there"
    )


class TransferNotFoundError(EngineError):
    """Its engine has stopped, another one was begun, or it was left for too long. Nothing was taken over."""

    template = "no export or import {transfer!r} is under way here; begin it again"


class IndexesNotReadyError(EngineError):
    template = (
        "this store was written before there were indexes, and cannot be searched yet; open it with an engine, which "
        "builds them while it works. Runs can be listed without filters meanwhile"
    )


class OperationMisuseError(EngineError):
    template = "{operation}: {reason}"


# ------------------------------------------------------------------ runs


class RunError(WeftError):
    """A call names a run or workflow that does not fit."""


class WorkflowNotRegisteredError(RunError):
    template = "workflow {workflow!r} is not registered with this engine; registered: {registered}"


class VersionNotRegisteredError(WorkflowNotRegisteredError):
    template = (
        "version {version!r} of workflow {workflow!r} is not registered with this engine; registered: {registered}. "
        "Register it again, or say how its runs go on: @{workflow}.migrate(from_version={version!r})"
    )


class RunNotFoundError(RunError):
    template = "there is no run {run_id!r} in this store"


class RunExistsError(RunError):
    template = "a run with id {run_id!r} exists ({status}); use another id, or an idempotency_key for the same run"


class RunFinishedError(RunError):
    template = "run {run_id!r} is already {status}; {action} changes nothing"


class RunNotFinishedError(RunError):
    template = "run {run_id!r} is {status}; {action} is for runs that have finished. {remedy}"

    @classmethod
    def of(cls, run_id: str, status: str) -> RunNotFinishedError:
        """A purge is refused."""
        stopped = status in ("held", "dead")
        remedy = "Pass force=True to remove it all the same" if stopped else "Cancel it first"
        return cls(run_id=run_id, status=status, action="purging", remedy=remedy)


class InvalidInputError(RunError):
    template = "{call}: {reason}"


class PlacementError(InvalidInputError):
    template = "runs of {workflow!r} are made on a server only, and this one cannot be started here: {reason}"


class InvalidAttributeError(InvalidInputError):
    template = (
        "search attribute {attribute!r} takes {expected}, not {value} of type {type}; "
        "nothing was written. None removes an attribute"
    )


class InvalidFilterError(InvalidInputError):
    template = "the filter {filter!r} cannot be used: {reason}"


class IdempotencyKeyConflictError(RunError):
    template = "idempotency key {key!r} belongs to run {run_id!r}, which was started with another workflow, input or id"


class IdempotencyKeyPurgedError(RunError):
    template = "idempotency key {key!r} belonged to run {run_id!r}, which has been purged; use a new key"


class BulkConfirmationError(RunError):
    template = "bulk_{verb} is not confirmed: {reason}. Nothing was done; look at a new plan (dry_run=True)"


class BulkScopeError(RunError):
    template = (
        "bulk_{verb} without a filter, or with wide ones alone (status, failure, times, an id_prefix of one or two "
        "characters), may be for every run of the store; narrow it, for example with workflow=, or pass all=True"
    )


class BulkDeleteUnfinishedError(RunError):
    template = (
        "{unfinished} of the {matched} runs that match have not finished ({sample_ids}); nothing was deleted. Cancel "
        "them first, or add a status= to the filters"
    )


class ServiceNotFoundError(RunError, KeyError, AttributeError):
    template = (
        "there is no service {service!r} here; there are {available}. Give it: Engine(services=) or start(services=)"
    )

    def __str__(self) -> str:  # a KeyError shows the repr of its message
        return self.args[0] if self.args else self.code


class ServicesUnavailableError(RunError):
    template = (
        "run {run_id!r} was started with services of its own, which are not to be had: {reason}. It waits at its last "
        "checkpoint; give Engine(resolve_services=) and resume it"
    )


class SignalNotDeclaredError(RunError):
    template = "workflow {workflow!r} declares no signal {signal!r}; declared: {declared}"


class QueryNotFoundError(RunError):
    template = "run {run_id!r} answers no query {query!r}; it answers: {available}"


class CompletionTokenNotFoundError(RunError):
    template = (
        "nothing waits for this completion token: it is unknown, its activity has ended otherwise (timeout, "
        "cancellation, another answer), or its run was purged"
    )


class CompletionTokenUsedError(RunError):
    template = "this completion token of run {run_id!r} has been used, with another outcome; a token answers once"


class ScheduleNotFoundError(RunError):
    template = "there is no schedule {schedule!r} in this store"


class ScheduleExistsError(RunError):
    template = "a schedule with id {schedule!r} exists and says something else; update it, or use another id"


class QueueNotDeclaredError(RunError):
    template = "queue {queue!r} is not declared with this engine; declared: {declared}. Pass it in Engine(queues=[...])"


class StartOrSignalConflictError(RunError):
    template = "run {run_id!r} {reason}: it can be neither started nor signalled; nothing was written. Use another id"


class ReviewNotFoundError(RunError):
    template = "there is no review {review_id!r} in this store"


class ReviewDecidedError(RunError):
    template = "review {review_id!r} is already {how}; nothing was changed"


class UpdateNotDeclaredError(RunError):
    template = "workflow {workflow!r} answers no update {update!r}; it answers: {declared}"


class UpdateNotFoundError(RunError):
    template = "run {run_id!r} has accepted no update with id {update_id!r}; send it"


class UpdateRejectedError(RunError):
    """The answer is an error: ``__cause__`` is the author's own, where that could be stored."""

    template = "run {run_id!r} rejected update {update!r} ({update_id}): {error_type}: {error_message}"


class UpdateValidationError(UpdateRejectedError):
    """``__cause__`` is what the validator raised."""

    template = "update {update!r} is not valid for run {run_id!r}: {error_type}: {error_message}. Nothing was written"


class UpdateTimeoutError(RunError, TimeoutError):
    template = (
        "run {run_id!r} has accepted update {update!r} and did not answer it within {timeout_ms} ms. It is durable; "
        "ask again with update_id={update_id!r}, or read it with get_update({run_id!r}, {update_id!r})"
    )


class InterceptorRefusedError(RunError):
    template = "{call} was refused by an interceptor: {reason}"


class LimitExceededError(RunError):
    template = "{what} is {actual}, over the limit of {limit}; nothing was written"


class WorkflowConcurrencyLimitExceededError(LimitExceededError):
    template = (
        "{what} has as many runs as may go on at once ({limit}); nothing was started. Start it when one has ended, or "
        'let it wait: Concurrency(on_limit="queue")'
    )


class PayloadTooLargeError(CodecError, LimitExceededError):
    template = "{what} is {actual} bytes, over the limit of {limit}; nothing written. Keep it elsewhere, pass its id"


class RunFailedError(RunError):
    template = "run {run_id!r} of {workflow} failed: {error_type}: {error_message}"


class RunCancelledError(RunError):
    template = "run {run_id!r} was cancelled{reason}"


class RunTimedOutError(RunError, TimeoutError):
    template = "run {run_id!r} was still running at its execution timeout and has been ended"


class RunTerminatedError(RunError):
    template = "run {run_id!r} was terminated{reason}"


class LoopingRunError(RunError):
    """``what`` of the run ran for so long that the host's guard stopped it. The run is held at the checkpoint before
    that until its durable functions have changed (``source`` names those it looped with) or it is resumed."""

    template = (
        "{what} of run {run_id!r} computed for {seconds} s without a pause, at {where}, and was stopped: nothing else "
        "can run meanwhile. {remedy}. Give the loop an end or an await; docs/browser-loops.md tells how to change the "
        "limit"
    )


class RunHeldError(RunError):
    template = "run {run_id!r} is held: {reason}. Nothing is lost; give the engine the code it needs and reopen it"


class CheckpointNotFoundError(RunError):
    template = (
        "run {run_id!r} has no checkpoint at step {step}; there are: {retained}. Runs retain checkpoints if they are "
        "started with @workflow(retain_checkpoints=10) or Engine(retain_checkpoints=10)"
    )


class RunNotParkedError(RunError):
    template = "run {run_id!r} is {status}, and {action} needs a run that stands still; {remedy}"


class RunMovedError(RunError):
    template = "run {run_id!r} is {status}; speak to its owner: {owner}"


class HandoffRefusedError(RunError):
    template = "run {run_id!r} cannot be handed off: {reason}"


class EnvelopeDamagedError(RunError):
    template = "these bytes are no run on its way: {reason}. Send it again"


class HandoffUnansweredError(RunError):
    template = "{url} gave no answer about the run: {reason}. It is asked again"


class HandoffDeniedError(HandoffUnansweredError):
    template = "{url} does not let this engine in (HTTP {status}): give it a token that opens it. It is asked again"


class EditError(RunError):
    """An edit or a skip was refused; nothing was written."""

    template = "run {run_id!r} is left as it is: {reason}"


# ------------------------------------------------------------------ outcomes seen inside a workflow


class OutcomeError(WeftError):
    """What an awaited operation raises in a workflow when it did not succeed."""


class ActivityFailedError(OutcomeError):
    template = "activity {activity!r} failed: {error_type}: {error_message}"


class ActivityTimeoutError(OutcomeError, TimeoutError):
    template = "activity {activity!r} took longer than its timeout of {timeout_ms} ms (attempt {attempt})"


class ActivityTotalTimeoutError(ActivityTimeoutError):
    """All attempts and the waits between them did not succeed in time. Fact ``last_error``: text, if one had failed."""

    def describe(self) -> str:
        last = self.facts.get("last_error")
        told = "activity {activity!r} did not succeed within its total_timeout of {timeout_ms} ms (attempt {attempt})"
        return told.format_map(_Facts(self.facts)) + (f"; the last error was {last}" if last else "")


class ActivityHeartbeatTimeoutError(ActivityTimeoutError):
    template = "activity {activity!r} gave no heartbeat for {timeout_ms} ms (attempt {attempt})"


class ActivityLoopingError(ActivityTimeoutError):
    """It ran for so long that the host's guard stopped it, which it would be again: it is not tried again."""

    template = (
        "activity {activity!r} computed for {seconds} s without a pause, at {where}, and was stopped (attempt "
        "{attempt}): nothing else can run meanwhile, so it is not tried again. Give it an `await asyncio.sleep(0)` "
        "now and then; docs/browser-loops.md says how to change the limit"
    )
    non_retryable = True


class RetryLater(OutcomeError):
    """Raised by an activity that knows when to try again: ``RetryLater("rate limited", after="30 s")``.

    ``after`` is a duration; the wait is durable and stands in for that of the retry policy. The attempt counts.
    """

    template = "asked to be tried again after {after}"


class ActivityIndeterminateError(OutcomeError):
    template = (
        "whether attempt {attempt} of activity {activity!r} took effect cannot be told ({reason}), and it is not "
        "repeated. Find out by hand, or let verify say so"
    )


class ActivityInterruptedError(OutcomeError):
    template = (
        "activity {activity!r} was cut off by a crash in attempt {attempt}; whether it took effect is unknown. It is "
        "attempted again as often as max_attempts says"
    )


class ActivityNotRegisteredError(OutcomeError):
    template = "activity {activity!r} is not registered with this engine; pass it in Engine(activities=[...])"


class ScopeTimeoutError(OutcomeError, TimeoutError):
    template = "the time of this ctx.timeout() scope was over before its block was"


class OperationSkippedError(OutcomeError):
    template = "{operation} was skipped by hand: {reason}"


class ArchiveNotConfiguredError(OutcomeError):
    template = "there is no archive for {key!r}; give one: Engine(archive=...)"
    non_retryable = True


class BlobNotFoundError(OutcomeError):
    template = "run {run_id!r} has no blob {key!r}; it was never stored, or was purged with its run"
    non_retryable = True


class AtomicStateConflictError(OutcomeError):
    template = (
        "{scope} state {key!r} was changed by others each of {attempts} times that it was read and set; it is as they "
        "left it. Try again later, or use increment() or append(), which do not conflict"
    )


class SignalTimeoutError(OutcomeError, TimeoutError):
    template = "no signal {signal!r} came within {timeout_ms} ms"


class ReviewTimeoutError(OutcomeError, TimeoutError):
    template = "nobody decided review {review_id!r} within {timeout_ms} ms"


class WaitTimeoutError(OutcomeError, TimeoutError):
    template = "{timeout_ms} ms passed before {what}"


# ------------------------------------------------------------------ of the testing kit


class TestingError(WeftError):
    """What the testing kit raises."""

    __test__ = False  # not a test class, whatever pytest thinks of the name


class RunStuckError(TestingError):
    template = (
        "run {run_id!r} has not finished, and nothing that is due before {until} can move it. It waits for "
        "{waiting_for}. Send what it waits for, or let more time pass (limit=)"
    )


class MockUnansweredError(TestingError):
    template = "the mock of activity {activity!r} has no answer: use returns(), raises() or replace()"
    non_retryable = True


class ChaosError(TestingError):
    template = "simulated failure of activity {activity!r} in attempt {attempt}"
    non_retryable = True


class ChaosTransientError(ChaosError):
    template = "simulated passing failure of activity {activity!r} in attempt {attempt}"
    non_retryable = False


class ChaosTimeoutError(ChaosTransientError, TimeoutError):
    template = "simulated timeout of activity {activity!r} in attempt {attempt}; it took effect, its answer is lost"


def public_errors() -> dict[str, type[WeftError]]:
    """All error classes by code."""
    found: dict[str, type[WeftError]] = {}
    todo: list[type[WeftError]] = [WeftError]
    while todo:
        cls = todo.pop()
        found[cls.__name__] = cls
        todo.extend(cls.__subclasses__())
    return found
