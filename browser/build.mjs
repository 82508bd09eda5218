/** Which build this is. `weft browser build` puts its id here: the hash of all other files of the site. */
export const BUILD = "@WEFT_BUILD@";

/** The cache in which a Service Worker of this scope keeps the files of this build. @param {string} scope its path */
export const cacheOf = (scope) => `weft:${scope}:${BUILD}`;

/** Whether a bundler packed this client from npm: then it carries no build, and only the Service Worker that served the page knows it. */
export const BUNDLED = BUILD.startsWith("@");
