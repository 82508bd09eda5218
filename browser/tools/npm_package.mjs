/**
 * Makes the npm package: OUT/package, and OUT/weft-browser-VERSION.tgz of it.
 *
 *     node npm_package.mjs OUT
 *
 * The scripts lie in one folder, as in a built site (weft_browser/scripts.py); types are made from their JSDoc. Python is not in
 * it: `weft browser build` puts it beside a page.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..", "..");
const browser = path.join(root, "browser");
const out = path.resolve(process.argv[2]);
const folder = path.join(out, "package");

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(folder, { recursive: true });
copyScripts();
copyTexts();
writeDescription();
emitTypes();
execFileSync("npm", ["pack", folder, "--pack-destination", out, "--ignore-scripts", "--silent"], { stdio: ["ignore", "inherit", "inherit"] });

function copyScripts() {
  for (const from of [browser, path.join(root, "service_worker")]) {
    for (const name of fs.readdirSync(from).filter((file) => /\.d\.mts$|\.mjs$/.test(file) && !file.startsWith("sw") && file !== "packaged_module.mjs")) {
      const text = fs.readFileSync(path.join(from, name), "utf8");
      fs.writeFileSync(path.join(folder, name), text.replaceAll('"../service_worker/', '"./').replaceAll('"../browser/', '"./'));
    }
  }
}

function copyTexts() {
  fs.copyFileSync(path.join(root, "LICENSE"), path.join(folder, "LICENSE"));
  fs.copyFileSync(path.join(browser, "npm_readme.md"), path.join(folder, "README.md"));
}

/** Without what only this repository needs: the runtime that the builder fetches, its tools and its scripts. */
function writeDescription() {
  const { private: _, scripts, dependencies, devDependencies, ...published } = JSON.parse(fs.readFileSync(path.join(browser, "package.json"), "utf8"));
  fs.writeFileSync(path.join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
}

function emitTypes() {
  const settings = path.join(out, "tsconfig.json");
  const compilerOptions = { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: folder, rootDir: folder,
    paths: { react: [path.join(browser, "node_modules", "@types", "react")] } };
  fs.writeFileSync(settings, JSON.stringify({ extends: path.join(browser, "tsconfig.json"), compilerOptions, include: [`${folder}/*.mjs`], exclude: [] }));
  execFileSync(process.execPath, [path.join(browser, "node_modules", "typescript", "bin", "tsc"), "--project", settings], { stdio: "inherit" });
  fs.rmSync(settings);
}
