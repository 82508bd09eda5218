/** Colours for Python source: enough for people to read by, not a parser. */
import { h } from "./dom.mjs";

const WORDS =
  "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield";
const CONSTANTS = "None True False self ctx";
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>#.*)`,
    String.raw`(?<string>[rbfu]{0,2}(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))`,
    String.raw`(?<decorator>^\s*@[\w.]+)`,
    String.raw`(?<keyword>\b(?:${WORDS.replaceAll(" ", "|")})\b)`,
    String.raw`(?<constant>\b(?:${CONSTANTS.replaceAll(" ", "|")})\b)`,
    String.raw`(?<number>\b\d[\d_.]*\b)`,
    String.raw`(?<call>\b[A-Za-z_]\w*(?=\())`,
  ].join("|"),
  "g",
);
const TRIPLE = '"""';

/** @param {string[]} lines @returns {(Node | string)[][]} the content of each line */
export function highlight(lines) {
  let open = false; // inside a text of three quotes, which may span lines
  return lines.map((line) => {
    /** @type {(Node | string)[]} */
    const out = [];
    for (let rest = line; rest; ) {
      const begin = open ? 0 : rest.indexOf(TRIPLE);
      if (begin < 0) return [...out, ...tokens(rest)];
      const end = rest.indexOf(TRIPLE, open ? 0 : begin + 3);
      const stop = end < 0 ? rest.length : end + 3;
      out.push(...tokens(rest.slice(0, begin)), h("span", { class: "t-string", text: rest.slice(begin, stop) }));
      open = end < 0;
      rest = rest.slice(stop);
    }
    return out;
  });
}

/** @param {string} line */
function tokens(line) {
  /** @type {(Node | string)[]} */
  const out = [];
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    const [kind] = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined) ?? [];
    out.push(line.slice(at, match.index), h("span", { class: `t-${kind}`, text: match[0] }));
    at = match.index + match[0].length;
  }
  out.push(line.slice(at));
  return out.filter((part) => part !== "");
}
