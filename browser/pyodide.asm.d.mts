/** Types of the runtime's module, which the builder puts beside the scripts of a site. */
export default function createPyodideModule(settings: object): Promise<any>;
