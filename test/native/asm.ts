// Hand-assembled x86-64 for driving the addon without the compiler: entry and exit trampolines as CALLCONV says, and small
// functions. Sections are laid out as in an object: .text on its own page, then .eh_frame, then .elfin.traps.
import type { CodeLayout, Native, NativeCode } from '../../src-ts/runtime/native.ts';
import { loadNative } from '../../src-ts/runtime/native.ts';
import * as Abi from '../../src-ts/gen/abi.ts';

/** Little assembler: bytes, labels, 32-bit PC-relative references. */
export class Asm {
  readonly out: number[] = [];
  readonly labels = new Map<string, number>();
  readonly traps: [offset: number, code: number][] = [];
  private readonly fixups: [at: number, label: string][] = [];

  /** Bytes given as hex text. */
  hex(text: string): this {
    for (const byte of text.trim().split(/\s+/)) this.out.push(parseInt(byte, 16));
    return this;
  }
  label(name: string): this {
    this.labels.set(name, this.out.length);
    return this;
  }
  /** The instruction that follows can trap. */
  trap(code: number): this {
    this.traps.push([this.out.length, code]);
    return this;
  }
  /** Opcode bytes, then a rel32 to `label`. */
  rel(opcode: string, label: string): this {
    this.hex(opcode);
    this.fixups.push([this.out.length, label]);
    return this.hex('00 00 00 00');
  }
  bytes(): Uint8Array {
    const code = Uint8Array.from(this.out);
    const view = new DataView(code.buffer);
    for (const [at, label] of this.fixups) {
      const target = this.labels.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      view.setInt32(at, target - at - 4, true);
    }
    return code;
  }
}

/**
 * Entry trampoline (slots rdi, ctx rsi, code rdx): two integer arguments in rax and rcx, one result from rax.
 * The frame keeps slots in rbx.
 */
function entryTrampoline(a: Asm): void {
  a.label('entry').hex('55 48 89 e5'); // push rbp; mov rbp, rsp
  a.hex('53 41 57'); // push rbx; push r15
  a.hex('48 89 fb 49 89 f7'); // mov rbx, rdi; mov r15, rsi
  a.hex('48 8b 07 48 8b 4f 08'); // mov rax, [rdi]; mov rcx, [rdi+8]
  a.hex('ff d2'); // call rdx
  a.hex('48 89 03'); // mov [rbx], rax
  a.hex('41 5f 5b 5d c3'); // pop r15; pop rbx; pop rbp; ret
}

/** Exit trampoline (r15 = VMHostFunc*): two integer arguments, one result. */
function exitTrampoline(a: Asm): void {
  a.label('exit').hex('55 48 89 e5'); // push rbp; mov rbp, rsp
  a.hex('53 41 54 41 55 41 56 41 57'); // push rbx, r12, r13, r14, r15
  a.hex('49 8b 3f'); // mov rdi, [r15]          thread
  a.hex('48 8b 17'); // mov rdx, [rdi]          transfer
  a.hex('48 89 42 40 48 89 4a 48'); // mov [rdx+64], rax; mov [rdx+72], rcx
  a.hex('41 8b 77 08 89 72 04'); // mov esi, [r15+8]; mov [rdx+4], esi   hostId
  a.hex('55'); // push rbp
  a.rel('48 8d 05', 'resumed').hex('50'); // lea rax, [rip+resumed]; push rax
  a.hex('ff 67 08'); // jmp [rdi+8]
  a.label('resumed').hex('5d'); // pop rbp
  a.hex('48 8b 17 48 8b 42 40'); // mov rdx, [rdi]; mov rax, [rdx+64]
  a.hex('41 5f 41 5e 41 5d 41 5c 5b 5d 41 5b 41 ff e3'); // pop r15 .. rbp; pop r11; jmp r11
}

