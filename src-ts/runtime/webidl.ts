/** The pieces of Web IDL that the JavaScript API is written in: conversions, and the shape of interface objects. */

/** § 3.2.4.9 ConvertToInt with [EnforceRange] unsigned long. Throws TypeError. */
export function toU32(value: unknown, what: string): number {
  const n = Number(value as number);
  if (typeof value === 'bigint' || !Number.isFinite(n))
    throw new TypeError(`${what} must be an integer from 0 to 4294967295`);
  const t = Math.trunc(n);
  if (t < 0 || t > 0xffffffff)
    throw new TypeError(`${what} must be an integer from 0 to 4294967295`);
  return t + 0;
}

/** § 3.2.18: a dictionary argument; null and undefined are the empty dictionary. Throws TypeError. */
export function toDictionary(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function')
    throw new TypeError(`${what} must be an object`);
  return value as Record<string, unknown>;
}

/** An optional object argument. Throws TypeError for anything but undefined and objects. */
export function toOptionalObject(value: unknown, what: string): object | undefined {
  if (value === undefined) return undefined;
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    throw new TypeError(`${what} must be an object`);
  }
  return value;
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Throws TypeError unless at least `n` arguments were given. */
export function needArguments(count: number, n: number, what: string): void {
  if (count < n)
    throw new TypeError(
      `${what} requires at least ${n} argument${n === 1 ? '' : 's'}, got ${count}`,
    );
}

/** A stable copy of a BufferSource's bytes (§ 3.2.25). Throws TypeError for anything else. */
export function copyBytes(source: unknown, what: string): Uint8Array {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
  }
  if (isArrayBuffer(source)) return new Uint8Array(source.slice(0));
  throw new TypeError(`${what} must be an ArrayBuffer or a view of one`);
}

const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')!.get!;

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    byteLength.call(value);
    return true;
  } catch {
    return typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer;
  }
}

/**
 * Gives a class the property attributes of an interface (§ 3.7): operations and attributes enumerable, a toStringTag,
 * and on the class itself enumerable static operations.
 */
export function defineInterface(
  constructor: { prototype: object; name: string },
  tag: string,
): void {
  for (const [holder, skip] of [
    [constructor.prototype, ['constructor']],
    [constructor, ['prototype', 'name', 'length']],
  ] as const) {
    for (const key of Object.getOwnPropertyNames(holder)) {
      if ((skip as readonly string[]).includes(key)) continue;
      Object.defineProperty(holder, key, { enumerable: true });
    }
  }
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, {
    value: tag,
    writable: false,
    enumerable: false,
    configurable: true,
  });
}
