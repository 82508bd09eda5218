/**
 * Faults of IndexedDB for the tests, over the real one: a plan says at which writing transaction the connection dies (or at each
 * so-many-th of all), and when in its life.
 *
 * `before`: the connection is closed, and nobody said so; the transaction cannot begin. `inside`: it has begun, and is aborted. `after`: it is
 * on disk, and its `complete` is lost: all that is heard is that the connection is gone, as when the browser's storage process dies.
 */
const faults = {
  seen: 0, reads: 0, hit: 0, plan: /** @type {{at: number, how: string, every?: number} | null} */ (null), down: false, hangs: 0,
  full: false, full_to_the_last_byte: false, down_after_answers: 0,
};
globalThis.storeFaults = faults;

if (!globalThis.document) {
  try {
    const channel = new BroadcastChannel("store-faults"); // the page asks; not every driver can speak to a worker
    channel.onmessage = ({ data }) => data.state && channel.postMessage({ are: Object.assign(faults, data.state) });
  } catch {
    // denied, as all storage is: there is nothing to break
  }
}

const begin = IDBDatabase.prototype.transaction;
IDBDatabase.prototype.transaction = function (...args) {
  if (args[1] === "readwrite") faults.seen += 1;
  else faults.reads += 1;
  if (faults.down) throw new DOMException("Internal error opening backing store (injected)", "UnknownError");
  if (faults.full && args[1] === "readwrite") throw new DOMException("not a byte more (injected)", "QuotaExceededError");
  const { plan } = faults;
  const dying = plan && (plan.every ? (faults.seen + faults.reads) % plan.every === plan.at : args[1] === "readwrite" && faults.seen === plan.at);
  if (!plan || !dying) return watched(begin.apply(this, args));
  faults.hit += 1;
  const dies = () => {
    this.close();
    this.dispatchEvent(new Event("close"));
  };
  if (plan.how === "before") this.close();
  const tx = begin.apply(this, args);
  if (plan.how === "inside") {
    void Promise.resolve().then(() => {
      tx.abort();
      dies();
    });
  } else {
    tx.addEventListener("complete", (event) => {
      event.stopImmediatePropagation();
      dies();
      tx.dispatchEvent(new Event("abort"));
    });
  }
  return tx;
};

/** Its listener comes before those of the store. @param {IDBTransaction} tx */
function watched(tx) {
  tx.addEventListener("abort", () => (faults.full ||= faults.full_to_the_last_byte && tx.error?.name === "QuotaExceededError"));
  return tx;
}

const ask = globalThis.fetch;
globalThis.fetch = async (...args) => {
  const answer = await ask(...args);
  if (answer.url.includes("/api/") && faults.down_after_answers > 0) faults.down ||= --faults.down_after_answers === 0;
  return answer;
};

/** What an open() answers with that the browser does not carry out. @param {string} [failure] without one it never settles */
function unanswered(failure) {
  const request = { error: new DOMException(`Internal error opening backing store for indexedDB.open. (${failure})`, "UnknownError"), onerror: () => {} };
  if (failure) setTimeout(() => request.onerror(), 0);
  return request;
}

const open = IDBFactory.prototype.open;
const denied = globalThis.name === "weft:denied"; // the engine of that name: before its first line, which no test could be sure to reach in time
IDBFactory.prototype.open = function (...args) {
  if (denied) throw new DOMException("denied (injected)", "SecurityError");
  if (faults.down) return unanswered("injected");
  if (faults.hangs > 0 && faults.hangs--) return unanswered();
  return open.apply(this, args);
};
