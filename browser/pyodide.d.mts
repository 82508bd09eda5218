/** Types of the runtime's module, which the builder puts beside the scripts of a site. */
export function loadPyodide(options: object): Promise<any>;
