/** What the translation of debug information needs to know of a module and a target. */
import * as Abi from '../../gen/abi.ts';
import { moduleLayout } from '../../frontend/layout.ts';
import type { DebugInfo, ObjectInput } from '../../object/records.ts';
import { objectTarget } from '../../object/target.ts';
import { layoutText, PIECE_FUNCTION } from '../../object/text.ts';
import { Reader } from '../../util/leb128.ts';
import { valueType } from '../../wasm/typebytes.ts';
import { F64, I64, type ModuleInfo } from '../../wasm/types.ts';
import type { Settings } from '../settings.ts';
import type { Machine } from './expressions.ts';
import { translateDebugInfo } from './translate.ts';

function sizeOf(type: number): number {
  return type === I64 || type === F64 ? 8 : 4;
}

/** Types of the locals of a defined function, parameters first, as groups: how many, and the type. */
function localGroups(bytes: Uint8Array, m: ModuleInfo, index: number): [number, number][] {
  const { params } = m.funcType(m.importedFuncs + index);
  const groups = Array.from(params, (type): [number, number] => [1, type]);
  const r = new Reader(bytes, m.bodies[2 * index]!, m.bodies[2 * index + 1]!);
  for (let n = r.u32(); n > 0; n--) groups.push([r.u32(), valueType(r, m.features)]);
  return groups;
}

function machineOf(bytes: Uint8Array, m: ModuleInfo, settings: Settings): Machine {
  const target = objectTarget(settings.target);
  const { ctx } = moduleLayout(m);
  const known = new Map<number, [number, number][]>();
  const groupsOf = (index: number) => {
    let groups = known.get(index);
    if (groups === undefined) known.set(index, (groups = localGroups(bytes, m, index)));
    return groups;
  };
  return {
    framePointer: target.framePointer,
    firstVector: target.firstVector,
    memory:
      m.memories.length === 0
        ? undefined
        : {
            offset: ctx.memories + (settings.explicitChecks ? 0 : 8),
            indirect: settings.explicitChecks,
          },
    global(index) {
      const type = m.globals[index]?.type;
      if (type === undefined) return undefined;
      const defined = index - m.importedGlobals;
      const indirect = defined < 0;
      const offset = indirect
        ? ctx.globalPtrs + Abi.CTX_GLOBAL_PTRS_STRIDE * index
        : ctx.globals + Abi.CTX_GLOBALS_STRIDE * defined;
      return { offset, indirect, size: sizeOf(type) };
    },
    localCount: (index) => groupsOf(index).reduce((sum, [count]) => sum + count, 0),
    localSize(index, local) {
      let first = 0;
      for (const [count, type] of groupsOf(index))
        if ((first += count) > local) return sizeOf(type);
      return 4;
    },
  };
}

/** The debug information of an object; undefined if the module has none that can be used. */
export function debugInfoOf(
  bytes: Uint8Array,
  m: ModuleInfo,
  settings: Settings,
  input: ObjectInput,
): DebugInfo | undefined {
  const offsets = new Uint32Array(input.functions.length);
  for (const piece of layoutText(input)) {
    if (piece.kind === PIECE_FUNCTION) offsets[piece.index] = piece.offset;
  }
  return translateDebugInfo(bytes, m, machineOf(bytes, m, settings), input.functions, offsets);
}
