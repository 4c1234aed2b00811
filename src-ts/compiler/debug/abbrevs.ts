/** .debug_abbrev (DWARF 5 § 7.5.3): one table for all units, a row for each combination that is used. */
import type { DebugWriter } from '../../object/debuginfo.ts';

export class Abbrevs {
  private readonly codes = new Map<string, number>();

  constructor(private readonly out: DebugWriter) {}

  /** Code of entries with this tag and these attributes, given as name and form, one after the other. */
  code(tag: number, children: boolean, attributes: readonly number[]): number {
    const key = `${tag} ${children} ${attributes.join()}`;
    let code = this.codes.get(key);
    if (code !== undefined) return code;
    this.codes.set(key, (code = this.codes.size + 1));
    const { out } = this;
    out.uleb(code);
    out.uleb(tag);
    out.u8(children ? 1 : 0);
    for (const field of attributes) out.uleb(field);
    out.u16(0);
    return code;
  }

  finish(): void {
    this.out.u8(0);
  }
}
