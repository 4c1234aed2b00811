/** Literals of scripts as bits, against V8's own conversions where those are exact. */
import { expect, test } from 'vitest';
import { floatBits, intBits, isNaNPattern } from '../../src-ts/tools/wast/values.ts';

function bits64(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
}

function bits32(value: number): bigint {
  return BigInt(new Uint32Array(Float32Array.of(value).buffer)[0] as number);
}

test('integers', () => {
  expect(intBits('-1', 32)).toBe(0xffffffffn);
  expect(intBits('+0x7fff_ffff', 32)).toBe(0x7fffffffn);
  expect(intBits('-0x8000000000000000', 64)).toBe(0x8000000000000000n);
});

test('decimal f64 as JavaScript reads them', () => {
  const texts = [
    '0',
    '1',
    '0.1',
    '1e308',
    '1.7976931348623157e308',
    '1e309',
    '5e-324',
    '2.5e-324',
    '2e-324',
    '3.',
    '1E5',
  ];
  texts.push(
    '123456789012345678901234567890',
    '9007199254740993',
    '2.2250738585072011e-308',
    '1.5e-310',
  );
  for (const text of texts) {
    expect(floatBits(text, 64)).toBe(bits64(Number(text)));
    expect(floatBits(`-${text}`, 64)).toBe(bits64(-Number(text)));
  }
});

test('f32 is rounded once', () => {
  expect(floatBits('0.1', 32)).toBe(bits32(0.1));
  // Halfway between two floats but for the last digit: through f64 it would go down.
  expect(floatBits('1.00000005960464477540', 32)).toBe(0x3f800001n);
  expect(floatBits('1.00000005960464477539', 32)).toBe(0x3f800000n);
  expect(floatBits('3.4028235677973367e38', 32)).toBe(0x7f800000n);
  expect(floatBits('3.4028234e38', 32)).toBe(0x7f7fffffn);
});

test('hexadecimal floats', () => {
  expect(floatBits('0x1p-149', 32)).toBe(1n);
  expect(floatBits('0x1p-150', 32)).toBe(0n);
  expect(floatBits('0x1.8p-150', 32)).toBe(1n);
  expect(floatBits('0x1.fffffffffffffp+1023', 64)).toBe(0x7fefffffffffffffn);
  expect(floatBits('-0x0.0p0', 64)).toBe(1n << 63n);
  expect(floatBits('0x1.000000000000080000001p0', 64)).toBe(0x3ff0000000000001n);
  expect(floatBits('0xA.Bp1', 64)).toBe(bits64(0xab / 8));
});

test('infinities and NaNs', () => {
  expect(floatBits('-inf', 32)).toBe(0xff800000n);
  expect(floatBits('nan', 64)).toBe(0x7ff8000000000000n);
  expect(floatBits('-nan:0x1', 32)).toBe(0xff800001n);
  expect(isNaNPattern('nan:canonical', 0xffc00000n, 32)).toBe(true);
  expect(isNaNPattern('nan:canonical', 0x7fc00001n, 32)).toBe(false);
  expect(isNaNPattern('nan:arithmetic', 0x7fc00001n, 32)).toBe(true);
  expect(isNaNPattern('nan:arithmetic', 0x7fa00000n, 32)).toBe(false);
  expect(isNaNPattern('nan:arithmetic', 0xfff8000000000001n, 64)).toBe(true);
});
