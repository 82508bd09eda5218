/**
 * The clock by which Python's guard (weft_browser/guard.py) looks at what runs. Pyodide reads element 0 of its interrupt buffer every few dozen
 * instructions, also where there is no shared memory through which another thread could write it: so here it is an object that looks at the
 * clock. While Python computes, a signal comes every so often; while it waits, nothing happens.
 */

/** SIGVTALRM: a timer that counts only while the program computes. */
const SIGNAL = 26;
/** Python asks so often that most questions are answered without a look at the clock. */
const QUESTIONS_A_LOOK = 16;

/** @param {{setInterruptBuffer(buffer: any): void}} python @param {number} limitS how long code may compute without a pause */
export function guard(python, limitS) {
  const every = Math.min(250, (limitS * 1_000) / 8);
  let next = 0;
  let questions = 0;
  python.setInterruptBuffer({
    get 0() {
      if (++questions % QUESTIONS_A_LOOK) return 0;
      const now = performance.now();
      if (now < next) return 0;
      next = now + every;
      return SIGNAL;
    },
    set 0(_) {}, // Pyodide says that it has read it
  });
}
