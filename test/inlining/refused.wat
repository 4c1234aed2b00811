;; Not inlined: what makes tail calls, what is called from its own callee, and what is called by a tail call.
(module
  (func $tail (param i32) (result i32) (return_call $other (local.get 0)))
  (func $other (param i32) (result i32) (local.get 0))
  (func $even (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
  (func $odd (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
  (func (export "f") (param i32) (result i32)
    (i32.add (call $tail (local.get 0)) (call $even (local.get 0)))))
;; expected:
;; function 0 sig0 (i32 -> i32) {
;;   sig0 (i32 -> i32)
;; block0(v1: i64, v2: i32):
;;   retcall fn1 sig0 (v1, v2) @0x26
;; }
;; function 2 sig0 (i32 -> i32) {
;;   sig0 (i32 -> i32)
;; block0(v1: i64, v2: i32):
;;   brif v2, block1, block2 @0x32
;; block1:
;;   v4: i32 = iconst 1 @0x36
;;   v6: i32 = iconst -1 @0x38
;;   v5: i32 = iadd v2, v6 @0x38
;;   brif v5, block3, block4 @0x44@0x39
;; block3:
;;   v8: i32 = iconst 1 @0x48@0x39
;;   v10: i32 = iconst -1 @0x4a@0x39
;;   v11: i32 = iconst -2 @0x4a@0x39
;;   v9: i32 = iadd v2, v11 @0x4a@0x39
;;   v12: i32 = call fn2 sig0 (v1, v9) @0x4b@0x39
;;   jump block5(v12) @0x4d@0x39
;; block4:
;;   v14: i32 = iconst 0 @0x4e@0x39
;;   jump block5(v14) @0x50@0x39
;; block5(v16: i32):
;;   jump block6(v16) @0x3b
;; block2:
;;   v18: i32 = iconst 1 @0x3c
;;   jump block6(v18) @0x3e
;; block6(v20: i32):
;;   ret v20 @0x3f
;; }
;; function 4 sig0 (i32 -> i32) {
;;   sig0 (i32 -> i32)
;; block0(v1: i64, v2: i32):
;;   v3: i32 = call fn0 sig0 (v1, v2) @0x56
;;   brif v2, block1, block2 @0x32@0x5a
;; block1:
;;   v5: i32 = iconst 1 @0x36@0x5a
;;   v7: i32 = iconst -1 @0x38@0x5a
;;   v6: i32 = iadd v2, v7 @0x38@0x5a
;;   brif v6, block3, block4 @0x44@0x39@0x5a
;; block3:
;;   v9: i32 = iconst 1 @0x48@0x39@0x5a
;;   v11: i32 = iconst -1 @0x4a@0x39@0x5a
;;   v12: i32 = iconst -2 @0x4a@0x39@0x5a
;;   v10: i32 = iadd v2, v12 @0x4a@0x39@0x5a
;;   v13: i32 = call fn2 sig0 (v1, v10) @0x4b@0x39@0x5a
;;   jump block5(v13) @0x4d@0x39@0x5a
;; block4:
;;   v15: i32 = iconst 0 @0x4e@0x39@0x5a
;;   jump block5(v15) @0x50@0x39@0x5a
;; block5(v17: i32):
;;   jump block6(v17) @0x3b@0x5a
;; block2:
;;   v19: i32 = iconst 1 @0x3c@0x5a
;;   jump block6(v19) @0x3e@0x5a
;; block6(v21: i32):
;;   v22: i32 = iadd v3, v21 @0x5c
;;   ret v22 @0x5d
;; }
;; function 1 sig0 (i32 -> i32) {
;; block0(v1: i64, v2: i32):
;;   ret v2 @0x2d
;; }