/** Functions in the Wasm convention; each is a label. */
function functions(a: Asm): void {
  a.label('add').hex('48 01 c8 c3'); // add rax, rcx; ret
  a.label('unreachable').hex('55 48 89 e5').trap(0).hex('0f 0b');
  a.label('notInTable').hex('0f 0b');
  a.label('load').trap(1).hex('8b 00 c3'); // mov eax, [rax]
  a.label('divide').hex('99').trap(7).hex('f7 f9 c3'); // cdq; idiv ecx
  a.label('recurse').hex('55 48 89 e5').rel('e8', 'recurse').hex('5d c3');
  // callHost: r15 = context, whose bytes 64.. hold { exit trampoline, VMHostFunc }; result + 1
  a.label('callHost').hex('55 48 89 e5 41 57 48 83 ec 08'); // push rbp; mov rbp, rsp; push r15; sub rsp, 8
  a.hex('49 8b 57 40 4d 8b 7f 48 ff d2'); // mov rdx, [r15+64]; mov r15, [r15+72]; call rdx
  a.hex('48 ff c0 48 83 c4 08 41 5f 5d c3'); // inc rax; add rsp, 8; pop r15; pop rbp; ret
  // jumpHost: the same, the exit trampoline entered by a jump
  a.label('jumpHost').hex('55 48 89 e5 41 57 48 83 ec 08 49 8b 57 40 4d 8b 7f 48');
  a.rel('4c 8d 1d', 'jumped').hex('41 53 ff e2'); // lea r11, [rip+jumped]; push r11; jmp rdx
  a.label('jumped').hex('48 ff c0 48 83 c4 08 41 5f 5d c3');
  // hold: keeps its first argument on the stack over a host call
  a.label('hold').hex('55 48 89 e5 41 57 50'); // push rbp; mov rbp, rsp; push r15; push rax
  a.hex('49 8b 57 40 4d 8b 7f 48 ff d2');
  a.hex('58 41 5f 5d c3'); // pop rax; pop r15; pop rbp; ret
  // grow: (rax = VMMemory*, rcx = pages) through the builtins table in the context
  a.label('grow').hex('55 48 89 e5 4c 89 ff 48 89 c6 48 89 ca'); // mov rdi, r15; mov rsi, rax; mov rdx, rcx
  a.hex('49 8b 47 08 ff 10 5d c3'); // mov rax, [r15+8]; call [rax]; pop rbp; ret
  // loop: rax times the host call, summing results in rbx
  a.label('loop').hex('55 48 89 e5 53 41 54 41 57 48 83 ec 08'); // push rbp..rbx, r12, r15; sub rsp, 8
  a.hex('49 89 c4 31 db'); // mov r12, rax; xor ebx, ebx
  a.label('again').hex('48 89 d8 4c 89 e1'); // mov rax, rbx; mov rcx, r12
  a.hex('4c 8b 7d e8 49 8b 57 40 4d 8b 7f 48 ff d2'); // mov r15, [rbp-24]; mov rdx, [r15+64]; mov r15, [r15+72]; call rdx
  a.hex('48 89 c3 49 ff cc').rel('0f 85', 'again'); // mov rbx, rax; dec r12; jnz
  a.hex('48 89 d8 48 83 c4 08 41 5f 41 5c 5b 5d c3');
}

const u32 = (...values: number[]) => Array.from(new Uint8Array(Uint32Array.from(values).buffer));

/** One CIE, one FDE over all of .text. The CFI is right at function entry only: enough for registration. */
export function ehFrame(fromTextStart: number, textSize: number): Uint8Array {
  const cie = [...u32(0x14, 0), 1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0];
  const pcField = fromTextStart + cie.length + 8;
  const fde = [...u32(0x10, cie.length + 4, -pcField, textSize), 0, 0, 0, 0];
  return Uint8Array.from([...cie, ...fde, 0, 0, 0, 0]);
}

export function trapSection(traps: readonly (readonly [number, number])[]): Uint8Array {
  return Uint8Array.from([
    ...u32(traps.length, ...traps.map((t) => t[0])),
    ...traps.map((t) => t[1]),
  ]);
}

