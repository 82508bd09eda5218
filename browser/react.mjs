/**
 * React hooks.
 *
 *     const weft = openWeft({ base: "/weft/", workflows: ["/order.py"] });             // once, outside of all components
 *     <WeftProvider weft={weft}><Orders /></WeftProvider>
 *     const { run, events } = useRun(id);      const { runs } = useRuns({ status: "running" });      const { state } = useWeftStatus();
 */
import { createContext, createElement, useContext, useMemo, useSyncExternalStore } from "react";
import { Weft } from "./client.mjs";
import { StatusBoard } from "./status.mjs";
import { NO_RUN, NO_RUNS, watchRun, watchRuns } from "./watching.mjs";

/** @typedef {import("./client.mjs").OpenOptions} OpenOptions @typedef {import("./status.mjs").Status} Status */

/** A client that is being opened or is open. Components hear of it through the hooks. */
export class WeftHandle {
  /** @type {Weft | null} null until an engine answers */ weft = null;
  /** @type {Status} */ status;
  /** @type {Set<() => void>} */ #listeners = new Set();

  /** @param {OpenOptions} options */
  constructor(options) {
    this.status = new StatusBoard(options).status;
    const onStatus = (/** @type {Status} */ status) => {
      this.status = status;
      options.onStatus?.(status);
      this.#tell();
    };
    /** Resolves with the client, rejects if none can be opened; then `status.error` says why. @type {Promise<Weft>} */
    this.opened = Weft.open({ ...options, onStatus });
    this.opened.then((weft) => {
      this.weft = weft;
      this.#tell();
    }, () => {});
  }

  /** @param {() => void} listener */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  #tell() {
    for (const listener of this.#listeners) listener();
  }
}

/** Begin to open a client. Call it once in the life of a page, not in a component. @param {OpenOptions} [options] */
export const openWeft = (options = {}) => new WeftHandle(options);

const Context = createContext(/** @type {WeftHandle | null} */ (null));

/** @param {{weft: WeftHandle, children?: import("react").ReactNode}} props */
export const WeftProvider = ({ weft, children }) => createElement(Context.Provider, { value: weft }, children);

function useHandle() {
  const handle = useContext(Context);
  if (!handle) throw new Error("this component is outside of <WeftProvider weft={openWeft(...)}>");
  return handle;
}

/** The client, or null until an engine answers. @returns {Weft | null} */
export function useWeft() {
  const handle = useHandle();
  return useSyncExternalStore(handle.subscribe, () => handle.weft, () => null);
}

/** What this tab says of its engine, from the first byte that is loaded on. @returns {Status} */
export function useWeftStatus() {
  const handle = useHandle();
  return useSyncExternalStore(handle.subscribe, () => handle.status, () => handle.status);
}

/**
 * A run, kept in step with what happens to it; `run` is null while it is not known.
 * @param {string | null} id null: none @param {{frames?: boolean}} [options] `frames`: also where its code stands, with its variables
 * @returns {import("./watching.mjs").RunView}
 */
export function useRun(id, { frames = false } = {}) {
  const weft = useWeft();
  return useView(NO_RUN, (tell) => (weft && id !== null ? watchRun(weft, id, tell, { frames }) : null), [weft, id, frames]);
}

/**
 * Runs, newest first, kept in step with what happens.
 * @param {import("./watching.mjs").RunsFilter} [filter] as for weft.list(); another object with the same content is the same filter
 * @returns {import("./watching.mjs").RunsView}
 */
export function useRuns(filter = {}) {
  const weft = useWeft();
  const key = JSON.stringify(filter);
  return useView(NO_RUNS, (tell) => (weft ? watchRuns(weft, JSON.parse(key), tell) : null), [weft, key]);
}

/**
 * What is watched lives from the first subscriber to the last: React unsubscribes when the component is gone.
 * @template View @param {View} none @param {(tell: (view: View) => void) => (() => void) | null} begin @param {unknown[]} reasons to begin anew
 * @returns {View}
 */
function useView(none, begin, reasons) {
  const store = useMemo(() => {
    let view = none;
    return {
      look: () => view,
      subscribe: (/** @type {() => void} */ listener) => {
        const stop = begin((next) => {
          view = next;
          listener();
        });
        return () => stop?.();
      },
    };
  }, reasons);
  return useSyncExternalStore(store.subscribe, store.look, () => none);
}
