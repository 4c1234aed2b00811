;; {"optLevel": "s"}
;; For size: what is not larger than its call, and what is called once.
(module
  (global $g (mut i32) (i32.const 0))
  (func $get (result i32) (global.get $g))
  (func $once (param i32) (result i32)
    (i32.mul (i32.add (local.get 0) (i32.const 3)) (i32.sub (local.get 0) (i32.const 5))))
  (func $twice (param i32) (result i32)
    (i32.xor (i32.mul (i32.add (local.get 0) (i32.const 3)) (i32.sub (local.get 0) (i32.const 5)))
             (i32.shl (local.get 0) (i32.const 1))))
  (func (export "f") (result i32)
    (i32.add (call $once (call $get)) (i32.add (call $twice (call $get)) (call $twice (i32.const 1))))))
;; expected:
;; function 0 sig0 (-> i32) {
;; block0(v1: i64):
;;   v2: i32 = load global0 [v1 + 80] notrap @0x2f
;;   ret v2 @0x31
;; }
;; function 2 sig1 (i32 -> i32) {
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 3 @0x44
;;   v4: i32 = iadd v2, v3 @0x46
;;   v5: i32 = iconst 5 @0x49
;;   v7: i32 = iconst -5 @0x4b
;;   v6: i32 = iadd v2, v7 @0x4b
;;   v8: i32 = imul v4, v6 @0x4c
;;   v9: i32 = iconst 1 @0x4f
;;   v10: i32 = ishl v2, v9 @0x51
;;   v11: i32 = ixor v8, v10 @0x52
;;   ret v11 @0x53
;; }
;; function 3 sig0 (-> i32) {
;;   sig1 (i32 -> i32)
;; block0(v1: i64):
;;   v2: i32 = load global0 [v1 + 80] notrap @0x2f@0x56
;;   v3: i32 = iconst 3 @0x36@0x58
;;   v4: i32 = iadd v2, v3 @0x38@0x58
;;   v5: i32 = iconst 5 @0x3b@0x58
;;   v7: i32 = iconst -5 @0x3d@0x58
;;   v6: i32 = iadd v2, v7 @0x3d@0x58
;;   v8: i32 = imul v4, v6 @0x3e@0x58
;;   v9: i32 = load global0 [v1 + 80] notrap @0x2f@0x5a
;;   v10: i32 = call fn2 sig1 (v1, v9) @0x5c
;;   v11: i32 = iconst 1 @0x5e
;;   v12: i32 = call fn2 sig1 (v1, v11) @0x60
;;   v13: i32 = iadd v10, v12 @0x62
;;   v14: i32 = iadd v8, v13 @0x63
;;   ret v14 @0x64
;; }
