import { Weft, WeftError, type OpenOptions } from "@weft/browser";

const here = import.meta.env.BASE_URL;
const options: OpenOptions = {
  base: `${here}weft/`,
  workflows: [`${here}welcome.py`],
  serviceWorker: import.meta.env.PROD ? `${here}sw.mjs` : null,
};

const form = document.querySelector<HTMLFormElement>("#form")!;
const button = form.querySelector("button")!;
const output = document.querySelector<HTMLOutputElement>("#greeting")!;

async function greet(weft: Weft, name: string): Promise<string> {
  const run = await weft.start("welcome", [{ name, pause: "10ms" }]);
  for await (const event of weft.tail(run.id)) console.log(event.seq, event.type);
  return (await weft.result(run.id)).greeting;
}

try {
  const weft = await Weft.open(options);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.value = await greet(weft, new FormData(form).get("name") as string ?? "Ada");
  });
  button.disabled = false;
} catch (error) {
  output.value = error instanceof WeftError ? `${error.code}: ${error.message}` : String(error);
}
