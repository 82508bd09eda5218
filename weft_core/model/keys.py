"""The layout of a store: one function for each kind of record.

    meta/store            who this store is                 run/<id>              header of a run
    meta/owner            epoch and number of last commit   ckpt/<id>             its checkpoint, while unfinished
    code/<hash>           source a run was driven with      chunk/<id>/<c>.<n>    part of a large value in it
    inbox/<id>            left by others for the owner      log/<id>/<seq>        events of one turn
    past/<id>/<step>      a retained checkpoint of it
    idem/<key>            idempotency key -> run            mail/<id>/<seq>       a buffered signal
    active/<id>           an attempt is in flight           mail-id/<id>/<sid>    a signal id that was accepted
    timer/<deadline>/<id>/<task>.<step>                     child/<parent>/<id>   an unfinished child and its policy
    post/<id>/<post>      on its way to a run               ask/<kind>/<name>/<post>  on its way to a shared object
    spawn/<id>/<post>     a child that a run asked for      closing/<id>/<created>  tell its children
    shared/<kind>/<name>  a lock, a shared value, ...       token/<id>/<hash>     a completion token: step, and answer
    ended/<workflow>/<status>/<finished>/<id>               finished runs, oldest first, where a retention may apply
    meta/ended             how far those rows are complete  purging/<id>          a run that is being removed
    spent/<until>/<key>    a spent key may be forgotten     audit/<time>/<op>     what a bulk operation did
    bulk/<op>/<page>       runs it has still to deal with
    feed/<n>                                                where the events of the n-th commit that had any are
    schedule/<sid>                  a schedule              slog/<sid>/<n>        its log, the last entries of it
    timer/<deadline>//s:<sid>       when it is due next     (no run has the empty id)
    state/<id>/<key>      a durable value of a run (ctx.state.execution)
    blob/<id>/<key>/<step>.<attempt>.<part>  part of an offloaded result      blob/<id>/<key>/last  names the last one
    stream/<id>/<name>/<seq>  entries of a stream that were committed together, the first of this number
    update/<id>/<uid>     an update and its answer          answers/<id>          query handlers of a finished run
    review/<id>/<step>    what people are asked             review-open/<requested>/<id>/<step>   not decided yet
    line/<kind>/<name>/<n>  a page of who waits for it
    queue/<name>          paused or not, and how much of its rate is used up
    forming/<verb>/<workflow>/<key>   the run that later calls with the key add to: it has not begun
    handoff/<id>          who owns a run that has moved or has come here; outlives it
    moving/<id>           its handoff is not over: something is to be done or to be asked
    outbox/<id>/<n>       a message for a run that another engine has
    meta/index            which index rows are there        by-.../<created>/<id> an index row, empty
    meta/exported         when the store was last exported  meta/restored         what it was imported from
    meta/doubted          for which import the runs were held that may have been handed off since
    incoming/<n>          a page of an import, not in its place yet               incoming/! says how far the import is

Index rows (``machine/index.py`` says which of them a run has; all but the first come and go with what they name):
    by-time/                          by-state/<status>/<workflow>/
    by-finished/<finished>/           by-deadline/<deadline>/
    by-failure/<code>/                by-tag/<tag>/
    by-parent/<run id>/               by-schedule/<schedule id>/
    by-attribute/<name>/<value as machine/ordered.py writes it>

Numbers are fixed-width hexadecimal, so that the order of keys is the order of numbers.
"""

from __future__ import annotations

STORE = "meta/store"
OWNER = "meta/owner"
INDEX = "meta/index"
EXPORTED = "meta/exported"
RESTORED = "meta/restored"
DOUBTED = "meta/doubted"
INCOMING = "incoming/"
IMPORT = "incoming/!"
"""Before every page of the import in the order of keys."""
RUNS = "run/"
TIMERS = "timer/"
RETRY = b"r"
"""What the record of a timer holds that a failed attempt waits for; that of any other holds nothing."""
ACTIVE = "active/"
CHECKPOINTS = "ckpt/"
INBOX = "inbox/"
IDEMPOTENCY = "idem/"
BY_TIME = "by-time/"
BY_STATE = "by-state/"
BY_FINISHED = "by-finished/"
BY_DEADLINE = "by-deadline/"
REVIEWS = "review/"
OPEN_REVIEWS = "review-open/"
ENDED = "ended/"
ENDED_STATE = "meta/ended"
PURGING = "purging/"
SPENT = "spent/"
AUDIT = "audit/"
BULK = "bulk/"
FEED = "feed/"
QUEUES = "queue/"
MOVING = "moving/"
OUTBOX = "outbox/"

