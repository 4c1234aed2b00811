import { describe, expect, it } from 'vitest';
import { canonical, canonicalAddress, parseNumber } from './text.ts';

describe('the text normaliser', () => {
  it('reads numbers as disassemblers write them', () => {
    expect(parseNumber('0x10')).toBe(16n);
    expect(parseNumber('-0x80')).toBe(-128n);
    expect(parseNumber('9')).toBe(9n);
    expect(parseNumber('rax')).toBeUndefined();
    expect(parseNumber('')).toBeUndefined();
  });

  it('wraps immediates to their width', () => {
    expect(canonical('add', 'rax, -1', 64)).toBe('add rax,0xffffffffffffffff');
    expect(canonical('add', 'al, -1', 8)).toBe(canonical('add', 'al, 0xff', 8));
    expect(canonical('add', 'al, -1', 8)).not.toBe(canonical('add', 'al, 0xfe', 8));
  });

  it('sums up addresses', () => {
    expect(canonicalAddress('m8', 'rax + rcx*1 - 0x10')).toBe('m8[rax+rcx+-16]');
    expect(canonicalAddress('', 'rip')).toBe('[rip+0]');
    expect(canonical('mov', 'dword ptr [r13 + r12*8], ecx', 32)).toBe('mov m32[r13+r12*8+0],ecx');
    expect(canonicalAddress('', '0xffffffff80000000')).toBe('[-2147483648]');
  });

  it('keeps what matters apart', () => {
    const load = canonical('mov', 'eax, dword ptr [rbx]', 32);
    expect(load).not.toBe(canonical('mov', 'eax, qword ptr [rbx]', 32));
    expect(load).not.toBe(canonical('mov', 'eax, dword ptr [rbx + 1]', 32));
    expect(load).not.toBe(canonical('mov', 'dword ptr [rbx], eax', 32));
    expect(canonical('mov', 'eax, dword ptr [rax + rbx*2]', 32)).not.toBe(
      canonical('mov', 'eax, dword ptr [rax + rbx]', 32),
    );
  });

  it('drops the fixed operands of string instructions', () => {
    expect(canonical('rep movsb', 'byte ptr [rdi], byte ptr [rsi]', 8)).toBe('rep movsb');
  });
});
