"""The benchmarks still run: each part at a tiny size, without a look at its figures. And the plot is a plot."""

import asyncio
from xml.etree import ElementTree

import pytest

from benchmarks import (
    crowd,
    frame_costs,
    frames,
    growing,
    growth,
    plot,
    recovery,
    replay,
    report,
    run,
    search,
    throughput,
)
from weft_core.storage import MemoryStorage
from weft_server.storage.sqlite import SQLiteStorage

SVG = "{http://www.w3.org/2000/svg}"
TIMES = [(10, 4.0, 1.0), (1_000, 4.1, 3.0), (1_000_000, 4.2, 2_500.0)]


def drawn(svg, tag, kind):
    return [e for e in ElementTree.fromstring(svg).iter(SVG + tag) if kind in e.get("class", "").split()]


def points(line):
    return [tuple(map(float, place.split(","))) for place in line.get("points").split()]


class TestPlot:
    def test_each_series_is_a_line_with_a_dot_at_each_point(self):
        svg = recovery.drawing(TIMES)
        weft, replayed = drawn(svg, "polyline", "line")
        assert len(points(weft)) == len(points(replayed)) == len(TIMES)
        assert [(float(e.get("cx")), float(e.get("cy"))) for e in drawn(svg, "circle", "dot")] == [
            *points(weft),
            *points(replayed),
        ]

    def test_equal_ratios_are_equal_distances(self):
        one = plot.Series("one", [(10, 1), (100, 10), (1_000, 100), (10_000, 1_000)])
        [line] = drawn(plot.log_log("", "", "", [one]), "polyline", "line")
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points(line)
        assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) == pytest.approx(x3 - x2, abs=0.2)
        assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2) == pytest.approx(y2 - y3, abs=0.2)
        assert (x0, y0) == (plot.LEFT, plot.HEIGHT - plot.BOTTOM)
        assert (x3, y3) == (plot.WIDTH - plot.RIGHT, plot.TOP)

    def test_title_labels_and_legend_say_what_they_were_given(self):
        one = plot.Series("a < b & c", [(1, 5), (20, 5)])
        svg = plot.log_log('"quoted" & <tagged>', "steps", "time", [one])
        texts = [e.text for e in ElementTree.fromstring(svg).iter(SVG + "text")]
        assert {'"quoted" & <tagged>', "steps", "time", "a < b & c", "1", "10", "100"} <= set(texts)

    def test_the_plot_in_the_docs_is_well_formed_and_has_both_lines(self):
        svg = recovery.PLOT.read_text()
        weft, replayed = drawn(svg, "polyline", "line")
        assert len(points(weft)) == len(points(replayed)) == len(recovery.STEPS)


class TestReplayModel:
    """It is compared with, so it must do what it says."""

    def test_it_gives_what_the_workflow_would_ask_for_next(self, tmp_path):
        replay.record(tmp_path / "h.db", "nothing", range(20))
        for _ in range(2):
            db = replay.open_history(tmp_path / "h.db")
            assert replay.answer(db, 20) == ("answer", 190)
            replay.take_back(db, 20)

    def test_a_workflow_that_asks_for_something_else_is_refused(self, tmp_path):
        replay.record(tmp_path / "h.db", "another", range(3))
        db = replay.open_history(tmp_path / "h.db")
        with pytest.raises(replay.DivergedError):
            replay.answer(db, 3)
        db.close()


class TestEveryPartRuns:
    def test_frames_in_two_pythons_are_two_columns(self):
        costs = frame_costs.measure(1)
        assert all(f.value and f.beside == f.value for f in frames.table(costs, costs))
        assert all(f.value and not f.beside for f in frames.table(costs, None))

    def test_a_worker_answers_as_the_other_workers_do(self):
        assert "Python" in frame_costs.handle('{"do": "hello"}')

    def test_growth(self, tmp_path, monkeypatch):
        monkeypatch.setattr(growing, "TURN", 20)
        monkeypatch.setattr(growth, "RECOVERIES", 2)
        figures = asyncio.run(growth.figures(tmp_path, 30, 30))
        assert sum("bytes put / bytes appended" in f.name for f in figures) == 3

    def test_the_four_runs_take_turns_and_all_time_is_somebodys(self):
        turns, put = asyncio.run(growing.run_all(lambda kind: MemoryStorage(), 250))
        assert turns.waiting == {} and all(turns.wall_s.values())
        assert all(put[kind] > growing.ITEM * 250 for kind in growing.KINDS)

    def test_recovery(self, tmp_path):
        figures = asyncio.run(recovery.figures(tmp_path, (3, 20), rounds=2))
        assert [f.beside != "" for f in figures] == [True, True, True, False]

    def test_the_longest_runs_are_made_without_their_event_log(self, tmp_path, monkeypatch):
        monkeypatch.setattr(recovery, "LOGGED", 5)

        async def logged(steps):
            await recovery.make(tmp_path / f"{steps}.db", steps)
            store = SQLiteStorage(tmp_path / f"{steps}.db")
            events = await store.scan("log/")
            await store.close()
            return len(events)

        assert asyncio.run(logged(5)) > 5
        assert asyncio.run(logged(6)) == 0

    def test_search(self, tmp_path):
        assert asyncio.run(search.figures(tmp_path, runs=1_000))

    def test_crowd(self, tmp_path):
        assert asyncio.run(crowd.figures(tmp_path, runs=20, wave=10))

    def test_throughput(self, tmp_path, monkeypatch):
        for name, size in {"ROUNDS": 1, "COMMITS": 20, "CONCURRENT_RUNS": 5, "MEMORY_STEPS": 50}.items():
            monkeypatch.setattr(throughput, name, size)
        assert asyncio.run(throughput.figures(tmp_path))

    def test_every_part_has_a_name(self):
        assert set(run.PARTS) == {"throughput", "growth", "crowd", "search", "frames", "recovery", "browser"}


def test_a_verdict_is_printed_behind_both_columns():
    line = str(report.at_most("", 3, 2).showing(report.Figure("a", "1 us", beside="3 us")))
    assert line.split() == ["a", "1", "us", "3", "us", "<=", "2", "x", "MISSED"]