# What becomes of a run's records when it is purged (machine/purging.py): every function here that takes a run id makes
# keys of a kind named in one of these.
ONE_OF_A_RUN = ("ckpt", "active", "answers")
"""Kinds of records of which a run has one, ``<kind>/<run id>``, that go with it."""
MANY_OF_A_RUN = ("blob", "chunk", "log", "mail", "mail-id", "past", "review", "state", "stream", "token", "update")
"""Kinds of records of which a run has any number, ``<kind>/<run id>/...``, that go with it."""
INDEXES = ("timer", "by-time", "ended", "review-open")
"""Kinds whose rows name a run behind something else; they are derived from its record, or looked for."""
SEARCHES = (
    "by-state", "by-finished", "by-deadline", "by-failure", "by-tag", "by-parent", "by-schedule", "by-attribute",
)  # fmt: skip
"""Further kinds of that sort, whose rows end with the id of their run: what ``machine/index.py`` makes of a record."""
ON_THEIR_WAY = ("post", "spawn", "closing", "child", "outbox")
"""Kinds that end by themselves soon after the run: what was left for it or by it is acted on, or refused."""
OUTLIVING = ("handoff", "moving")
"""What remembers that a run was here, so that an old message does not bring it again."""
OF_PURGING = ("run", "purging")
"""The record that makes a run visible, and the one that says that its others are being removed."""
SCHEDULES = "schedule/"


def run(run_id: str) -> str:
    return f"run/{run_id}"


def checkpoint(run_id: str) -> str:
    return f"ckpt/{run_id}"


def chunk(run_id: str, container: int, number: int) -> str:
    return f"chunk/{run_id}/{container:x}.{number:x}"


def chunk_prefix(run_id: str) -> str:
    return f"chunk/{run_id}/"


def parse_chunk(key: str) -> tuple[int, int]:
    """(container, number) of a chunk's key."""
    container, number = key.rpartition("/")[2].split(".")
    return int(container, 16), int(number, 16)


def past(run_id: str, step: int) -> str:
    return f"past/{run_id}/{step:012x}"


def past_prefix(run_id: str) -> str:
    return f"past/{run_id}/"


def parse_past(key: str) -> int:
    """The step of a retained checkpoint."""
    return int(key.rpartition("/")[2], 16)


def log(run_id: str, seq: int) -> str:
    return f"log/{run_id}/{seq:012x}"


def log_prefix(run_id: str) -> str:
    return f"log/{run_id}/"


def mail(run_id: str, seq: int) -> str:
    return f"mail/{run_id}/{seq:012x}"


def mail_prefix(run_id: str) -> str:
    return f"mail/{run_id}/"


CAME_WITH_START = b"started"
"""The value of ``mail-id/`` for a signal that was accepted in the batch that started its run."""


def mail_id(run_id: str, signal_id: str) -> str:
    return f"mail-id/{run_id}/{signal_id}"


def state(run_id: str, key: str) -> str:
    return f"state/{run_id}/{key}"


def state_prefix(run_id: str) -> str:
    return f"state/{run_id}/"


def blob(run_id: str, key: str, made: str, part: int) -> str:
    return f"blob/{run_id}/{key}/{made}.{part:04x}"


def blob_prefix(run_id: str, key: str, made: str) -> str:
    return f"blob/{run_id}/{key}/{made}"


def blob_last(run_id: str, key: str) -> str:
    return f"blob/{run_id}/{key}/last"


def stream(run_id: str, name: str, seq: int) -> str:
    return f"stream/{run_id}/{name}/{seq:012x}"


