/** Loads a module of Pyodide when its address is known. A packaged extension has packaged_module.mjs in this file's place. */

/** @param {string} url @returns {Promise<any>} */
export function loadModule(url) {
  const again = () => import(`${url}?again`); // a module that failed once stays failed under its name
  return import(url).catch(again);
}