const PAGE = 4096;

/** An "object": one page of head, .text, .eh_frame, traps. */
export function buildObject(): {
  bytes: Uint8Array;
  layout: CodeLayout;
  labels: Map<string, number>;
} {
  const a = new Asm();
  entryTrampoline(a);
  exitTrampoline(a);
  functions(a);
  const text = a.bytes();
  const ehOffset = PAGE + ((text.length + 15) & ~15);
  const eh = ehFrame(ehOffset - PAGE, text.length);
  const trapsOffset = ehOffset + eh.length;
  const traps = trapSection(a.traps);
  const bytes = new Uint8Array(trapsOffset + traps.length);
  bytes.set(text, PAGE);
  bytes.set(eh, ehOffset);
  bytes.set(traps, trapsOffset);
  const layout = {
    textOffset: PAGE,
    textSize: text.length,
    ehFrameOffset: ehOffset,
    ehFrameSize: eh.length,
    trapsOffset,
    trapsSize: traps.length,
    branchTargets: 0,
  };
  return { bytes, layout, labels: a.labels };
}

export interface Rig {
  native: Native;
  code: NativeCode;
  i32: Int32Array;
  slots: BigInt64Array;
  /** Address of a context whose host function has id 7. */
  context: { address: number; view: DataView };
  /** Makes a VMFuncRef for a label. */
  ref(label: string): number;
  address(label: string): number;
  /** Prepares and enters; returns the status. */
  enter(ref: number, a?: bigint, b?: bigint): number;
  fiber(): bigint;
  setFiber(fiber: bigint): void;
}

export function setAddress(view: DataView, at: number, address: number): void {
  view.setBigUint64(at, BigInt(address), true);
}

/** Loads the addon, maps and activates the object, and makes a context. */
export function makeRig(stackBytes = 256 * 1024): Rig {
  const native = loadNative();
  const { transfer, threadAddress, builtinsAddress } = native.initThread({ stackBytes });
  const { bytes, layout, labels } = buildObject();
  const code = native.mapBytes(bytes);
  native.activate(code, layout);
  const i32 = new Int32Array(transfer);
  const slots = new BigInt64Array(transfer);
  const address = (label: string) => code.textAddress + labels.get(label)!;

  const host = native.createBlock(Abi.HOST_FUNC_SIZE);
  setAddress(host.view, Abi.HOST_FUNC_THREAD, threadAddress);
  host.view.setUint32(Abi.HOST_FUNC_HOST_ID, 7, true);
  const context = native.createInstance(128);
  setAddress(context.view, Abi.CTX_THREAD, threadAddress);
  setAddress(context.view, Abi.CTX_BUILTINS, builtinsAddress);
  setAddress(context.view, 64, address('exit'));
  setAddress(context.view, 72, host.address);
  const kept: unknown[] = [host, code];

  const ref = (label: string) => {
    const block = native.createBlock(Abi.FUNC_REF_SIZE);
    kept.push(block);
    setAddress(block.view, Abi.FUNC_REF_CODE, address(label));
    setAddress(block.view, Abi.FUNC_REF_CTX, context.address);
    block.view.setUint32(Abi.FUNC_REF_TYPE_ID, 3, true);
    setAddress(block.view, Abi.FUNC_REF_ENTRY, address('entry'));
    return block.address;
  };
  const enter = (callee: number, a = 0n, b = 0n) => {
    slots[Abi.TRANSFER_CALLEE / 8] = BigInt(callee);
    slots[8] = a;
    slots[9] = b;
    native.enter();
    return i32[Abi.TRANSFER_STATUS / 4]!;
  };
  return {
    native,
    code,
    i32,
    slots,
    context,
    ref,
    address,
    enter,
    fiber: () => slots[Abi.TRANSFER_FIBER / 8]!,
    setFiber: (fiber) => void (slots[Abi.TRANSFER_FIBER / 8] = fiber),
  };
}
