/** A dedicated worker, or a Service Worker, that connects and answers with the status of a run. */
import { connect } from "./weft/connection.mjs";

const weft = connect({ name: "e2e", deadlineMs: 90_000 });

addEventListener("message", (event) => {
  const answered = weft.describe(event.data).then((run) => event.ports[0].postMessage({ status: run.status, role: weft.status.role }));
  event.waitUntil?.(answered);
});
