import { StrictMode, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { openWeft, useRun, useRuns, useWeft, useWeftStatus, WeftProvider } from "@weft/browser/react";
import "@weft/browser/panel";
import { countTails, greet, told } from "./greet";

const here = import.meta.env.BASE_URL;
const weft = openWeft({
  base: `${here}weft/`,
  workflows: [`${here}welcome.py`],
  serviceWorker: import.meta.env.PROD ? `${here}sw.mjs` : null,
});
void weft.opened.then((client) => Object.assign(globalThis, { weft: client, tails: countTails(client) }));

function App() {
  const client = useWeft();
  const { state } = useWeftStatus();
  const [id, setId] = useState<string | null>(null);
  const [trouble, setTrouble] = useState("");
  return (
    <main data-engine={state}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const name = String(new FormData(event.currentTarget).get("name"));
          if (client) greet(client, name).then((run) => setId(run.id), (error: unknown) => setTrouble(told(error)));
        }}
      >
        <input name="name" aria-label="Name" /> <button disabled={!client}>Greet</button>
      </form>
      <p role="alert">{trouble}</p>
      {id !== null && <Live id={id} key={id} />}
      {id !== null && <button onClick={() => setId(null)}>Hide</button>}
      {id !== null && <Panel />}
    </main>
  );
}

function Live({ id }: { id: string }) {
  const { run, events, error } = useRun(id);
  const { runs } = useRuns({ workflow: "welcome", limit: 5 });
  const seen = useRef<string[]>([]);
  if (run && seen.current.at(-1) !== run.status) seen.current.push(run.status);
  return (
    <section aria-label="Run">
      <output id="greeting">{run?.result?.greeting ?? error?.message ?? ""}</output>
      <p id="states">{seen.current.join(", ")}</p>
      <p id="counts">{events.length} events, {runs.length} runs</p>
    </section>
  );
}

function Panel() {
  const client = useWeft();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const panel = document.createElement("weft-panel");
    panel.weft = client;
    place.current?.replaceChildren(panel);
    return () => panel.remove();
  }, [client]);
  return <div ref={place} />;
}

createRoot(document.querySelector("#root")!).render(
  <StrictMode>
    <WeftProvider weft={weft}>
      <App />
    </WeftProvider>
  </StrictMode>,
);
