"""What others must hear when a run has ended: who waits for it, what it holds, its children, its parent, and who would
have added to it."""

from __future__ import annotations

from typing import Any

from weft_core.machine.effects import Post
from weft_core.machine.outcomes import outcome_of
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Op


def farewell(header: RunHeader, notes: dict[str, Any], post_id: str) -> tuple[list[Op], list[Post]]:
    """Records to write with the end of the run, and what to bring on its way after it. ``post_id`` begins their ids."""
    outcome = outcome_of(header)
    posts = [
        Post(keys.post(watcher, f"{post_id}.w{i}"), ["reply", task, step, True, outcome])
        for i, (watcher, task, step) in enumerate(notes.get("watchers", ()))
    ]
    for i, place in enumerate(dict.fromkeys(notes.get("holds", ()))):
        kind, name = place.split("/")
        posts.append(Post(keys.ask(kind, name, f"{post_id}.h{i}"), [["gone"], header.id, 0, header.address(0)]))
    if notes.get("children"):
        posts.append(Post(keys.closing(header.id, header.created_at), []))
    ops: list[Op] = [stored(post) for post in posts]
    if "forming" in notes:
        ops.append((notes["forming"], None))
    if header.parent:
        ops.append((keys.child(header.parent[0], header.id), None))
    return ops, posts


def stored(post: Post) -> Op:
    """The record of a post."""
    return post.key, seal_plain(post.key, post.content)
