/** The `stack` of traps and of errors that pass through Wasm: frames, source lines, inlined functions, names. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DWARF_SECTIONS } from '../../src-ts/dwarf/index.ts';
import { Engine } from '../../src-ts/index.ts';
import { demangle } from '../../src-ts/runtime/demangle.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { compileProgram, fixture, haveClang } from '../dwarf/programs.ts';
import { Random } from '../fuzz/random.ts';
import { W, wat } from './helpers.ts';

type Func = (...args: unknown[]) => unknown;
type Exports = Record<string, Func>;
type Mod = InstanceType<typeof W.Module>;

const HOST = {
  env: {
    host(n: number) {
      if (n < 0) throw new Error('from the host');
      return n;
    },
  },
};

function exportsOf(module: Mod, imports: object = HOST): Exports {
  return new W.Instance(module, imports).exports as never;
}

function errorOf(f: () => unknown): Error {
  try {
    f();
  } catch (e) {
    return e as Error;
  }
  return expect.unreachable();
}

/** The lines of a stack up to the first JavaScript frame behind Wasm ones, offsets and folders left out. */
function wasmLines(error: Error): string[] {
  const lines = error.stack!.split('\n').map((l) => l.trim());
  const last = lines.findLastIndex((l) => l.includes('wasm-function') || l.startsWith('->'));
  return lines
    .slice(0, last + 1)
    .map((l) => l.replace(/:0x[0-9a-f]+\)/, ':OFFSET)').replace(/\((file:|\/).*\/(.*)\)/, '($2)'));
}

afterEach(() => {
  delete process.env['ELFIN_BACKTRACE_DETAILS'];
  delete process.env['ELFIN_NATIVE_UNWIND'];
});

