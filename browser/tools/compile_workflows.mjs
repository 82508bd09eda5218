/**
 * Compiles the author's workflows in the Pyodide that will be shipped, so that a page need not do it at every start.
 *
 *     node compile_workflows.mjs PYODIDE_DIR OUT_DIR WHEEL,...,PACK FILE...      writes OUT_DIR/name.weft for each name.py
 */
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import zlib from "node:zlib";

const [runtime, out, packages, ...files] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(path.join(runtime, "pyodide.mjs")).href);
// A fixed hash seed: the same input gives the same bytes.
const python = await loadPyodide({ indexURL: `${path.resolve(runtime)}/`, env: { PYTHONHASHSEED: "0" } });
for (const file of packages.split(",")) {
  const bytes = fs.readFileSync(file);
  if (file.endsWith(".whl")) python.unpackArchive(new Uint8Array(bytes), "wheel");
  else python.FS.writeFile("/lib/weft.zip", zlib.gunzipSync(bytes));
}
python.runPython("import sys; sys.path.append('/lib/weft.zip'); import weft_browser.packed; weft_browser.packed.install()");
const compiling = python.pyimport("weft_browser.compiling");
for (const file of files) {
  const name = path.basename(file);
  const target = `/${name}.weft`;
  python.FS.writeFile(`/${name}.source`, fs.readFileSync(file));
  compiling.compile_file(`/${name}.source`, target, name);
  if (python.FS.analyzePath(target).exists) fs.writeFileSync(path.join(out, name.replace(/py$/, "weft")), python.FS.readFile(target));
}
