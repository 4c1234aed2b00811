/** A module whose functions have every shape of prologue, epilogue and call that the back ends make. */

const list = (n: number, make: (i: number) => string) =>
  Array.from({ length: n }, (_, i) => make(i)).join(' ');
const types = (n: number, type = 'i32') => Array(n).fill(type).join(' ');

/** Values that are live across a call: callee-saved registers, then spill slots. */
function heavy(name: string, count: number): string {
  return `(func $${name} (param i32) (result i32) (local ${types(count)})
    ${list(count, (i) => `(local.set ${i + 1} (i32.add (i32.mul (local.get ${i}) (i32.const 3)) (i32.const ${i})))`)}
    (drop (call $leaf (local.get 0)))
    (local.get 0) ${list(count, (i) => `(i32.xor (local.get ${i + 1}))`)})`;
}

/** What \`run\` returns: each function's value, added up. */
export const SHAPES = `(module
  (import "host" "add" (func $host (param i32 i32) (result i32)))
  (import "host" "nest" (func $nest (param i32 i32) (result i32)))
  (import "native" "add" (func $native (param i64 i64) (result i64)))
  (import "host" "wide" (func $hostWide (param ${types(14)}) (result i32)))
  (import "host" "results" (func $hostResults (param i64 i64) (result ${types(9, 'i64')})))
  (type $unary (func (param i32) (result i32)))
  (type $wide (func (param ${types(14)}) (result i32)))
  (type $wider (func (param ${types(19)}) (result i32)))
  (table funcref (elem $leaf $wide $wider $saved))

  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $small (param i32) (result i32)
    (i32.add (call $leaf (local.get 0)) (local.get 0)))
  ${heavy('saved', 4)}
  ${heavy('spilled', 40)}
  ${heavy('middle', 700)}
  ${heavy('probed', 4300)}
  (func $wide (param ${types(14)}) (result i32)
    (i32.sub (local.get 13) (call $leaf (local.get 12))))
  (func $wider (param ${types(19)}) (result i32)
    (i32.sub (call $leaf (local.get 18)) (local.get 0)))
  (func $callsWide (param i32) (result i32)
    (i32.add (call $wide ${list(14, (i) => `(i32.add (local.get 0) (i32.const ${i}))`)})
      (call $wider ${list(19, (i) => `(i32.mul (local.get 0) (i32.const ${i}))`)})))
  (func $results (param i32) (result ${types(9)})
    ${list(9, (i) => `(i32.add (local.get 0) (i32.const ${i}))`)})
  (func $callsResults (param i32) (result i32)
    (call $results (call $leaf (local.get 0))) ${list(8, () => 'i32.sub')})
  (func $early (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 0)) (then (return (call $leaf (i32.const 2)))))
    (i32.add (call $leaf (local.get 0)) (local.get 0)))

  (func $tail (param i32) (result i32) (return_call $saved (call $leaf (local.get 0))))
  (func $tailUp (param i32) (result i32)
    (drop (call $leaf (local.get 0)))
    (return_call $wider ${list(19, (i) => `(i32.add (local.get 0) (i32.const ${i}))`)}))
  (func $tailUpLittle (param ${types(14)}) (result i32) (local i32)
    (local.set 14 (call $leaf (local.get 13)))
    (return_call $wider ${list(19, (i) => `(i32.add (local.get 14) (i32.const ${i}))`)}))
  (func $tailDown (param ${types(19)}) (result i32)
    (return_call $wide ${list(14, (i) => `(i32.mul (local.get 18) (i32.const ${i}))`)}))
  (func $tailAway (param ${types(19)}) (result i32)
    (return_call $tail (call $leaf (local.get 17))))
  (func $tailIndirect (param i32 i32) (result i32)
    (return_call_indirect (type $unary) (call $leaf (local.get 0)) (local.get 1)))
  (func $tailIndirectUp (param i32 i32) (result i32)
    (return_call_indirect (type $wide) ${list(14, (i) => `(i32.add (local.get 0) (i32.const ${i}))`)}
      (local.get 1)))
  (func $tailHost (param i32) (result i32)
    (return_call $host (call $leaf (local.get 0)) (i32.const 5)))
  (func $tails (param i32) (result i32)
    (call $tail (local.get 0))
    (i32.add (call $tailUp (local.get 0)))
    (i32.add (call $tailUpLittle ${list(14, (i) => `(i32.const ${i})`)}))
    (i32.add (call $tailDown ${list(19, (i) => `(i32.const ${i})`)}))
    (i32.add (call $tailAway ${list(19, (i) => `(i32.const ${i})`)}))
    (i32.add (call $tailIndirect (local.get 0) (i32.const 3)))
    (i32.add (call $tailIndirectUp (local.get 0) (i32.const 1)))
    (i32.add (call $tailHost (local.get 0))))

  (func $indirect (param i32) (result i32)
    (i32.add (call_indirect (type $unary) (local.get 0) (i32.const 0))
      (call_indirect (type $wide) ${list(14, (i) => `(i32.const ${i})`)} (i32.const 1))))
  (func $hosts (param i32) (result i32)
    (call $host (local.get 0) (i32.const 2))
    (i32.add (call $nest (i32.const NESTED) (local.get 0)))
    (i32.add (i32.wrap_i64 (call $native (i64.const 3) (i64.extend_i32_u (local.get 0)))))
    (i32.add (call $hostWide ${list(14, (i) => `(i32.add (local.get 0) (i32.const ${i}))`)}))
    (call $hostResults (i64.const 5) (i64.extend_i32_u (local.get 0)))
    ${list(8, () => 'i64.sub')} i32.wrap_i64 i32.add)

  (func (export "nested") (param i32) (result i32)
    (i32.add (call $host (local.get 0) (i32.const 1)) (call $saved (local.get 0))))
  (func (export "probed") (param i32) (result i32) (call $probed (local.get 0)))
  (func (export "wide") (param ${types(14)}) (result i32) (call $wide ${list(14, (i) => `(local.get ${i})`)}))
  (func (export "results") (param i32) (result ${types(9)}) (call $results (local.get 0)))
  (func (export "run") (param i32) (result i32)
    (call $small (local.get 0))
    (i32.add (call $saved (local.get 0)))
    (i32.add (call $spilled (local.get 0)))
    (i32.add (call $middle (local.get 0)))
    (i32.add (call $callsWide (local.get 0)))
    (i32.add (call $callsResults (local.get 0)))
    (i32.add (call $early (local.get 0)))
    (i32.add (call $early (i32.const -1)))
    (i32.add (call $tails (local.get 0)))
    (i32.add (call $indirect (local.get 0)))
    (i32.add (call $hosts (local.get 0)))))`;
