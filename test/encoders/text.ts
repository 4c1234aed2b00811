// Brings Capstone's Intel-syntax text and the text expected from a row to one spelling.
//
// Canonical: `mnemonic op,op`; immediates in hex, wrapped to the width they have in the instruction;
// addresses `size[base+index*scale+disp]` with a signed decimal displacement, `*1` dropped.

const SIZES: Record<string, string> = {
  'byte ptr': 'm8',
  'word ptr': 'm16',
  'dword ptr': 'm32',
  'qword ptr': 'm64',
  'xmmword ptr': 'm128',
  'ymmword ptr': 'm256',
};

/** A number as disassemblers print it: decimal or 0x hex, with a sign or without. */
export function parseNumber(text: string): bigint | undefined {
  const match = /^(-?)(0x[0-9a-f]+|[0-9]+)$/.exec(text.replace(/\s/g, ''));
  if (!match) return undefined;
  const value = BigInt(match[2]!);
  return match[1] ? -value : value;
}

/** Canonical address; `inner` is what stands between the brackets. */
export function canonicalAddress(size: string, inner: string): string {
  const parts: string[] = [];
  let disp = 0n;
  for (const term of inner.replace(/\s/g, '').match(/[+-]?[^+-]+/g) ?? []) {
    const number = parseNumber(term.replace(/^\+/, ''));
    if (number === undefined) parts.push(term.replace(/^\+/, '').replace(/\*1$/, ''));
    else disp += number;
  }
  return `${size}[${[...parts, BigInt.asIntN(64, disp)].join('+')}]`;
}

function canonicalOperand(text: string, immBits: number): string {
  const memory = /^(?:([a-z]+ ptr) )?\[(.*)\]$/.exec(text);
  if (memory) return canonicalAddress(memory[1] ? SIZES[memory[1]]! : '', memory[2]!);
  const number = parseNumber(text);
  return number === undefined ? text : `0x${BigInt.asUintN(immBits, number).toString(16)}`;
}

/** Canonical text of a disassembled instruction whose immediate has `immBits` bits of meaning. */
export function canonical(mnemonic: string, operands: string, immBits: number): string {
  // The string instructions' addresses are fixed; the manual's short mnemonic has no operands.
  if (mnemonic.startsWith('rep ') || operands === '') return mnemonic;
  const list = operands.split(', ').map((text) => canonicalOperand(text, immBits));
  return `${mnemonic} ${list.join(',')}`;
}