describe('a C program with inlined functions', () => {
  const crash = new W.Module(fixture('crash5.wasm'));
  W.Module.setFileName(crash, 'crash.wasm');
  const e = exportsOf(crash);

  test('a trap in an inlined function', () => {
    expect(wasmLines(errorOf(() => e['walk']!(20_000)))).toEqual([
      'RuntimeError: out of bounds memory access',
      'at walk (crash.wasm:wasm-function[1]:OFFSET)',
      '-> load (crash.c:10:10)',
      '-> sum (crash.c:16:14)',
      '-> walk (crash.c:30:10)',
    ]);
  });

  test('a trap below a call from an inlined function', () => {
    const error = errorOf(() => e['deep']!(2));
    expect(wasmLines(error)).toEqual([
      'RuntimeError: integer divide by zero',
      'at divide (crash.wasm:wasm-function[3]:OFFSET)',
      '-> divide (crash.c:20:70)',
      'at deep (crash.wasm:wasm-function[2]:OFFSET)',
      '-> step (crash.c:23:11)',
      '-> deep (crash.c:37:10)',
    ]);
    expect(error.stack).toContain(' -> divide (/src/crash.c:20:70)');
    expect(error.stack).not.toMatch(/elfin|Thread/);
  });

  test('stack overflow', () => {
    const error = errorOf(() => e['recurse']!(1));
    expect(error).toBeInstanceOf(RangeError);
    expect(wasmLines(error).slice(2, 5)).toEqual([
      '-> recurse (crash.c:46:23)',
      'at recurse (crash.wasm:wasm-function[5]:OFFSET)',
      '-> recurse (crash.c:46:23)',
    ]);
  });

  test("a host function's error has the Wasm frames between its own and the caller's", () => {
    const error = errorOf(() => e['call_host']!(-5));
    expect(wasmLines(error)).toEqual([
      'Error: from the host',
      expect.stringMatching(/^at (Object\.)?host \(traces\.test\.ts:/),
      'at call_host (crash.wasm:wasm-function[4]:OFFSET)',
      '-> step (crash.c:24:14)',
      '-> call_host (crash.c:42:10)',
    ]);
    expect(error.stack).toMatch(/call_host.*\n.*\n.*\n\s+at .*traces\.test\.ts/);
  });

  test('the same after serialising, and from a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elfin-traces-'));
    try {
      const bytes = W.Module.serialize(crash);
      const file = join(folder, 'crash.o');
      writeFileSync(file, bytes);
      const stack = (m: Mod) => wasmLines(errorOf(() => exportsOf(m)['walk']!(20_000)));
      const original = stack(crash);
      const named = (file: string) => original.map((l) => l.replace('crash.wasm:', file));
      expect(stack(W.Module.deserialize(bytes))).toEqual(named(''));
      expect(stack(W.Module.deserializeFile(file))).toEqual(named('crash.o:'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('details by environment variable and setting', () => {
    const detailed = (f: Func) => errorOf(() => f(20_000)).stack!.includes('->');
    const of = (options: object) => {
      const { WebAssembly } = new Engine(options);
      return exportsOf(new WebAssembly.Module(fixture('crash5.wasm')))['walk']!;
    };
    const [standard, on, off] = [{}, { backtraceDetails: 'on' }, { backtraceDetails: 'off' }].map(
      of,
    );
    expect([standard, on, off].map((f) => detailed(f!))).toEqual([true, true, false]);
    process.env['ELFIN_BACKTRACE_DETAILS'] = '0';
    expect([standard, on, off].map((f) => detailed(f!))).toEqual([false, true, false]);
    process.env['ELFIN_BACKTRACE_DETAILS'] = '1';
    expect([standard, on, off].map((f) => detailed(f!))).toEqual([true, true, false]);
    expect(detailed(of({ debugSections: false }))).toBe(false);
  });

  test('debug sections can be left out of the object', () => {
    const { WebAssembly } = new Engine({ debugSections: false });
    const small = new WebAssembly.Module(fixture('crash5.wasm'));
    const sections = (m: Mod) => W.Module.customSections(m, '.debug_info').length;
    expect([sections(crash), sections(small)]).toEqual([1, 0]);
    const size = (m: Mod) => W.Module.serialize(m).length;
    expect(size(small)).toBeLessThan(size(crash) - 1000);
  });
});

describe.skipIf(!haveClang)('compiled on the spot', () => {
  test.each(['-gdwarf-4', '-gdwarf-5'])('C++, %s', (version) => {
    const module = new W.Module(compileProgram('shapes.cc', [version, '-O2']));
    W.Module.setFileName(module, 'shapes.wasm');
    const e = exportsOf(module);
    expect(wasmLines(errorOf(() => e['area']!(3, 0))).slice(0, 3)).toEqual([
      'RuntimeError: integer divide by zero',
      expect.stringMatching(/^at (geometry::Square::area|area)/),
      '-> geometry::Square::area(int) const (shapes.cc:18:60)',
    ]);
    expect(wasmLines(errorOf(() => e['quotient']!(3, 0)))).toEqual([
      'RuntimeError: integer divide by zero',
      'at quotient (shapes.wasm:wasm-function[3]:OFFSET)',
      '-> geometry::Point<int>::operator/(int) const (shapes.cc:6:37)',
      expect.stringMatching(/^-> quotient::.*::operator\(\)\(int\) const \(shapes\.cc:41:48\)/),
      expect.stringMatching(/^-> .*geometry::\(anonymous namespace\)::apply<.*shapes\.cc:25:54\)/),
      '-> quotient (shapes.cc:41:10)',
    ]);
  });

  test.each(['-O0', '-O1', '-O2', '-Os'])('C, %s', (level) => {
    const e = exportsOf(new W.Module(compileProgram('crash.c', ['-g', level])));
    const sources = wasmLines(errorOf(() => e['walk']!(20_000))).filter((l) => l.startsWith('->'));
    const names = sources.map((l) => l.replace(/:\d+\)$/, ')'));
    expect(names).toEqual(['-> load (crash.c:10)', '-> sum (crash.c:16)', '-> walk (crash.c:30)']);
  });
});

describe('Rust', () => {
  test.each(['ring-legacy.wasm', 'ring-v0.wasm'])('%s', (name) => {
    const e = exportsOf(new W.Module(fixture(name)));
    const lines = wasmLines(errorOf(() => e['total']!(7)));
    const text = lines.join('\n');
    expect(text).toContain('-> core::core_arch::wasm32::unreachable');
    expect(text).toMatch(/-> .*ring::Ring<.*>+::total \(ring\.rs:25/);
    expect(text).toMatch(/at .*ring::Ring<.*>+::total \(.*wasm-function\[\d+\]:OFFSET\)/);
    expect(lines.at(-1)).toMatch(/^-> total \(ring\.rs:33/);
    expect(text).not.toMatch(/_ZN|_R|17h[0-9a-f]{16}/);
  });
});

describe('names', () => {
  test.each([
    ['main', 'main'],
    ['_ZN4core9panicking5panic17h0123456789abcdefE', 'core::panicking::panic'],
    ['_ZN26_$LT$T$u20$as$u20$a..B$GT$3foo17h05af221e174051e9E', '<T as a::B>::foo'],
    [
      '_RNvNtNtCsdHhIpgkcIfN_4core9core_arch6wasm3211unreachable',
      'core::core_arch::wasm32::unreachable',
    ],
    ['_RNvMCskTBf0LudyZh_4ringINtB2_4RinglKj8_E5totalB2_', '<ring::Ring<i32, 8>>::total'],
    ['_RNCNvCs123_1a4main0B3_', 'a::main::{closure#0}'],
    ['_ZN8geometry7measureERKNS_5ShapeEi', 'geometry::measure(geometry::Shape const&, int)'],
    [
      '_ZNSt6vectorIiSaIiEE9push_backEOi',
      'std::vector<int, std::allocator<int> >::push_back(int&&)',
    ],
    ['_ZN1AC2Ev', 'A::A()'],
    ['_ZTV5Shape', '{vtable(Shape)}'],
    ['_ZN', '_ZN'],
    ['_Rust', '_Rust'],
    ['_start', '_start'],
    ['?f@@YAHH@Z', '?f@@YAHH@Z'],
  ])('%s', (name, text) => expect(demangle(name)).toBe(text));

  test('a name that stands for a gigabyte stays as it is', () => {
    const seq = (k: number) => `${(k - 1).toString(36).toUpperCase()}_`;
    let bomb = '_Z1f1BSt4pairIS_S_E';
    for (let i = 0; i < 30; i++) bomb += `S0_IS${seq(2 + i)}S${seq(2 + i)}E`;
    expect(demangle(bomb)).toBe(bomb);
    expect(demangle('_ZN1AC2Ev')).toBe('A::A()');
  });

  test('lines and length are bounded', () => {
    const text = `(module $${'m'.repeat(700)} (func (export "f") unreachable))`;
    const module = new W.Module(wat(text));
    const line = errorOf(() => exportsOf(module)['f']!()).stack!.split('\n')[1]!;
    expect(line.length).toBeLessThan(600);
    W.Module.setFileName(module, 'a\n    at b');
    const [, frame] = errorOf(() => exportsOf(module)['f']!()).stack!.split('\n');
    expect(frame).toMatch(/at a\ufffd {4}at b:wasm-function\[0\]:0x/);
  });
});

describe('errors through Wasm', () => {
  const limit = Error.stackTraceLimit;
  beforeAll(() => {
    Error.stackTraceLimit = 50;
  });
  afterAll(() => {
    Error.stackTraceLimit = limit;
  });

  const PASS = wat(`(module $m
    (import "e" "h" (func $h (param i32)))
    (func $in (param i32) local.get 0 call $h)
    (func $out (export "f") (param i32) local.get 0 call $in)
    (func (export "trap") unreachable))`);
  const module = new W.Module(PASS);
  const through = (h: (n: number, e: Exports) => void) => {
    const e: Exports = exportsOf(module, { e: { h: (n: number) => h(n, e) } });
    return e;
  };
  const shape = (error: Error) =>
    error
      .stack!.split('\n')
      .filter((l) => /^\s+at /.test(l))
      .map((l) => /wasm-function\[(\d+)\]/.exec(l)?.[1] ?? 'js')
      .join(' ')
      .replace(/( ?js)+/g, ' js')
      .trim();

  test('several times, each passage at its place', () => {
    const e = through((n, exports) => {
      if (n === 0) throw new TypeError('deep\n    at nowhere');
      exports['f']!(n - 1);
    });
    const error = errorOf(() => e['f']!(1));
    expect(error.message).toBe('deep\n    at nowhere');
    expect(shape(error)).toBe('js 1 2 js 1 2 js');
  });

  test('a trap below a host function', () => {
    const e = through((_, exports) => exports['trap']!());
    expect(shape(errorOf(() => e['f']!(1)))).toBe('3 js 1 2 js');
  });

  test("all frames, whether the process's unwinder knows the code or not", () => {
    const shapes = ({ WebAssembly }: Engine) => {
      const h = (n: number, e: Exports) => (n < 0 ? e['trap']!() : e['f']!(n - 1));
      const e: Exports = exportsOf(new WebAssembly.Module(PASS) as Mod, {
        e: { h: (n: number) => h(n, e) },
      });
      return [errorOf(() => e['trap']!()), errorOf(() => e['f']!(0))].map(shape);
    };
    const all = ['3 js', '3 js 1 2 js 1 2 js'];
    expect(shapes(new Engine({ nativeUnwind: 'on' }))).toEqual(all);
    expect(shapes(new Engine({ nativeUnwind: 'off' }))).toEqual(all);
    process.env['ELFIN_NATIVE_UNWIND'] = '0';
    expect(shapes(new Engine())).toEqual(all);
  });

  test('read and thrown on', () => {
    const seen: string[] = [];
    const e = through((n, exports) => {
      if (n === 0) throw new Error('x');
      try {
        exports['f']!(n - 1);
      } catch (x) {
        seen.push(shape(x as Error));
        throw x;
      }
    });
    expect(shape(errorOf(() => e['f']!(1)))).toBe('js 1 2 js 1 2 js');
    expect(seen).toEqual(['js 1 2 js']);
  });

  test('what is no error of that moment stays as it is', () => {
    const before = new Error('made before');
    const text = before.stack;
    const frozen = Object.freeze(new Error('frozen'));
    const own = Object.defineProperty(new Error('own'), 'stack', {
      get() {
        throw new Error('not to be read');
      },
      configurable: true,
    });
    for (const thrown of [before, frozen, own, 7, 'text', null, undefined, { stack: 1 }]) {
      const e = through(() => {
        throw thrown;
      });
      expect(errorOf(() => e['f']!(0))).toBe(thrown);
    }
    expect(before.stack).toBe(text);
  });

  test('stack is made when it is read, can be set, and is not enumerable', () => {
    const e = exportsOf(module, { e: { h() {} } });
    const descriptor = (error: Error) => Object.getOwnPropertyDescriptor(error, 'stack')!;
    const error = errorOf(() => e['trap']!());
    expect(descriptor(error).get).toBeTypeOf('function');
    expect(Object.keys(error)).toEqual([]);
    expect(error.stack).toContain('wasm-function[3]');
    expect(descriptor(error)).toMatchObject({
      value: error.stack,
      writable: true,
      enumerable: false,
    });
    const other = errorOf(() => e['trap']!());
    other.stack = 'mine';
    expect(other.stack).toBe('mine');
  });

  test('without room for more JavaScript frames', () => {
    const e = through((n, exports) => exports['f']!(n + 1));
    for (let i = 0; i < 3; i++) expect(errorOf(() => e['f']!(0))).toBeInstanceOf(RangeError);
    const works = through(() => {});
    expect(works['f']!(1)).toBe(undefined);
  });
});

describe('functions without a frame', () => {
  const text = `(module
    (memory 1)
    (type $t (func (param i32) (result i32)))
    (table funcref (elem $load))
    (func $load (type $t) (i32.load (local.get 0)))
    (func $divide (type $t) (i32.div_u (i32.const 7) (local.get 0)))
    (func $stop (type $t) unreachable)
    (func $early (type $t)
      (if (result i32) (i32.lt_s (local.get 0) (i32.const 0))
        (then (return_call $load (local.get 0)))
        (else (i32.trunc_f32_s (f32.div (f32.const 1) (f32.convert_i32_s (local.get 0)))))))
    (func $indirect (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 0)))
    ${['load', 'divide', 'stop', 'early', 'indirect']
      .map(
        (
          name,
        ) => `(func $call_${name} (type $t) (i32.add (call $${name} (local.get 0)) (i32.const 1)))
          (func (export "${name}") (type $t) (i32.add (call $call_${name} (local.get 0)) (i32.const 1)))`,
      )
      .join('\n')})`;

  test.each([0, 2, 's'] as const)('at level %s their callers are in traces', (optLevel) => {
    const { WebAssembly } = new Engine({ optLevel, inline: false });
    const e = exportsOf(new WebAssembly.Module(wat(text)), {});
    const trace = (name: string, n: number) =>
      wasmLines(errorOf(() => e[name]!(n))).map((l) => /^at (\w+)/.exec(l)?.[1] ?? l);
    const memory = 'RuntimeError: out of bounds memory access';
    expect(trace('load', 70_000)).toEqual([memory, 'load', 'call_load', 'wasm']);
    expect(trace('divide', 0).slice(1)).toEqual(['divide', 'call_divide', 'wasm']);
    expect(trace('stop', 0).slice(1)).toEqual(['stop', 'call_stop', 'wasm']);
    expect(trace('early', 0).slice(1)).toEqual(['early', 'call_early', 'wasm']);
    expect(trace('early', -1)).toEqual([memory, 'load', 'call_early', 'wasm']);
    expect(trace('indirect', -9)).toEqual([memory, 'load', 'call_indirect', 'wasm']);
  });
});

describe('damaged DWARF', () => {
  test('traces have offsets at least', () => {
    const good = fixture('crash5.wasm');
    const { customs } = decodeModule(good, SUPPORTED_FEATURES);
    const names: string[] = Object.values(DWARF_SECTIONS);
    const ranges = customs.filter((c) => names.includes(c.name));
    const random = new Random(3);
    const { WebAssembly } = new Engine({ optLevel: 0 });
    for (let n = 0; n < 60; n++) {
      const bad = good.slice();
      for (let k = 0; k < 12; k++) {
        const { start, end } = random.pick(ranges);
        bad[start + random.below(end - start)] = random.pick([0, 0xff, 0x7f, 0x80, random.u32()]);
      }
      const e = exportsOf(new WebAssembly.Module(bad));
      expect(wasmLines(errorOf(() => e['walk']!(20_000)))[1]).toMatch(
        /^at walk \(wasm-function\[1\]/,
      );
    }
  });
});
