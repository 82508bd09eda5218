/** Which build this is. `weft browser build` puts its id here: the hash of all other files of the site. */
export const BUILD = "@WEFT_BUILD@";
