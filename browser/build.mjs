/** Which build this is. `weft browser build` puts its id here: the hash of all other files of the site. */
export const BUILD = "@WEFT_BUILD@";

/** The cache in which a Service Worker of this scope keeps the files of this build. @param {string} scope its path */
export const cacheOf = (scope) => `weft:${scope}:${BUILD}`;
