/** The client without React: what a run tells while it goes on, and what it returns. */
import { WeftError, type Run, type Weft } from "@weft/browser";

export async function greet(weft: Weft, name: string): Promise<Run> {
  const run = await weft.start("welcome", [{ name, pause: "1s" }]);
  void log(weft, run.id);
  return run;
}

async function log(weft: Weft, id: string): Promise<void> {
  for await (const event of weft.tail(id)) {
    if (event.type === "activity_scheduled") console.log(event.seq, event.name, event.attempt satisfies number);
    else console.log(event.seq, event.type);
  }
}

export const told = (error: unknown): string => (error instanceof WeftError ? `${error.code}: ${error.message}` : String(error));

/** How many tails are open: of the hooks there must be none when their components are gone. */
export function countTails(weft: Weft): () => number {
  let open = 0;
  const tail = weft.tail.bind(weft);
  weft.tail = async function* counted(...args: Parameters<Weft["tail"]>) {
    open++;
    try {
      yield* tail(...args);
    } finally {
      open--;
    }
  };
  return () => open;
}
