"""``weft export`` and ``weft import``: a store as one file, beside a running engine, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.cli.conftest import CHECKOUT, ORDER, Cli, eventually, kill
from tests.cli.test_check import bytes_of, parked


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_store_moves_in_one_file_while_its_engine_is_killed_and_no_effect_happens_twice(weft: Cli) -> None:
    process = weft.start("run", CHECKOUT, "--input", ORDER, "--id", "o1")
    eventually(lambda: weft.waits_for("o1", "confirm"), "the run waits", process)
    facts = weft.json("export", "backup.weft", "--json")
    assert facts["rows"] > 5 and facts["bytes"] == (weft.folder / "backup.weft").stat().st_size
    kill(process)
    done = Counter(effect["operation"] for effect in weft.effects())
    for path in weft.folder.glob("weft.db*"):
        path.unlink()

    assert "imported from" in weft("import", "backup.weft").stderr
    weft("signal", "o1", "confirm", '{"confirmed": true, "by": "me"}')
    assert '"shipped"' in weft("run", CHECKOUT, "--input", ORDER, "--id", "o1").stdout
    after = Counter(effect["operation"] for effect in weft.effects())
    assert set(after.values()) == {1} and done.keys() < after.keys()
    assert not [name for name in files(weft.folder) if name.endswith(".part")]


def test_an_export_beside_a_living_engine_changes_not_a_byte_of_its_store(weft: Cli) -> None:
    parked(weft, alive=True)
    before = bytes_of(weft.folder)
    weft("export", "one.weft", "--storage", "weft.db")
    weft("export", "two.weft", "--no-compress")
    assert bytes_of(weft.folder) == before
    assert (weft.folder / "one.weft").stat().st_size < (weft.folder / "two.weft").stat().st_size
    weft("import", "one.weft", code=5)
    assert bytes_of(weft.folder) == before, "a store in use is left alone"


def test_a_file_is_verified_before_a_store_is_touched(weft: Cli) -> None:
    parked(weft)
    weft("export", "backup.weft")
    assert "is whole" in weft("import", "backup.weft", "--check").stderr
    assert "is not empty" in weft("import", "backup.weft", code=5).stderr
    data = (weft.folder / "backup.weft").read_bytes()
    (weft.folder / "backup.weft").write_bytes(data[:-1])
    before = bytes_of(weft.folder)
    for words in (("--check",), ("--replace",), ("--storage", "new.db")):
        assert "it ends in the middle" in weft("import", "backup.weft", *words, code=2).stderr
    assert bytes_of(weft.folder) == before
    assert "new.db" not in files(weft.folder)
    weft("import", "no.weft", code=2)
    weft("export", "x.weft", "--storage", "no.db", code=2)


def test_a_copy_as_a_new_store_has_an_identity_of_its_own(weft: Cli) -> None:
    parked(weft)
    weft("export", "backup.weft")
    weft("import", "backup.weft", "--replace")
    weft("import", "backup.weft", "--storage", "copy.db", "--as-new")
    ids = [weft.json("doctor", "--json", "--deep", "--db", db)["store"]["id"] for db in ("weft.db", "copy.db")]
    assert ids[0] != ids[1]
    assert weft.json("ls", "--db", "copy.db", "--json")["items"][0]["id"] == "p"
