/** What is wrong with an object that is refused: the message names what was found and what was expected. */
export class ObjectError extends Error {}

Object.defineProperty(ObjectError.prototype, 'name', {
  value: 'ObjectError',
  writable: true,
  configurable: true,
});