def streams_prefix(run_id: str) -> str:
    return f"stream/{run_id}/"


def stream_prefix(run_id: str, name: str) -> str:
    return f"stream/{run_id}/{name}/"


def update(run_id: str, update_id: str) -> str:
    return f"update/{run_id}/{update_id}"


def update_prefix(run_id: str) -> str:
    return f"update/{run_id}/"


def review(run_id: str, step: int) -> str:
    return f"review/{run_id}/{step:012x}"


def review_prefix(run_id: str) -> str:
    return f"review/{run_id}/"


def open_review(requested_ms: int, run_id: str, step: int) -> str:
    return f"review-open/{requested_ms:012x}/{run_id}/{step:012x}"


def parse_review(key: str) -> tuple[str, int]:
    """(run id, step) of a ``review/`` or ``review-open/`` key."""
    run_id, step = key.split("/")[-2:]
    return run_id, int(step, 16)


def answers(run_id: str) -> str:
    return f"answers/{run_id}"


def timer(deadline_ms: int, run_id: str, task: int, step: int) -> str:
    return f"timer/{deadline_ms:012x}/{run_id}/{task}.{step}"


WHOLE_RUN = (-1, 0)
"""In the place of task and step: the timer of a run's execution timeout."""


def timers_until(now_ms: int) -> str:
    """Exclusive upper bound of the timers whose deadline is at or before ``now_ms``."""
    return f"timer/{now_ms + 1:012x}"


def parse_timer(key: str) -> tuple[int, str, int, int]:
    """(deadline_ms, run id, task, step) of a timer key. Run ids hold no slash."""
    _, deadline, run_id, place = key.split("/")
    task, step = place.split(".")
    return int(deadline, 16), run_id, int(task), int(step)


def token(run_id: str, mark: str) -> str:
    return f"token/{run_id}/{mark}"


def token_prefix(run_id: str) -> str:
    return f"token/{run_id}/"


def active(run_id: str) -> str:
    return f"active/{run_id}"


POSTS = "post/"
ASKS = "ask/"
SPAWNS = "spawn/"
CLOSINGS = "closing/"


def post(run_id: str, post_id: str) -> str:
    return f"post/{run_id}/{post_id}"


def posts(run_id: str) -> str:
    return f"post/{run_id}/"


def ask(kind: str, name: str, post_id: str) -> str:
    return f"ask/{kind}/{name}/{post_id}"


def spawn(run_id: str, post_id: str) -> str:
    return f"spawn/{run_id}/{post_id}"


def spawns(run_id: str) -> str:
    return f"spawn/{run_id}/"


def closing(run_id: str, created_ms: int) -> str:
    """With the time at which the run was created: another one of its id may be there soon."""
    return f"closing/{run_id}/{created_ms:012x}"


def child(parent_id: str, run_id: str) -> str:
    return f"child/{parent_id}/{run_id}"


def children(parent_id: str) -> str:
    return f"child/{parent_id}/"


def line(kind: str, name: str, page: int) -> str:
    return f"line/{kind}/{name}/{page:012x}"


def line_prefix(kind: str, name: str) -> str:
    return f"line/{kind}/{name}/"


def shared(kind: str, name: str) -> str:
    return f"shared/{kind}/{name}"


def created(created_ms: int, owner: str) -> str:
    """How every row of a search ends, with the run it is of: a page of any index is in order of creation by it."""
    return f"{created_ms:012x}/{owner}"


def shared_state(workflow: str, key: str) -> str:
    """The name of a value that the runs of a workflow share; without one, all runs do. Its length stands before it, so
    that no two pairs have the same name, whatever signs are in them."""
    return f"{len(workflow)}:{workflow}:{key}"


def parse_shared_state(name: str) -> tuple[str, str]:
    """(workflow, key)."""
    length, _, rest = name.partition(":")
    return rest[: int(length)], rest[int(length) + 1 :]


def by_time(created_ms: int, run_id: str) -> str:
    return f"by-time/{created_ms:012x}/{run_id}"


