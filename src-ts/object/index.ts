/** ELF objects: what the other rooms use. */
export { checksum, type Checksum } from './checksum.ts';
export { checkHost, FORMAT_VERSION, type EngineInfo } from './engine.ts';
export { ObjectError } from './error.ts';
export { LoadedObject, readObject } from './read.ts';
export { writeObject } from './write.ts';
