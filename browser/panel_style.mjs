/** How the panel looks. Constructed style sheets, as a strict Content-Security-Policy forbids inline ones. */
import { TIMELINE } from "./panel_timeline_style.mjs";

const COLOURS = `
:host {
  color-scheme: light dark;
  --card: light-dark(#fffdfa, #1c1926);
  --sunk: light-dark(#f2eee6, #161320);
  --line: light-dark(#e2dccf, #322d41);
  --line-strong: light-dark(#c9c0af, #4a4460);
  --ink: light-dark(#221d33, #ece8f6);
  --ink-soft: light-dark(#645d74, #a9a2bd);
  --indigo: light-dark(#43389c, #a79ef5);
  --indigo-fill: light-dark(#43389c, #5b4fc4);
  --indigo-wash: light-dark(#ece9fb, #2a2548);
  --saffron: light-dark(#8a5200, #f7b538);
  --saffron-fill: #f7b538;
  --saffron-wash: light-dark(#fdf0d3, #3a2d10);
  --green: light-dark(#1f7a4d, #63cf97);
  --green-wash: light-dark(#e0f2e7, #15301f);
  --red: light-dark(#b3301f, #ff8d7c);
  --red-wash: light-dark(#fbe6e1, #3a1a17);
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
`;

const PANEL = `
*, ::before, ::after { box-sizing: border-box; }
:host {
  display: block; container-type: inline-size; overflow: clip; border: 1px solid var(--line); border-radius: 16px;
  background: var(--card); color: var(--ink); font: 400 0.9375rem/1.5 var(--sans);
}
:host([hidden]), [hidden] { display: none !important; }
h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h2 { font-size: 1.0625rem; line-height: 1.2; letter-spacing: -0.01em; }
h3 { color: var(--ink-soft); font-size: 0.75rem; font-weight: 600; letter-spacing: 0.04em; text-transform: uppercase; }
time, .number { font-variant-numeric: tabular-nums; }
:focus-visible { outline: 2px solid var(--indigo); outline-offset: -2px; border-radius: 6px; }
.visually-hidden { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.soft { color: var(--ink-soft); font-size: 0.8125rem; }
.empty { padding: 1.6rem 1.1rem; color: var(--ink-soft); font-size: 0.875rem; text-align: center; }
.trouble { padding: 0.55rem 1.1rem; background: var(--red-wash); color: var(--red); font-size: 0.875rem; overflow-wrap: anywhere; }
.trouble:empty { display: none; }

button, select {
  min-block-size: 2.25rem; padding: 0.3rem 0.8rem; border: 1px solid var(--line-strong); border-radius: 9px; background: var(--card); color: var(--ink);
  font: 600 0.8125rem/1.2 var(--sans); cursor: pointer; transition: background 0.15s, border-color 0.15s;
}
button:hover, select:hover { border-color: var(--ink-soft); }
button:disabled { cursor: default; opacity: 0.55; }
.primary { border-color: transparent; background: var(--indigo-fill); color: #fff; }
.primary:hover:not(:disabled) { background: color-mix(in oklab, var(--indigo-fill), #000 14%); }
.danger { border-color: color-mix(in oklab, var(--red), transparent 60%); color: var(--red); }
.danger:hover { border-color: var(--red); background: var(--red-wash); }

.chip { display: inline-block; padding: 0.1rem 0.55rem; border-radius: 99px; font: 600 0.75rem/1.5 var(--sans); white-space: nowrap; }
.chip.good { background: var(--green-wash); color: var(--green); }
.chip.bad { background: var(--red-wash); color: var(--red); }
.chip.busy { background: var(--indigo-wash); color: var(--indigo); }
.chip.asks { background: var(--saffron-wash); color: var(--saffron); }

.engine { display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 0.6rem; padding: 0.95rem 1.1rem 0.75rem; }
.dot { flex: none; inline-size: 0.6rem; block-size: 0.6rem; border-radius: 50%; background: var(--green); }
.dot.bad { background: var(--red); }
.dot.busy { background: var(--saffron-fill); animation: breathe 1.4s infinite; }
.engine .soft { margin-inline-start: auto; }
.load { block-size: 3px; background: var(--line); }
.load span { display: block; block-size: 100%; background: linear-gradient(90deg, var(--indigo-fill), var(--saffron-fill)); transition: inline-size 0.3s; }
.update { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.5rem; padding: 0.55rem 1.1rem; background: var(--indigo-wash); font-size: 0.875rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1px; border-block: 1px solid var(--line); background: var(--line); }
.facts div { padding: 0.5rem 0.8rem 0.5rem 1.1rem; background: var(--card); }
.facts dt { color: var(--ink-soft); font-size: 0.75rem; }
.facts dd { font-size: 0.8125rem; font-weight: 600; overflow-wrap: anywhere; }
.facts .bad dd { color: var(--red); }

.runs-head { display: flex; align-items: center; justify-content: space-between; gap: 0.6rem; padding: 0.9rem 1.1rem 0.6rem; }
.run { border-block-start: 1px solid var(--line); }
.run-line {
  display: grid; grid-template-columns: 1rem minmax(0, 1fr) auto auto; grid-template-areas: "open name chip time" "open wait wait steps";
  align-items: center; gap: 0 0.75rem; inline-size: 100%; padding: 0.6rem 1.1rem; border: 0; border-radius: 0; background: none; text-align: start; font-weight: 400;
}
.run-line:hover, .run.open > .run-line { background: var(--sunk); }
.run-line > .icon { grid-area: open; inline-size: 1rem; color: var(--ink-soft); transition: transform 0.15s; }
.run.open > .run-line > .icon { transform: rotate(90deg); }
.run-name { grid-area: name; display: flex; align-items: baseline; gap: 0.55rem; min-inline-size: 0; font-size: 0.9375rem; }
.run-name b { flex: none; max-inline-size: 60%; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.run-id { min-inline-size: 0; overflow: hidden; color: var(--ink-soft); font: 0.75rem/1.5 var(--mono); text-overflow: ellipsis; white-space: nowrap; }
.run-title { min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.run-line .chip { grid-area: chip; justify-self: end; }
.run-line time { grid-area: time; justify-self: end; color: var(--ink-soft); }
.run-wait { grid-area: wait; overflow: hidden; color: var(--ink-soft); text-overflow: ellipsis; white-space: nowrap; }
.run-steps { grid-area: steps; color: var(--ink-soft); text-align: end; }
.more { display: block; inline-size: calc(100% - 2.2rem); margin: 0.9rem 1.1rem 1.1rem; }

.detail { display: grid; gap: 1.1rem; padding: 0.4rem 1.1rem 1.2rem; background: var(--sunk); }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; }
.actions:empty { display: none; }
.ask { flex: 1 1 100%; padding: 0.7rem 0.9rem; border: 1px solid color-mix(in oklab, var(--saffron-fill), transparent 40%); border-radius: 12px; background: var(--saffron-wash); }
.ask .actions { margin-block-start: 0.6rem; }
.ask pre { max-block-size: 10rem; }
.columns { display: grid; gap: 1.2rem; }
.timeline { min-block-size: 0; margin-block-start: 0.7rem; }
.timeline .knot { background: var(--card); }
.stack { display: grid; gap: 0.7rem; margin-block-start: 0.7rem; }
.frame { overflow: hidden; border: 1px solid var(--line); border-radius: 12px; background: var(--card); }
.frame-head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 0.8rem; padding: 0.45rem 0.8rem; font: 600 0.8125rem/1.5 var(--mono); }
.frame-head span:last-child { color: var(--ink-soft); font-weight: 400; }
.here { margin: 0; padding: 0.35rem 0.8rem; overflow-x: auto; background: var(--saffron-wash); box-shadow: inset 4px 0 var(--saffron-fill); font: 0.8125rem/1.5 var(--mono); white-space: pre; scrollbar-width: thin; }
table { inline-size: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: 0.3rem 0.8rem; border-block-start: 1px solid var(--line); font: 0.8125rem/1.45 var(--mono); text-align: start; vertical-align: baseline; overflow-wrap: anywhere; }
th { inline-size: 32%; color: var(--indigo); font-weight: 600; }
td small { display: block; color: var(--ink-soft); font-size: 0.6875rem; }
pre.value { margin: 0.5rem 0 0; padding: 0.6rem 0.8rem; overflow: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); font: 0.8125rem/1.45 var(--mono); white-space: pre-wrap; overflow-wrap: anywhere; }

@container (min-width: 48rem) {
  .columns { grid-template-columns: minmax(16rem, 5fr) minmax(0, 6fr); }
}
@container (max-width: 26rem) {
  .run-line { grid-template-columns: 1rem minmax(0, 1fr) auto; grid-template-areas: "open name chip" "open wait time"; }
  .run-steps { display: none; }
  .run-id { flex: 1; }
  .facts { grid-template-columns: 1fr 1fr; }
  .engine .soft { flex-basis: 100%; margin-inline-start: 1.2rem; }
}
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation-duration: 0.01ms !important; animation-iteration-count: 1 !important; transition-duration: 0.01ms !important; }
}
`;

/** @type {CSSStyleSheet[] | undefined} one set for all panels of a page */ let made;

export function sheets() {
  made ??= [COLOURS, TIMELINE, PANEL].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  return made;
}
