"""The demo's server and its shop: the witness of the other tests must itself be sound. No browser is needed here."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.server import Server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The smallest site."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<!doctype html><title>shop</title>")
    (site / "page.mjs").write_text("export {};")
    (site / "python.wasm").write_bytes(b"\0asm")
    return site


@pytest.fixture
def shop(folder: Path, tmp_path: Path) -> Any:
    server = Server(folder, tmp_path / "ledger.jsonl").start()
    yield server
    server.stop()


def ask(server: Server, operation: str, key: str, order: str = "A-1") -> tuple[int, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    body = json.dumps({"order": order}).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{server.url}api/{operation}", data=body, headers=headers), timeout=10
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def test_an_effect_asked_for_twice_under_one_key_happens_once_and_both_askers_get_the_same_answer(shop: Server) -> None:
    assert ask(shop, "charge", "key-1") == ask(shop, "charge", "key-1")
    [effect] = shop.effects()
    assert (effect["count"], effect["attempts"]) == (1, 2)
    assert ask(shop, "refund", "key-1")[0] == 409, "a key belongs to one effect"


def test_the_shop_remembers_over_a_kill(shop: Server) -> None:
    before = ask(shop, "ship", "key-2")
    shop.kill()
    shop.start()
    assert ask(shop, "ship", "key-2") == before
    [effect] = shop.effects()
    assert (effect["count"], effect["attempts"]) == (1, 2)


def test_bad_weather_refuses_requests_and_still_counts_them(shop: Server) -> None:
    shop.weather(fail_every=2)
    assert [ask(shop, "reserve", "key-3")[0] for _ in range(4)] == [200, 503, 200, 503]
    assert shop.effects()[0]["attempts"] == 4
    shop.weather(fail_every=0)


def test_what_the_shop_does_not_know_is_refused_with_a_reason(shop: Server) -> None:
    assert ask(shop, "teleport", "key-4")[0] == 404
    assert ask(shop, "charge", "")[0] == 400
    assert shop.effects() == []


def test_files_have_the_types_that_browsers_insist_on_and_a_strict_policy(shop: Server) -> None:
    wanted = {"": "text/html", "page.mjs": "text/javascript", "python.wasm": "application/wasm"}
    for name, mime in wanted.items():
        with urllib.request.urlopen(shop.url + name, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith(mime)
            assert "'unsafe-eval'" not in answer.headers["Content-Security-Policy"]


def test_a_page_that_points_its_own_host_name_here_is_refused(shop: Server) -> None:
    request = urllib.request.Request(shop.url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    assert refusal.value.code == 403
    refusal.value.close()


def test_sigterm_ends_it_cleanly_and_frees_the_port(shop: Server) -> None:
    port = shop.port
    assert shop.stop() == 0
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
