/** Implementation limits: the JavaScript API specification, appendix "Implementation-defined Limits". */
export const MAX_MODULE_SIZE = 1073741824;
export const MAX_TYPES = 1000000;
export const MAX_FUNCTIONS = 1000000;
export const MAX_IMPORTS = 1000000;
export const MAX_EXPORTS = 1000000;
export const MAX_GLOBALS = 1000000;
export const MAX_DATA_SEGMENTS = 100000;
export const MAX_TABLES = 100000;
export const MAX_MEMORIES = 100;
export const MAX_PARAMS = 1000;
export const MAX_RESULTS = 1000;
export const MAX_BODY_SIZE = 7654321;
/** Locals of a function, parameters included. */
export const MAX_LOCALS = 50000;
export const MAX_ELEMENT_SEGMENTS = 10000000;
export const MAX_SEGMENT_ENTRIES = 10000000;
/** Targets of one br_table; the specification gives none, engines agree on this. */
export const MAX_BR_TABLE = 65520;
export const MAX_MEMORY_PAGES = 65536;
export const MAX_TABLE_SIZE = 0xffffffff;
