/**
 * The official suite (WebAssembly/testsuite) against Elfin's scope: "WebAssembly 2.0 without SIMD, with
 * extended-const and tail calls". Files whose whole subject is something else are listed here with the proposal
 * they belong to; in all others each module is judged by what it uses (needs.ts).
 */
interface Row {
  readonly files: RegExp;
  readonly reason: string;
}

/** Matched against the path below the suite's root, without `.wast`. The first row that matches wins. */
const OUT_OF_SCOPE: readonly Row[] = [
  { files: /^proposals\//, reason: 'proposal not in WebAssembly 3.0' },
  { files: /^legacy\//, reason: 'legacy exception handling' },
  { files: /^simd_/, reason: 'SIMD' },
  { files: /relaxed/, reason: 'relaxed SIMD' },
  { files: /^(?!i64$|f64$).+64$/, reason: 'memory64' },
  { files: /^memory64-imports$/, reason: 'memory64' },
  { files: /^(array|array_.*|struct|i31|extern|binary-gc)$/, reason: 'garbage collection' },
  {
    files: /^(br_on_cast|br_on_cast_fail|ref_cast|ref_eq|ref_test)$/,
    reason: 'garbage collection',
  },
  { files: /^(type-subtyping|type-rec|type-canon)$/, reason: 'garbage collection' },
  { files: /^(call_ref|return_call_ref|ref_as_non_null)$/, reason: 'typed function references' },
  {
    files: /^(br_on_null|br_on_non_null|local_init|table-sub|ref)$/,
    reason: 'typed function references',
  },
  { files: /^(tag|throw|throw_ref|try_table)$/, reason: 'exception handling' },
];

/** Why the whole file is out of scope, or null. `path` is relative to the suite's root, with or without `.wast`. */
export function fileOutOfScope(path: string): string | null {
  const name = path.replaceAll('\\', '/').replace(/\.wast$/, '');
  return OUT_OF_SCOPE.find((row) => row.files.test(name))?.reason ?? null;
}
