;; Locals of a callee are zero each time, also in a loop; its parameters are its own.
(module
  (func $next (param i32) (result i32) (local i32)
    (local.set 1 (i32.add (local.get 1) (local.get 0)))
    (local.set 0 (i32.const 7))
    (local.get 1))
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (call $next (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))
;; expected:
;; function 1 sig0 (i32 -> i32) {
;; block0(v1: i64, v2: i32):
;;   v6: i32 = iconst 0 @0x34
;;   jump block1(v6, v2) @0x37
;; block1(v4: i32, v5: i32):
;;   v7: i32 = iconst 7 @0x2c@0x3d
;;   v8: i32 = iadd v4, v5 @0x3f
;;   v9: i32 = iconst 1 @0x44
;;   v11: i32 = iconst -1 @0x46
;;   v10: i32 = iadd v5, v11 @0x46
;;   brif v10, block1(v8, v10), block2 @0x49
;; block2:
;;   ret v8 @0x4e
;; }
