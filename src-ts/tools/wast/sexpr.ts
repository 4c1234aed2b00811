/**
 * S-expressions of `.wast` scripts (core specification 6.3, "Lexical Format"): text in, a list of nodes out.
 *
 * Nodes keep their span, so that the text of a module can be cut out and given to a parser of modules. Depth is
 * held on an explicit stack. Strings are decoded to bytes. Annotations (`(@name …)`) are comments here.
 */
export interface SExpr {
  /** Children of a list; null for atoms and strings. */
  readonly items: SExpr[] | null;
  /** Text of an atom; '' for lists and strings. */
  readonly atom: string;
  /** Contents of a string; null for lists and atoms. */
  readonly bytes: Uint8Array | null;
  readonly start: number;
  /** One past the last character. */
  end: number;
}

/** A script that is no sequence of S-expressions. `offset` counts characters. */
export class ScriptError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const encoder = new TextEncoder();
const ATOM_END = new Set([...' \t\r\n()";', '\0']);

/** Position after a block comment that opens at `at`. They nest. */
function skipBlock(text: string, at: number): number {
  let depth = 0;
  let i = at;
  while (i < text.length) {
    const two = text.slice(i, i + 2);
    if (two === '(;') depth++;
    else if (two === ';)') depth--;
    i += two === '(;' || two === ';)' ? 2 : 1;
    if (depth === 0) return i;
  }
  throw new ScriptError('unclosed block comment', at);
}

/** Position of the next token at or after `at`. */
function skipSpace(text: string, at: number): number {
  let i = at;
  for (;;) {
    const c = text[i];
    if (c === ' ' || c === '\t' || c === '\n' || c === '\r') i++;
    else if (c === ';' && text[i + 1] === ';') {
      const end = /[\n\r]/g;
      end.lastIndex = i;
      i = end.exec(text)?.index ?? text.length;
    } else if (c === '(' && text[i + 1] === ';') i = skipBlock(text, i);
    else return i;
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  '"': 34,
  "'": 39,
  '\\': 92,
};

/** The string literal that opens at `at`. */
function readString(text: string, at: number): SExpr {
  const parts: number[] = [];
  let i = at + 1;
  for (;;) {
    const c = text[i];
    if (c === undefined) throw new ScriptError('unclosed string', at);
    if (c === '"') break;
    if (c === '\\') {
      i = readEscape(text, i + 1, parts);
      continue;
    }
    const point = text.codePointAt(i) as number;
    if (point < 0x80) parts.push(point);
    else parts.push(...encoder.encode(String.fromCodePoint(point)));
    i += point > 0xffff ? 2 : 1;
  }
  return { items: null, atom: '', bytes: Uint8Array.from(parts), start: at, end: i + 1 };
}

/** Appends the bytes of the escape whose character after `\` is at `at`; returns the position after it. */
function readEscape(text: string, at: number, parts: number[]): number {
  const simple = SIMPLE_ESCAPES[text[at] ?? ''];
  if (simple !== undefined) {
    parts.push(simple);
    return at + 1;
  }
  const unicode = /u\{([0-9a-fA-F_]+)\}/y;
  unicode.lastIndex = at;
  const match = unicode.exec(text);
  if (match !== null) {
    const point = parseInt((match[1] as string).replaceAll('_', ''), 16);
    parts.push(...encoder.encode(String.fromCodePoint(point)));
    return unicode.lastIndex;
  }
  const hex = text.slice(at, at + 2);
  if (!/^[0-9a-fA-F]{2}$/.test(hex)) throw new ScriptError('malformed escape in string', at);
  parts.push(parseInt(hex, 16));
  return at + 2;
}

function readAtom(text: string, at: number): SExpr {
  let i = at;
  while (i < text.length && !ATOM_END.has(text[i] as string)) i++;
  // A character of its own (`;` or `,` inside an annotation).
  if (i === at) i++;
  return { items: null, atom: text.slice(at, i), bytes: null, start: at, end: i };
}

/** The list that is being read. */
function siblings(top: SExpr[], open: readonly SExpr[]): SExpr[] {
  return open[open.length - 1]?.items ?? top;
}

/** The top-level expressions of `text`, without annotations. Throws {@link ScriptError}. */
export function parseSExprs(text: string): SExpr[] {
  const top: SExpr[] = [];
  const open: SExpr[] = [];
  for (let i = skipSpace(text, 0); i < text.length; i = skipSpace(text, i)) {
    const c = text[i];
    if (c === ')') {
      const list = open.pop();
      if (list === undefined) throw new ScriptError('unexpected )', i);
      list.end = ++i;
      if (head(list).startsWith('@')) siblings(top, open).pop();
      continue;
    }
    const into = siblings(top, open);
    if (c === '(') {
      const list: SExpr = { items: [], atom: '', bytes: null, start: i++, end: 0 };
      into.push(list);
      open.push(list);
    } else {
      const node = c === '"' ? readString(text, i) : readAtom(text, i);
      into.push(node);
      i = node.end;
    }
  }
  const unclosed = open.pop();
  if (unclosed !== undefined) throw new ScriptError('unclosed (', unclosed.start);
  return top;
}

/** First atom of a list: its keyword. '' if it has none. */
export function head(node: SExpr | undefined): string {
  return node?.items?.[0]?.atom ?? '';
}
