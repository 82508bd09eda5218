/** The popup: what waits for you, what became of the newest clips, and a button that clips the page you look at. */
import { coalesced, news } from "../weft/watching.mjs";
import { clipHere } from "./popup_here.mjs";
import { Reviews } from "./popup_reviews.mjs";
import { Clips, statusLine } from "./popup_lines.mjs";
import { connected } from "../engine/connected.mjs";

const NEWEST = 8;
const AGES_MS = 30_000;

const at = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const say = (/** @type {string} */ text) => void (at("said").textContent = text);
const troubled = (/** @type {string} */ text) => void (at("trouble").textContent = text);

let failing = false;
const weft = connected((trouble) => {
  failing = trouble !== "";
  troubled(trouble);
  draw();
});
const reviews = new Reviews({ section: at("reviews-section"), list: at("reviews"), heading: at("reviews-title"), more: at("more") }, { say, troubled });
const clips = new Clips(at("clips"));
/** @type {number | null} */ let next = null;

const draw = () => at("status").replaceChildren(...statusLine(failing ? "failing" : weft.status.state, next));
const { signal } = new AbortController(); // as long as the popup is there
const look = coalesced(signal, async () => {
  const [asked, newest, { next_timer: timer }] = await Promise.all([weft.reviews({ status: "pending", limit: 1_000 }), weft.list({ limit: NEWEST }), weft.diagnostics()]);
  at("clips-section").hidden = false; // the focus may go there
  const above = reviews.show(asked.items);
  const others = newest.items.filter((run) => !above.has(run.id));
  clips.show(others);
  at("clips-section").hidden = others.length === 0 && above.size > 0;
  at("empty").textContent = "Nothing is clipped yet. Clip this page, or choose “Clip later” in the menu of a page, a selection or a link.";
  at("empty").hidden = newest.items.length > 0;
  next = timer;
  troubled("");
  draw();
}, (error) => failing || troubled(error.message));

async function follow() {
  for await (const _ of news(weft, signal)) look();
}

void clipHere({ title: at("here-title"), site: at("here-site"), button: /** @type {HTMLButtonElement} */ (at("clip")), hint: at("clip-hint") });
weft.onstatus(draw);
for (const change of ["online", "offline"]) addEventListener(change, draw);
setInterval(look, AGES_MS); // ages grow
follow().catch((error) => troubled(error.message));
