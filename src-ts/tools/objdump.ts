/** `elfin objdump`: an object's code with function names, Wasm offsets and trap sites beside the instructions. */
import { checksum } from '../object/checksum.ts';
import { readObject, type LoadedObject } from '../object/read.ts';
import { TRAP_NAMES } from '../gen/ir.ts';
import { Disassembler, hexBytes, type Line } from './disassemble.ts';

const BYTES_SHOWN = 10;

/** A stretch of .text with a name. */
interface Piece {
  name: string;
  offset: number;
  size: number;
  trampoline: boolean;
}

/** The whole dump as text. Throws ObjectError for what is no object. */
export async function objdump(bytes: Uint8Array): Promise<string> {
  const object = readObject(bytes, checksum);
  const disassembler = await Disassembler.load(object.engine.target);
  try {
    const parts = [heading(object)];
    for (const piece of pieces(object)) parts.push(dumpPiece(object, disassembler, piece));
    return parts.join('\n');
  } finally {
    disassembler.close();
  }
}

function heading(object: LoadedObject): string {
  const { engine, layout, module } = object;
  const settings = Object.entries(engine.settings).map(([k, v]) => `${k}=${v}`);
  return [
    `target    ${engine.target}`,
    `features  ${engine.cpuFeatures.join(' ') || '(baseline)'}`,
    `settings  ${settings.join(' ')}`,
    `code      ${layout.textSize} bytes, ${object.functions.offsets.length} functions, ${object.traps.count} trap sites`,
    `module    ${module.moduleName || '(no name)'}: ${module.imports.length} imports, ${module.exports.length} exports, ${object.data.size} bytes of data`,
    '',
  ].join('\n');
}

/** Functions in index order, then trampolines: as they stand in .text. */
function* pieces(object: LoadedObject): Iterable<Piece> {
  const { functions, importedFunctions, layout } = object;
  for (let i = 0; i < functions.offsets.length; i++) {
    const index = importedFunctions + i;
    if (functions.sizes[i] === 0) continue; // inlined wherever it is called
    const name = object.names.get(index);
    yield {
      name: `wasm-function[${index}]${name === undefined ? '' : ` ${name}`}`,
      offset: object.textOffsetOf(index),
      size: object.sizeOf(index),
      trampoline: false,
    };
  }
  const starts: Piece[] = [];
  functions.entries.forEach(
    (offset, type) =>
      offset < layout.textSize &&
      starts.push({ name: `entry trampoline, type ${type}`, offset, size: 0, trampoline: true }),
  );
  functions.exits.forEach(
    (offset, type) =>
      offset < layout.textSize &&
      starts.push({ name: `exit trampoline, type ${type}`, offset, size: 0, trampoline: true }),
  );
  starts.sort((a, b) => a.offset - b.offset);
  for (const [i, start] of starts.entries()) {
    yield { ...start, size: (starts[i + 1]?.offset ?? layout.textSize) - start.offset };
  }
}

function dumpPiece(
  object: LoadedObject,
  disassembler: Disassembler,
  { name, offset, size, trampoline }: Piece,
): string {
  const start = object.layout.textOffset + offset;
  const out = [`${offset.toString(16).padStart(8, '0')} <${name}>:`];
  let last = -1;
  const code = object.bytes.subarray(start, start + size);
  for (const line of disassembler.lines(code, offset, !trampoline)) {
    const trap = object.traps.at(line.offset);
    if (trap === undefined && /^(int3|udf)$/.test(line.mnemonic)) continue; // padding
    const at = trap
      ? trap.wasmOffset
      : line.mnemonic === '.byte'
        ? -1
        : object.wasmOffset(line.offset, false);
    const notes = [
      at >= 0 && at !== last ? `@0x${at.toString(16)}` : '',
      trap ? `traps: ${TRAP_NAMES[trap.code] ?? trap.code}` : '',
      callee(object, line),
    ];
    if (at >= 0) last = at;
    out.push(format(line, notes.filter((n) => n !== '').join('  ')));
  }
  return `${out.join('\n')}\n`;
}

/** Name of the function a direct call or jump goes to. */
function callee(object: LoadedObject, line: Line): string {
  const m = /^(?:call|jmp|bl?) #?(0x[0-9a-f]+)$/.exec(`${line.mnemonic} ${line.operands}`);
  if (m === null) return '';
  const target = Number(m[1]);
  const index = object.functionAt(target);
  if (index < 0 || object.textOffsetOf(index) !== target) return '';
  return `<${object.names.get(index) ?? `wasm-function[${index}]`}>`;
}

function format(line: Line, note: string): string {
  const shown = line.bytes.subarray(0, BYTES_SHOWN);
  const bytes = hexBytes(shown) + (line.bytes.length > BYTES_SHOWN ? '+' : '');
  const text = `${line.mnemonic} ${line.operands}`.trimEnd();
  const left = `${line.offset.toString(16).padStart(8)}:  ${bytes.padEnd(BYTES_SHOWN * 3)} `;
  return note === '' ? left + text : `${(left + text).padEnd(92)}; ${note}`;
}
