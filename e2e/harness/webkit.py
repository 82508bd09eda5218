"""A real WebKit (WebKitGTK's MiniBrowser) on a profile of its own, on a display that nobody sees."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

from e2e.harness import processes
from e2e.harness.inspector import InspectedTab
from e2e.harness.server import die_with_the_tests, free_port

ARGUMENTS = ("--enable-developer-extras=true", "--javascript-can-open-windows-automatically=true")
START_TIMEOUT_S = 30
"""MiniBrowser was seen once to come up without a window. That is no matter of the page's: it is started once more."""
STOP_TIMEOUT_S = 30
"""One that is killed because it was slow to end may lose what it had not written yet."""
_LISTED = re.compile(r"<div class=\"targeturl\">([^<]*)</div>.*?(/socket/\d+/\d+/WebPage)", re.DOTALL)
_OPEN = "(url) => { window.open(url, '_blank', 'noopener'); }"  # `noopener` gives it a process of its own
_BUSY = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"


class Display:
    """An X server of the tests' own."""

    def __init__(self, executable: str) -> None:
        read, write = os.pipe()
        self._process = subprocess.Popen(
            [executable, "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
            pass_fds=[write], stderr=subprocess.DEVNULL, preexec_fn=die_with_the_tests,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as answer:
            self.name = f":{answer.readline().strip()}"
        assert self.name != ":", "Xvfb did not start"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)


class WebKit:
    """One profile folder and, while it lives, the browser on it."""

    engine = "webkit"

    def __init__(self, executable: str, display: Display, profile: Path) -> None:
        self._executable, self._display, self._profile = executable, display, profile
        self.console: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._first: InspectedTab | None = None
        self._tabs: dict[InspectedTab, int] = {}

    def launch(self) -> WebKit:
        """Start the browser, again on the same profile."""
        self._start()
        try:
            found = self._wait_for_new(set())
        except AssertionError:
            self.kill()
            self._start()
            found = self._wait_for_new(set())
        self._first = self._attach(found)
        return self

    def _start(self) -> None:
        self._port = free_port()
        folders = {
            name: self._profile / name.lower() for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
        }
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {name: str(folder) for name, folder in folders.items()}
        environment |= {
            "DISPLAY": self._display.name, "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1", "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_INSPECTOR_HTTP_SERVER": f"127.0.0.1:{self._port}",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [self._executable, *ARGUMENTS, "about:blank"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_the_tests,
        )  # fmt: skip

    def tab(self, url: str) -> InspectedTab:
        """A new tab, loaded."""
        assert self._first is not None
        before = set(self._listed())
        self._first.evaluate(_OPEN, url)
        tab = self._attach(self._wait_for_new(before))
        tab.loaded(url)
        self._tabs[tab] = processes.busiest(self._pages, lambda ms: tab.evaluate(_BUSY, ms))
        return tab

    def crash(self, page: InspectedTab) -> float:
        """SIGKILL the tab's process, with its workers. Returns the time of that, in seconds since the epoch."""
        pid = self._tabs.pop(page)
        assert pid not in self._tabs.values(), "another tab lives in the same process"
        at = time.time()
        processes.kill_all([pid])
        page.forget()
        return at

    def kill(self) -> int:
        """SIGKILL every process of the browser and wait until they are gone. Returns how many there were."""
        assert self._process is not None, "the browser does not run"
        killed = processes.kill_all(processes.family([self._process.pid]))
        self._ended()
        return killed

    def close(self) -> None:
        """End the browser in the orderly way."""
        if self._process is None:
            return
        family = processes.family([self._process.pid])
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(map(processes.alive, family)) and time.monotonic() < deadline:
            time.sleep(0.01)  # they end when they notice that the browser has
        processes.kill_all([pid for pid in family if processes.alive(pid)])
        self._ended()

    def _ended(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.wait(STOP_TIMEOUT_S)
        for tab in (*self._tabs, *filter(None, [self._first])):
            tab.forget()
        self._tabs.clear()
        self._first = None

    def _attach(self, path: str) -> InspectedTab:
        return InspectedTab(f"ws://127.0.0.1:{self._port}{path}", self.console)

    def _listed(self) -> list[str]:
        """The addresses of all tabs."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=START_TIMEOUT_S) as answer:
            return [path for _, path in _LISTED.findall(answer.read().decode())]

    def _wait_for_new(self, known: set[str]) -> str:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # it does not listen yet
                if new := [path for path in self._listed() if path not in known]:
                    return new[0]
            time.sleep(0.02)
        raise AssertionError(f"WebKit shows no new tab within {START_TIMEOUT_S} s")

    def _pages(self) -> list[int]:
        assert self._process is not None
        return [pid for pid in processes.family([self._process.pid]) if processes.name_of(pid) == "WebKitWebProces"]
