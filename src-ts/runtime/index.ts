/**
 * `elfin/runtime`: loads and runs compiled objects, with no compiler in its module graph. The default export has the shape of
 * the WebAssembly namespace without what compiles; modules come from `Module.deserialize` and `Module.deserializeFile`.
 */
import { createRuntimeNamespace } from './namespace.ts';

export { ObjectError } from '../object/error.ts';
export type { RuntimeNamespace } from './namespace.ts';

export default createRuntimeNamespace();
