/**
 * Numbers of `.wast` scripts as bit patterns, exactly (core specification 6.3.1 and 6.3.2, "Integers" and
 * "Floating-Point"): decimal and hexadecimal, rounded once to nearest, ties to even; NaN payloads kept.
 */

interface Format {
  /** Significand bits including the hidden one. */
  readonly precision: number;
  readonly minExponent: number;
  readonly maxExponent: number;
}

const F32: Format = { precision: 24, minExponent: -126, maxExponent: 127 };
const F64: Format = { precision: 53, minExponent: -1022, maxExponent: 1023 };

function bitLength(n: bigint): number {
  return n.toString(2).length;
}

/** An integer literal, modulo 2^bits, as an unsigned bigint. */
export function intBits(text: string, bits: number): bigint {
  const digits = text.replaceAll('_', '');
  const negative = digits.startsWith('-');
  const value = BigInt(digits.replace(/^[+-]/, ''));
  return BigInt.asUintN(bits, negative ? -value : value);
}

/** num / den (both positive) as the magnitude bits of a float, rounded to nearest even; overflow gives infinity. */
function roundRational(num: bigint, den: bigint, f: Format): bigint {
  const p = f.precision;
  let exponent = bitLength(num) - bitLength(den);
  const scaledLess = exponent >= 0 ? num < den << BigInt(exponent) : num << BigInt(-exponent) < den;
  if (scaledLess) exponent--;
  // The last significand bit weighs 2^q.
  const q = Math.max(exponent, f.minExponent) - (p - 1);
  const n = q < 0 ? num << BigInt(-q) : num;
  const d = q < 0 ? den : den << BigInt(q);
  let significand = n / d;
  const twice = (n % d) * 2n;
  if (twice > d || (twice === d && (significand & 1n) === 1n)) significand++;
  const hidden = 1n << BigInt(p - 1);
  if (significand < hidden) return significand;
  const biased = BigInt(q + (p - 1) + f.maxExponent);
  const bits = (biased << BigInt(p - 1)) + (significand - hidden);
  const infinity = BigInt(2 * f.maxExponent + 1) << BigInt(p - 1);
  return bits < infinity ? bits : infinity;
}

/** Digits with an optional point as an integer and the power of `base` to multiply it with. */
function digitsOf(text: string, base: bigint): [bigint, number] {
  const point = text.indexOf('.');
  const whole = point < 0 ? text : text.slice(0, point);
  const fraction = point < 0 ? '' : text.slice(point + 1);
  const digits = whole + fraction;
  const value = digits === '' ? 0n : BigInt((base === 16n ? '0x' : '') + digits);
  return [value, -fraction.length];
}

function magnitude(text: string, f: Format): bigint {
  const hex = text.startsWith('0x');
  const [mantissa, exponent] = (hex ? text.slice(2) : text).split(hex ? /[pP]/ : /[eE]/);
  const [value, scale] = digitsOf(mantissa as string, hex ? 16n : 10n);
  if (value === 0n) return 0n;
  const power = Number(exponent ?? '0') + scale * (hex ? 4 : 1);
  const base = hex ? 2n : 10n;
  const factor = base ** BigInt(Math.abs(power));
  return power < 0 ? roundRational(value, factor, f) : roundRational(value * factor, 1n, f);
}

/** A float literal (number, `inf`, `nan`, `nan:0x…`) as its bit pattern. */
export function floatBits(literal: string, bits: 32 | 64): bigint {
  const f = bits === 32 ? F32 : F64;
  const text = literal.replaceAll('_', '');
  const sign = text.startsWith('-') ? 1n << BigInt(bits - 1) : 0n;
  const body = text.replace(/^[+-]/, '');
  const infinity = BigInt(2 * f.maxExponent + 1) << BigInt(f.precision - 1);
  if (body === 'inf') return sign | infinity;
  if (body === 'nan') return sign | infinity | (1n << BigInt(f.precision - 2));
  if (body.startsWith('nan:0x')) return sign | infinity | BigInt(body.slice(4));
  return sign | magnitude(body, f);
}

/** `nan:canonical` or `nan:arithmetic` against a bit pattern. */
export function isNaNPattern(pattern: string, value: bigint, bits: 32 | 64): boolean {
  const f = bits === 32 ? F32 : F64;
  const quiet = BigInt(4 * f.maxExponent + 3) << BigInt(f.precision - 2);
  const positive = BigInt.asUintN(bits - 1, value);
  return pattern === 'nan:canonical' ? positive === quiet : (positive & quiet) === quiet;
}
