/** How a timeline looks, in a page or in a shadow root. It needs the colours of panel_style.mjs, or others of the same names. */
export const TIMELINE = `
/* The timeline is a thread with a knot for each step. */
.timeline { margin-block-start: 0.8rem; min-block-size: 14rem; }
.timeline:empty::before { content: attr(data-empty); color: var(--ink-soft); font-size: 0.875rem; }
.row { position: relative; display: grid; grid-template-columns: 1.75rem minmax(0, 1fr) auto; gap: 0.7rem; padding-block-end: 0.85rem; animation: arrive 0.35s ease-out; }
.row.settled { animation: none; }
.row::before { content: ""; position: absolute; inset: 0 auto 0 calc(0.875rem - 1px); inline-size: 2px; background: var(--line-strong); }
.row:first-child::before { inset-block-start: 0.9rem; }
.row:last-child::before { inset-block-end: auto; block-size: 0.9rem; }
.knot { position: relative; display: grid; place-items: center; inline-size: 1.75rem; block-size: 1.75rem; border: 2px solid var(--line-strong); border-radius: 50%; background: var(--card); color: var(--ink-soft); }
.knot .icon { inline-size: 0.95rem; block-size: 0.95rem; stroke-width: 2.1; }
.row.done > .knot { border-color: var(--green); background: var(--green); color: light-dark(#fff, #0e2417); }
.row.failed > .knot { border-color: var(--red); background: var(--red); color: light-dark(#fff, #2a0d09); }
.row.running > .knot { border-color: var(--indigo); color: var(--indigo); animation: ring 1.3s infinite; }
.row.retrying > .knot { border-color: var(--red); color: var(--red); animation: breathe 1.4s infinite; }
.row.waiting > .knot { border-color: var(--saffron-fill); background: var(--saffron-wash); color: var(--saffron); animation: ring-warm 1.9s infinite; }
.row.note > .knot { inline-size: 1.25rem; block-size: 1.25rem; margin: 0.15rem 0.25rem; border-width: 1px; }
.row.note > .knot .icon { inline-size: 0.7rem; block-size: 0.7rem; }
.row.recovered > .knot { border-color: var(--indigo-fill); background: var(--indigo-fill); color: #fff; }
.row.crash > .knot { border-color: var(--red); background: var(--red); color: light-dark(#fff, #2a0d09); }
.row.crash .row-text { padding: 0.35rem 0.6rem; margin-block-start: -0.2rem; border-radius: 8px; background: var(--red-wash); }
.row.recovered .row-text { padding: 0.35rem 0.6rem; margin-block-start: -0.2rem; border-radius: 8px; background: var(--indigo-wash); }
.row-text { min-inline-size: 0; padding-block-start: 0.15rem; }
.row-title { font-weight: 600; overflow-wrap: anywhere; }
.row.note .row-title { color: var(--ink-soft); font-weight: 400; font-size: 0.8125rem; }
.row-detail { color: var(--ink-soft); font-size: 0.8125rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.row.done > .row-text > .row-detail { font-family: var(--mono); font-size: 0.75rem; }
.row.failed .row-detail, .row.retrying .row-detail { color: var(--red); }
.row-time { display: grid; justify-items: end; align-content: start; padding-block-start: 0.15rem; font-size: 0.75rem; font-variant-numeric: tabular-nums; font-weight: 600; }
.row-time time { color: var(--ink-soft); font-weight: 400; }
.row.note time { font-size: 0.6875rem; }
.bar { block-size: 3px; margin-block-start: 0.35rem; border-radius: 2px; background: var(--line); overflow: hidden; }
.bar span { display: block; block-size: 100%; border-radius: 2px; background: var(--indigo); }
.row:is(.signal, .sleep, .review) .bar span { background: var(--saffron-fill); }
.attempts { display: flex; align-items: center; gap: 0.25rem; margin-block: 0.15rem; color: var(--ink-soft); font-size: 0.75rem; }
.pip { inline-size: 0.55rem; block-size: 0.55rem; border-radius: 3px; background: var(--green); }
.pip.bad { background: var(--red); }
.row.running .pip:not(.bad):last-of-type { background: var(--indigo); }
.attempts > span:last-child { margin-inline-start: 0.25rem; }
@keyframes arrive { from { opacity: 0; transform: translateY(-6px); } }
@keyframes breathe { 50% { opacity: 0.35; } }
@keyframes ring { from { box-shadow: 0 0 0 0 color-mix(in oklab, var(--indigo), transparent 45%); } 80%, to { box-shadow: 0 0 0 9px transparent; } }
@keyframes ring-warm { from { box-shadow: 0 0 0 0 color-mix(in oklab, var(--saffron-fill), transparent 30%); } 80%, to { box-shadow: 0 0 0 9px transparent; } }
`;
