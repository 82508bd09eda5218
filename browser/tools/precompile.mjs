/**
 * Runs `precompile.py` in the Pyodide that will be shipped, so that the bytecode is made by the very interpreter that loads it.
 *
 *     node precompile.mjs PYODIDE_DIR SCRIPT INPUT OUTPUT KIND [WHEEL...]      KIND: "stdlib" or "own", which needs the wheels to be imported
 */
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, script, input, output, kind, ...wheels] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(path.join(runtime, "pyodide.mjs")).href);
// A fixed hash seed: sets in the bytecode are written in the order of their hashes. Columns of instructions would be a quarter of it.
const python = await loadPyodide({ indexURL: `${path.resolve(runtime)}/`, env: { PYTHONHASHSEED: "0", PYTHONNODEBUGRANGES: "1" } });
python.FS.writeFile("/in.zip", fs.readFileSync(input));
python.FS.writeFile("/precompile.py", fs.readFileSync(script));
for (const wheel of wheels) python.unpackArchive(new Uint8Array(fs.readFileSync(wheel)), "wheel");
python.runPython("import sys; sys.path.insert(0, '/')");
python.pyimport("precompile").main("/in.zip", "/out.zip", kind);
fs.writeFileSync(output, python.FS.readFile("/out.zip"));
