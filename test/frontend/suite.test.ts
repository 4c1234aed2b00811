// Every module of the official suite through decoder and translator: the verdict must be the script's, and where Node's
// engine knows the features, Node's. What is translated passes the verifier.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Translator } from '../../src-ts/frontend/translate.ts';
import { Builder } from '../../src-ts/ir/build.ts';
import { Func } from '../../src-ts/ir/func.ts';
import { verify } from '../../src-ts/ir/verify.ts';
import { head, parseSExprs, type SExpr } from '../../src-ts/tools/wast/sexpr.ts';
import { fileOutOfScope } from '../../src-ts/tools/wast/suite.ts';
import { parseWat } from '../../src-ts/tools/wast/wat.ts';
import { CompileError } from '../../src-ts/util/errors.ts';
import { decodeModule } from '../../src-ts/wasm/decode.ts';
import { SUPPORTED_FEATURES } from '../../src-ts/wasm/features.ts';
import { suitePath } from '../suite-path.ts';
import { node } from './compare.ts';

const suite = suitePath();
const files = suite === null ? [] : readdirSync(suite).filter((f) => f.endsWith('.wast'));
const builder = new Builder(new Func());

interface Case {
  kind: string;
  line: number;
  text: string;
}

/** Modules given as text or binary; quoted ones are the text parser's business. */
function cases(script: string): Case[] {
  const found: Case[] = [];
  for (const form of parseSExprs(script)) {
    const kind = head(form);
    const module = kind === 'module' ? form : form.items!.find((x) => head(x) === 'module');
    if (module === undefined || (kind !== 'module' && !kind.startsWith('assert_'))) continue;
    if (module.items!.some((x: SExpr) => x.atom === 'quote' || x.atom === 'instance')) continue;
    const text = script
      .slice(module.start, module.end)
      .replace(/^\(module\s+definition/, '(module');
    found.push({ kind, line: script.slice(0, form.start).split('\n').length, text });
  }
  return found;
}

function attempt(bytes: Uint8Array): CompileError | null {
  try {
    const m = decodeModule(bytes, SUPPORTED_FEATURES);
    for (const explicitChecks of [false, true]) {
      const t = new Translator(bytes, m, { explicitChecks }, builder);
      for (let i = 0; i < m.definedFuncs; i++) {
        t.translate(i);
        const errors = verify(builder.f);
        if (errors.length > 0) throw new Error(`function ${i}: ${errors.join('\n')}`);
      }
    }
    return null;
  } catch (e) {
    if (e instanceof CompileError) return e;
    throw e;
  }
}

/** What is wrong with the verdict on one module, or null. */
async function check(c: Case): Promise<string | null> {
  const bytes = await parseWat(c.text);
  const e = attempt(bytes);
  if (e !== null && e.message.includes('needs the feature')) return null;
  const invalid = c.kind === 'assert_invalid' || c.kind === 'assert_malformed';
  if (e === null) return invalid ? `line ${c.line}: accepted` : null;
  if (e.offset === undefined) return `line ${c.line}: no offset in ${e.message}`;
  return invalid && !node.validate(bytes) ? null : `line ${c.line}: refused, ${e.message}`;
}

describe.skipIf(suite === null)('the official suite (skipped where it is not)', () => {
  it.each(files.filter((f) => fileOutOfScope(f.slice(0, -'.wast'.length)) === null))(
    '%s',
    async (file) => {
      const wrong: string[] = [];
      for (const c of cases(readFileSync(join(suite!, file), 'utf8'))) {
        const problem = await check(c);
        if (problem !== null) wrong.push(problem);
      }
      expect(wrong).toEqual([]);
    },
  );
});