def feed(position: int) -> str:
    return f"feed/{position:012x}"


def parse_feed(key: str) -> int:
    """Number of a commit in the feed; 0 for a key that is none of ours."""
    number = key.removeprefix(FEED)
    return int(number, 16) if len(number) == 12 and not set(number) - set("0123456789abcdef") else 0


def by_state(status: str, workflow: str) -> str:
    return f"by-state/{status}/{workflow}/"


def by_instant(index: str, instant_ms: int) -> str:
    """``index`` is one of those whose rows begin with an instant."""
    return f"{index}{instant_ms:012x}/"


def by_name(kind: str, name: str) -> str:
    """``kind`` is failure, tag, parent, schedule or attribute."""
    return f"by-{kind}/{_part(name)}/"


def _part(text: str) -> str:
    """Text of any kind as a part of a key, reversible: without a slash, and without NUL."""
    return text.replace("%", "%25").replace("/", "%2f").replace("\0", "%00")


def name_in(part: str) -> str:
    """The name that a part of a key stands for."""
    return part.replace("%00", "\0").replace("%2f", "/").replace("%25", "%")


def incoming(page: int) -> str:
    return f"incoming/{page:012x}"


def idempotency(key: str) -> str:
    return f"idem/{key}"


def code(fingerprint: str) -> str:
    return f"code/{fingerprint}"


def inbox(message_id: str) -> str:
    return f"inbox/{message_id}"


def handoff(run_id: str) -> str:
    return f"handoff/{run_id}"


def moving(run_id: str) -> str:
    return f"moving/{run_id}"


def outbox(run_id: str, number: int) -> str:
    return f"outbox/{run_id}/{number:012x}"


def outbox_prefix(run_id: str) -> str:
    return f"outbox/{run_id}/"


def purging(run_id: str) -> str:
    return f"purging/{run_id}"


def ended(workflow: str, status: str, finished_ms: int, run_id: str) -> str:
    return f"ended/{workflow}/{status}/{finished_ms:012x}/{run_id}"


def ended_group(workflow: str, status: str) -> str:
    return f"ended/{workflow}/{status}/"


def ended_until(workflow: str, status: str, now_ms: int) -> str:
    """Exclusive upper bound of the rows of runs that had finished by ``now_ms``."""
    return f"ended/{workflow}/{status}/{max(0, now_ms + 1):012x}"


def parse_ended(key: str) -> tuple[str, str, int, str]:
    """(workflow, status, when it finished, run id) of a row of finished runs; none of them holds a slash."""
    _, workflow, status, finished, run_id = key.split("/")
    return workflow, status, int(finished, 16), run_id


def spent(until_ms: int, key: str) -> str:
    return f"spent/{until_ms:012x}/{key}"


def spent_until(now_ms: int) -> str:
    """Exclusive upper bound of the spent keys that may be forgotten at ``now_ms``."""
    return f"spent/{now_ms + 1:012x}"


def audit(time_ms: int, operation_id: str) -> str:
    return f"audit/{time_ms:012x}/{operation_id}"


def bulk(operation_id: str, page: int) -> str:
    return f"bulk/{operation_id}/{page:08x}"


def schedule(schedule_id: str) -> str:
    return f"schedule/{schedule_id}"


def schedule_log(schedule_id: str, seq: int) -> str:
    return f"slog/{schedule_id}/{seq:012x}"


def schedule_log_prefix(schedule_id: str) -> str:
    return f"slog/{schedule_id}/"


def schedule_timer(deadline_ms: int, schedule_id: str) -> str:
    return f"timer/{deadline_ms:012x}//s:{schedule_id}"


def forming(verb: str, workflow: str, key: str) -> str:
    return f"forming/{verb}/{workflow}/{key}"


def queue(name: str) -> str:
    return f"queue/{name}"


def parse_schedule_timer(key: str) -> tuple[int, str]:
    """(deadline_ms, schedule id) of a schedule's timer key."""
    _, deadline, empty, name = key.split("/")
    if empty or not name.startswith("s:"):
        raise ValueError(key)
    return int(deadline, 16), name[2:]
