/**
 * The worker of `worker.py` in Pyodide.
 *
 *     node worker.mjs ROOT [MSGPACK_WHEEL [MODULE]]      ROOT: the checkout, which is mounted and not written to
 *
 * MODULE: another Python module whose handle() answers the lines.
 */
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const [root, wheel, module = "tests.frames.differential.worker"] = process.argv.slice(2);
const runtime = path.join(root, "browser", "node_modules", "pyodide");
const { loadPyodide } = await import(pathToFileURL(path.join(runtime, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: `${runtime}/`, stdout: console.error, stderr: console.error });
python.FS.mkdirTree("/weft");
python.FS.mount(python.FS.filesystems.NODEFS, { root }, "/weft");
if (wheel?.endsWith(".whl")) {
  const bytes = fs.readFileSync(wheel);
  python.unpackArchive(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), "wheel");
} else if (wheel) {
  python.FS.mkdirTree("/packages");
  python.FS.mount(python.FS.filesystems.NODEFS, { root: wheel }, "/packages");
}
python.runPython(`
import sys, warnings
sys.dont_write_bytecode = True
sys.path[:0] = ["/weft", "/packages"]
warnings.simplefilter("ignore")
`);
const worker = python.pyimport(module);
for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${worker.handle(line)}\n`);
}
