/**
 * The layers: which room may import which. What is not listed is forbidden; a room may always import itself.
 * `npm run lint` and test/layers.test.ts enforce it.
 */
const basis = ['util', 'gen'];
/** The plain records that code generation hands to the object writer: types and constants, no code. */
const handover = 'object/records.ts';
const entries = ['index.ts'];
const compilerRooms = ['wasm', 'ir', 'frontend', 'analysis', 'opt', 'mach', 'target', 'object'];

/** Below src-ts/. */
const mayImport = {
  gen: [],
  util: [],
  wasm: basis,
  ir: basis,
  frontend: ['wasm', 'ir', ...basis],
  analysis: ['ir', ...basis],
  opt: ['ir', 'analysis', ...basis],
  mach: ['ir', 'analysis', handover, ...basis],
  'target/x64': ['mach', 'ir', handover, ...basis],
  'target/aarch64': ['mach', 'ir', handover, ...basis],
  dwarf: basis,
  object: ['dwarf', ...basis],
  compiler: [...compilerRooms, 'dwarf', ...basis],
  runtime: ['object', 'dwarf', ...basis],
  wasi: ['util'],
  tools: [...compilerRooms, 'compiler', 'runtime', 'wasi', ...entries, ...basis],
  cli: [...compilerRooms, 'compiler', 'runtime', 'wasi', 'tools', ...entries, ...basis],
};

/** A rule per room: whatever of this repository is neither the room nor one of its list is forbidden. */
const layers = Object.entries(mayImport).map(([room, others]) => ({
  name: `layer-${room.replace('/', '-')}`,
  comment: `src-ts/${room} may import: ${others.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src-ts/${room}/` },
  to: {
    path: '^(src-ts|isa|test|bench|scripts)/',
    pathNot: [room, ...others].map((to) => `^src-ts/${to.endsWith('.ts') ? `${to}$` : `${to}/`}`),
  },
}));

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'tables-import-nothing',
      comment: 'isa/ is what a manual says: tables, and the generator that reads them',
      severity: 'error',
      from: { path: '^isa/' },
      to: { path: '^(src-ts|test|bench|scripts)/' },
    },
    {
      name: 'sources-know-no-tables',
      comment: 'the tables reach src-ts through generated files (src-ts/gen)',
      severity: 'error',
      from: { path: '^src-ts/' },
      to: { path: '^(isa|test|bench|scripts)/' },
    },
    {
      name: 'no-compiler-behind-the-runtime',
      comment: 'elfin/runtime loads and runs objects with no compiler in its module graph',
      severity: 'error',
      from: { path: '^src-ts/(runtime|wasi)/' },
      to: {
        path: '^src-ts/(wasm|ir|frontend|analysis|opt|mach|target|compiler)/',
        reachable: true,
      },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
