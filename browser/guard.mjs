/**
 * The clock by which Python's guard (weft_browser/guard.py) looks at what runs. Pyodide reads element 0 of its interrupt buffer every few dozen
 * instructions, also where there is no shared memory through which another thread could write it: so here it is an object that looks at the
 * clock. While Python computes, a signal comes every so often; while it waits, nothing happens.
 */

/** SIGVTALRM: a timer that counts only while the program computes. */
const SIGNAL = 26;
/**
 * Python asks anew after 50 of its checks, which costs computing a tenth of its time (measured). It counts down a number that can be written: it
 * is made to ask after more, as long as the questions come quickly.
 */
const FEWEST_CHECKS = 50;
const MOST_CHECKS = 1_000;
const QUICK_MS = 2;

/** @param {any} python Pyodide @param {number} limitS how long code may compute without a pause */
export function guard(python, limitS) {
  const every = Math.min(250, (limitS * 1_000) / 8);
  const module = python._module;
  const countdown = module.__Py_emscripten_signal_clock >> 2; // 0 if this Pyodide does not tell
  let [next, asked, checks] = [0, 0, FEWEST_CHECKS];
  python.setInterruptBuffer({
    get 0() {
      const now = performance.now();
      checks = now - asked < QUICK_MS ? Math.min(2 * checks, MOST_CHECKS) : FEWEST_CHECKS;
      asked = now;
      if (countdown) module.HEAP32[countdown] = checks;
      if (now < next) return 0;
      next = now + every;
      return SIGNAL;
    },
    set 0(_) {}, // Pyodide says that it has read it
  });
}
