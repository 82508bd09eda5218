"""A Firefox with our extension in it, as an add-on that was installed: an .xpi in the profile.

How it is driven. Playwright cannot: a `goto` to a ``moz-extension:`` page times out, now and then for good. So this
one is driven by Marionette (marionette.py), which runs scripts in the browser's own process: there the state of the
event page is read, and alarms are. Started with ``--remote-allow-system-access``, it also goes to pages of the
extension; their origin is fixed by a preference (``UUID``). Scripts in such a tab have `browser` as the page has.
Firefox is killed and launched again on the same profile, where a temporary add-on would be gone.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from e2e.harness import processes
from e2e.harness.extension import CHANGED_OVER
from e2e.harness.marionette import Marionette, ScriptError
from e2e.harness.server import die_with_the_tests

ID = "clip-later@weft.example"
UUID = "b6f7b9c0-5c1a-4a55-9f0e-c11f1a7e2000"
WITHIN_S = 60
STOP_TIMEOUT_S = 20
PREFERENCES: dict[str, Any] = {
    "marionette.port": 0,
    "extensions.webextensions.uuids": json.dumps({ID: UUID}),
    # An add-on that nobody has signed, put into the profile by a program, is on: as one that a user has installed.
    "xpinstall.signatures.required": False,
    "extensions.autoDisableScopes": 0,
    "extensions.enabledScopes": 15,
    "browser.sessionstore.resume_from_crash": False,
    "toolkit.startup.max_resumed_crashes": -1,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    # The tests end the event page themselves: on a slow machine its half minute may be over in the midst of anything.
    "extensions.background.idle.timeout": 600_000,
}
_STATE = "async (id) => WebExtensionPolicy.getByID(id)?.extension.backgroundState ?? 'absent'"
_ADDON = """async ([id, ...methods]) => {
  const { AddonManager } = ChromeUtils.importESModule("resource://gre/modules/AddonManager.sys.mjs");
  const addon = await AddonManager.getAddonByID(id);
  for (const method of methods) await addon[method]();
}"""
_GRANT = """async ([id, method]) => {
  const { ExtensionPermissions } = ChromeUtils.importESModule("resource://gre/modules/ExtensionPermissions.sys.mjs");
  const origins = ["http://*/*", "https://*/*"];
  await ExtensionPermissions[method](id, { permissions: [], origins }, WebExtensionPolicy.getByID(id).extension);
}"""
_END = """async (id) => {
  const { extension } = WebExtensionPolicy.getByID(id);
  let ended = false;
  extension.once("shutdown-background-script", () => (ended = true));
  await extension.terminateBackground();
  return ended ? "ended" : extension.backgroundState; // a page that is looked at may have it started again
}"""
_RING = """async (id) => {
  const { extension } = WebExtensionPolicy.getByID(id);
  const alarms = [...extension.apiManager.getAPI("alarms", extension).alarms].map(([, alarm]) => alarm);
  for (const alarm of alarms) alarm.timer.init(alarm, 0, Ci.nsITimer.TYPE_ONE_SHOT);
  return alarms.map(({ name, scheduledTime }) => [name, Math.round((scheduledTime - Date.now()) / 1_000)]);
}"""
_ALLOW = """async () => {
  const { document, PopupNotifications } = Services.wm.getMostRecentWindow("navigator:browser");
  const asks = document.getElementById("addon-webext-permissions-notification");
  if (PopupNotifications.panel.state !== "open" || !asks) return false;
  asks.button.click();
  return true;
}"""
_CHOOSE = """async (label) => {
  const menu = Services.wm.getMostRecentWindow("navigator:browser").document.getElementById("contentAreaContextMenu");
  if (menu.state !== "open") return null;
  const item = [...menu.querySelectorAll("menuitem")].find((item) => item.label === label);
  const closed = new Promise((resolve) => menu.addEventListener("popuphidden", resolve, { once: true }));
  if (item) menu.activateItem(item);
  else menu.hidePopup();
  await closed;
  return Boolean(item);
}"""


class ExtensionFirefox:
    """One profile with the extension in it and, while it lives, the Firefox on it. Options are preferences."""

    engine = "firefox"

    def __init__(self, executable: str, profile: Path, folder: Path, **preferences: Any) -> None:
        self._executable, self._profile = executable, profile
        self._process: subprocess.Popen[bytes] | None = None
        self._session: Marionette | None = None
        (profile / "extensions").mkdir(parents=True)
        with zipfile.ZipFile(profile / "extensions" / f"{ID}.xpi", "w") as packed:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(folder))
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
            for name, value in (PREFERENCES | preferences).items()
        ]
        (profile / "user.js").write_text("".join(lines))

    @property
    def marionette(self) -> Marionette:
        assert self._session is not None, "Firefox does not run"
        return self._session

    def launch(self) -> Self:
        """Start the browser, again on the same profile. It opens no page of the extension."""
        for stale in ("lock", ".parentlock", "MarionetteActivePort"):
            (self._profile / stale).unlink(missing_ok=True)
        with (self._profile / "firefox.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._executable, "--headless", "--no-remote", "--profile", str(self._profile), "--marionette",
                 "--remote-allow-system-access"],
                stdout=log, stderr=log, preexec_fn=die_with_the_tests,
            )  # fmt: skip
        self._session = Marionette(self._profile, self._process.pid)
        self.until(lambda: self.background() != "absent", "Firefox has not loaded the unsigned add-on, as ESR does")
        return self

    def tab(self, url: str) -> str:
        """A new tab, loaded; scripts run in it until there is another. Returns its handle."""
        self.switch(self.marionette.call("WebDriver:GetWindowHandles")[0])  # that of before may be closed
        handle: str = self.marionette.call("WebDriver:NewWindow", type="tab", focus=True)["handle"]
        self.switch(handle)
        self.marionette.call("WebDriver:Navigate", url=url)
        loaded = "async (url) => location.href === url && document.readyState === 'complete'"
        self.until(lambda: self._in_tab(loaded, url), f"{url} is not loaded")
        return handle

    def switch(self, handle: str) -> None:
        """Scripts run in this tab from now on."""
        self.marionette.call("Marionette:SetContext", value="content")
        self.marionette.call("WebDriver:SwitchToWindow", handle=handle)

    def open(self, page: str) -> str:
        """A page of the extension in a tab."""
        return self.tab(f"moz-extension://{UUID}/{page}")

    def evaluate(self, function: str, given: Any = None) -> Any:
        """The value of an async function in the tab that was opened last, or switched to."""
        return self.marionette.content(function, given)

    def say(self, message: dict[str, Any]) -> Any:
        """Send a message from the extension's page that was opened last to its background; returns what it answers."""
        answer = self.evaluate("(message) => browser.runtime.sendMessage(message)", message)
        if "error" in answer:
            raise ScriptError(f"{answer['error']['code']}: {answer['error']['message']}")
        return answer["ok"]

    def settings(self, **change: Any) -> None:
        """What the user has chosen, in a fresh profile."""
        self.evaluate("(settings) => browser.storage.local.set({ settings })", change)

    def use_browser_storage(self, **change: Any) -> None:
        """The same, and that runs are kept there. Returns when an engine answers that does so, not the one before."""
        self.settings(**change, storage="extension")
        self.evaluate(CHANGED_OVER)

    def tab_id(self, url: str) -> int:
        """The browser's number of the tab that shows ``url``. Its own patterns match no port."""
        found: int = self.evaluate(
            "async (url) => (await browser.tabs.query({})).find((tab) => tab.url === url).id", url
        )
        return found

    def clip_from_menu(self, label: str) -> None:
        """Click with the right button on the page that was opened last, and on our item of the menu that comes.

        Again while it has none: the background makes the menu when Firefox has started.
        """
        self.until(lambda: self._chosen(label), f"the context menu shows no {label!r}")

    def _chosen(self, label: str) -> bool:
        press = [
            {"type": "pointerMove", "x": 60, "y": 60},
            {"type": "pointerDown", "button": 2},
            {"type": "pointerUp", "button": 2},
        ]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": press}
        self.marionette.call("WebDriver:PerformActions", actions=[mouse])
        found: list[bool | None] = []
        self.until(
            lambda: found.append(self.marionette.chrome(_CHOOSE, label)) or found[-1] is not None, "no menu opens"
        )
        return bool(found[-1])

    def click(self, selector: str) -> None:
        """As the user does, whose consent it may be."""
        self.marionette.call("Marionette:SetContext", value="content")
        [element] = self.marionette.call("WebDriver:FindElements", using="css selector", value=selector)
        self.marionette.call("WebDriver:ElementClick", id=next(iter(element.values())))

    def allow(self) -> None:
        """What Firefox asks the user about a permission of the extension."""
        self.until(lambda: self.marionette.chrome(_ALLOW), "Firefox does not ask")
        # It takes no answer that comes sooner than anybody can read.
        self.until(lambda: not self.marionette.chrome(_ALLOW), "Firefox does not take the answer")

    def addon(self, *methods: str) -> None:
        """What a user does to it in about:addons: "disable", "enable"."""
        self.marionette.chrome(_ADDON, [ID, *methods])

    def grant(self, granted: bool) -> None:
        """Give it the permission for all web sites, or take it away, as in about:addons."""
        self.marionette.chrome(_GRANT, [ID, "add" if granted else "remove"])

    def end_background(self) -> None:
        """End the event page as Firefox does when no event has come for half a minute, whatever goes on in it."""
        state = self.marionette.chrome(_END, ID)
        assert state == "ended", state

    def bring_alarms_forward(self) -> list[tuple[str, int]]:
        """The alarms that stand are due at once. Returns their names, and in how many seconds they would have been."""
        return [tuple(alarm) for alarm in self.marionette.chrome(_RING, ID)]

    def background(self) -> str:
        """Of the event page: "starting", "running", "suspending" or "stopped"; "absent": there is no such add-on."""
        state: str = self.marionette.chrome(_STATE, ID)
        return state

    def until(self, condition: Callable[[], object], otherwise: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise} within {WITHIN_S} s"
            time.sleep(0.05)  # the browser tells nobody

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
        processes.kill_all([pid for pid in family if processes.alive(pid)])
        self._ended()

    def _in_tab(self, function: str, given: Any) -> Any:
        with contextlib.suppress(ScriptError):  # its document is being replaced
            return self.evaluate(function, given)

    def _ended(self) -> None:
        process, self._process = self._process, None
        session, self._session = self._session, None
        if session is not None:
            session.close()
        if process is not None:
            process.wait(STOP_TIMEOUT_S)
