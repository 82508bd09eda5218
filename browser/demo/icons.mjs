/** Drawings of the page, all our own. Icons take the colour of the text; pictures use the palette of theme.css by class. */

/** @param {string} body @param {string} [extra] */
const icon = (body, extra = "") =>
  `<svg class="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" ${extra}>${body}</svg>`;

export const ICONS = {
  check: icon('<path d="m5 10.5 3.3 3.3L15 7"/>'),
  cross: icon('<path d="m6 6 8 8M14 6l-8 8"/>'),
  clock: icon('<circle cx="10" cy="10" r="6.5"/><path d="M10 6.5V10l2.4 1.6"/>'),
  hand: icon('<path d="M6.5 10.5V5.8a1.1 1.1 0 0 1 2.2 0V9m0-4.5a1.1 1.1 0 0 1 2.2 0V9m0-3.6a1.1 1.1 0 0 1 2.2 0v5.8c0 3-1.7 5-4.3 5-2 0-3.1-1-4-2.6l-1.3-2.4c-.6-1.2.8-2.1 1.6-1.1l1.4 1.6"/>'),
  gear: icon('<path d="M4 7h7.5M15 7h1M4 13h1M8.5 13H16"/><circle cx="13.2" cy="7" r="1.8"/><circle cx="6.8" cy="13" r="1.8"/>'),
  fork: icon('<path d="M10 16v-4M10 12 5.5 8V5M10 12l4.5-4V5"/>'),
  note: icon('<path d="M5 6h10M5 10h10M5 14h6"/>'),
  flag: icon('<path d="M6 16.5v-12M6 4.5h8.5l-2 3 2 3H6"/>'),
  bolt: icon('<path d="M11 2.5 5 11h4.5L9 17.5 15 9h-4.5z"/>'),
  plug: icon('<path d="M7 3v4M13 3v4M5.5 7h9v2.5a4.5 4.5 0 0 1-9 0zM10 14v3"/>'),
  skull: icon('<path d="M10 3a6 6 0 0 0-3.5 10.9V16h7v-2.1A6 6 0 0 0 10 3z"/><path d="M8 9.5v.01M12 9.5v.01M10 16v-2"/>'),
  cloud: icon('<path d="M6 14.5a3 3 0 0 1-.3-6A4.5 4.5 0 0 1 14.3 8a3.3 3.3 0 0 1-.3 6.5zM8 17.5l.5-1M11.5 17.5l.5-1"/>'),
  theme: icon('<circle cx="10" cy="10" r="6.5"/><path d="M10 3.5a6.5 6.5 0 0 1 0 13z" fill="currentColor" stroke="none"/>'),
  undo: icon('<path d="M7 5 4 8l3 3M4.5 8H12a4 4 0 0 1 0 8H8"/>'),
};

/** @param {string} body */
const picture = (body) => `<svg class="picture" viewBox="0 0 64 48" aria-hidden="true">${body}</svg>`;

export const PICTURES = {
  loom: picture(
    '<path class="p-wood" d="M10 8h5v34h-5zM49 8h5v34h-5zM8 12h48v4H8zM8 34h48v4H8z"/>' +
      '<path class="p-warp" d="M20 16v18M26 16v18M32 16v18M38 16v18M44 16v18"/><path class="p-weft" d="M18 31h28M18 28h28M18 25h19"/>',
  ),
  shuttle: picture(
    '<path class="p-wood" d="M6 24c12-11 40-11 52 0-12 11-40 11-52 0z"/><path class="p-hole" d="M20 24c5-4 19-4 24 0-5 4-19 4-24 0z"/>' +
      '<path class="p-weft" d="M24 22v4M28 21v6M32 21v6M36 21v6M40 22v4"/>',
  ),
  yarn: picture(
    '<circle class="p-ball" cx="31" cy="23" r="16"/><path class="p-strand" d="M18 17c8 1 19 8 23 18M16 25c7 0 15 5 18 13M24 9c8 2 18 10 22 20M35 8c5 2 10 7 12 12"/>' +
      '<path class="p-weft" d="M43 34c4 6 9 7 15 5"/>',
  ),
  heddle: picture('<path class="p-wood" d="M10 6h44v4H10zM10 38h44v4H10z"/><path class="p-warp" d="M16 10v28M24 10v28M32 10v28M40 10v28M48 10v28"/>' +
    '<path class="p-eye" d="M16 22v4M24 22v4M32 22v4M40 22v4M48 22v4"/>'),
};
