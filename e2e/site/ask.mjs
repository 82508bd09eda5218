/** A worker that says which edition of the site it is given. */
postMessage(await (await fetch("./edition.txt")).text());
