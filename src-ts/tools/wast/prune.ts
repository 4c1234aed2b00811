/**
 * Keeps the part of a module that is in scope. The 3.0 suite adds a function or two of a later proposal to modules
 * full of 2.0 tests; those fields are replaced by stubs that keep every index (an empty function, an i32 global),
 * and their exports are remembered with the reason, so that exactly what uses them is skipped.
 */
import { head, type SExpr } from './sexpr.ts';
import { textNeeds } from './needs.ts';

export interface Pruned {
  /** The module without the fields. */
  readonly text: string;
  /** Export that is gone → the feature it needs. */
  readonly dropped: ReadonlyMap<string, string>;
}

/** Field → what stands in for it (its `$id` goes where the dot is); fields not listed cannot be left out. */
const STUBS: Readonly<Record<string, string>> = {
  func: '(func .)',
  type: '(type . (func))',
  global: '(global . i32 (i32.const 0))',
  table: '(table . 0 funcref)',
  elem: '(elem . func)',
  export: '',
  tag: '',
  import: '',
};

function exportNames(field: SExpr): string[] {
  const items = field.items as SExpr[];
  const lists =
    head(field) === 'export' ? [field] : items.filter((item) => head(item) === 'export');
  return lists.map((list) =>
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(list.items?.[1]?.bytes ?? undefined),
  );
}

/** The text to put in place of `field`, or null if nothing can stand in for it. */
function stubFor(field: SExpr): string | null {
  const items = field.items as SExpr[];
  const kind = head(field);
  const stub = STUBS[kind];
  if (stub === undefined) return null;
  // An imported thing takes an index before all that are defined; only tags, of which nothing in scope has any, go.
  if (kind === 'import') return items.some((item) => head(item) === 'tag') ? '' : null;
  if (kind !== 'tag' && items.some((item) => head(item) === 'import')) return null;
  const id = items[1]?.atom ?? '';
  return stub.replace('.', id.startsWith('$') ? id : '');
}

/** `node` (a text module in `script`) without its fields that are out of scope, or null if that is not possible. */
export function prune(node: SExpr, script: string): Pruned | null {
  const dropped = new Map<string, string>();
  let text = '';
  let at = node.start;
  for (const field of node.items as SExpr[]) {
    const need =
      field.items === null ? null : textNeeds({ ...node, items: [...moduleWord(node), field] });
    if (need === null) continue;
    const stub = stubFor(field);
    if (stub === null) return null;
    for (const name of exportNames(field)) dropped.set(name, need);
    text += script.slice(at, field.start) + stub;
    at = field.end;
  }
  return { text: text + script.slice(at, node.end), dropped };
}

function moduleWord(node: SExpr): SExpr[] {
  return (node.items as SExpr[]).slice(0, 1);
}
