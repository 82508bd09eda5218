/**
 * WebKit gives errors that no script has thrown, such as fetch's "Load failed", no `stack`. Pyodide then does not take them for errors and the
 * Python that awaits the promise waits for ever. Loaded before Pyodide, this gives them an empty one.
 */
if (!("stack" in Error.prototype)) {
  Object.defineProperty(Error.prototype, "stack", { value: "", writable: true, configurable: true });
}
