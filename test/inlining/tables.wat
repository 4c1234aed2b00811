;; Calls through a table that never changes: with a constant index they reach a known function, unless they trap; where
;; all entries have the signature there is no check.
(module
  (type $t (func (param i32) (result i32)))
  (import "env" "f" (func $import (type $t)))
  (table $fixed 3 3 funcref)
  (elem (table $fixed) (i32.const 0) func $inc $import $inc)
  (table $holes 3 3 funcref)
  (elem (table $holes) (i32.const 1) func $inc)
  (func $inc (type $t) (i32.add (local.get 0) (i32.const 1)))
  (func (export "known") (param i32) (result i32)
    (call_indirect $fixed (type $t) (local.get 0) (i32.const 2)))
  (func (export "imported") (param i32) (result i32)
    (call_indirect $fixed (type $t) (local.get 0) (i32.const 1)))
  (func (export "unchecked") (param i32) (result i32)
    (call_indirect $fixed (type $t) (local.get 0) (local.get 0)))
  (func (export "outside") (param i32) (result i32)
    (call_indirect $fixed (type $t) (local.get 0) (i32.const -1)))
  (func (export "checked") (param i32) (result i32)
    (call_indirect $holes (type $t) (local.get 0) (local.get 0))))
;; expected:
;; function 0 sig0 (i32 -> i32) {
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 1 @0x7f
;;   v4: i32 = iadd v2, v3 @0x81
;;   ret v4 @0x82
;; }
;; function 1 sig0 (i32 -> i32) {
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 2 @0x87
;;   v4: i32 = iconst 1 @0x7f@0x89
;;   v5: i32 = iadd v2, v4 @0x81@0x89
;;   ret v5 @0x8c
;; }
;; function 2 sig0 (i32 -> i32) {
;;   sig0 (i32 -> i32)
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 1 @0x91
;;   v4: i64 = load readonly0 [v1 + 80] notrap @0x93
;;   v5: i64 = load readonly0 [v1 + 88] notrap @0x93
;;   v6: i32 = callind v4 sig0 (v5, v2) @0x93
;;   ret v6 @0x96
;; }
;; function 3 sig0 (i32 -> i32) {
;;   sig0 (i32 -> i32)
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 3 @0x9d
;;   v4: i32 = icmp.uge v2, v3 @0x9d
;;   trapif v4, undefined_element @0x9d
;;   v6: i64 = load readonly0 [v1 + 64] notrap @0x9d
;;   v7: i64 = load readonly0 [v6] notrap @0x9d
;;   v8: i64 = zext v2 @0x9d
;;   v9: i64 = iconst 5 @0x9d
;;   v10: i64 = ishl v8, v9 @0x9d
;;   v11: i64 = iadd v7, v10 @0x9d
;;   v12: i64 = load table0 [v11] @0x9d
;;   v13: i64 = load table0 [v11 + 8] @0x9d
;;   v14: i32 = callind v12 sig0 (v13, v2) @0x9d
;;   ret v14 @0xa0
;; }
;; function 4 sig0 (i32 -> i32) {
;;   sig0 (i32 -> i32)
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst -1 @0xa5
;;   v4: i32 = iconst 3 @0xa7
;;   v6: i32 = iconst 1 @0xa7
;;   trapif v6, undefined_element @0xa7
;;   v8: i64 = load readonly0 [v1 + 64] notrap @0xa7
;;   v9: i64 = load readonly0 [v8] notrap @0xa7
;;   v11: i64 = iconst 4294967295 @0xa7
;;   v12: i64 = iconst 5 @0xa7
;;   v14: i64 = iconst 137438953440 @0xa7
;;   v15: i64 = iadd v9, v14 @0xa7
;;   v16: i64 = load table0 [v15] @0xa7
;;   v17: i64 = load table0 [v15 + 8] @0xa7
;;   v18: i32 = callind v16 sig0 (v17, v2) @0xa7
;;   ret v18 @0xaa
;; }
;; function 5 sig0 (i32 -> i32) {
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 1 @0xb1
;;   v4: i32 = icmp.eq v2, v3 @0xb1
;;   brif v4, block1, block2 @0xb1
;; block2:
;;   v6: i32 = iconst 3 @0xb1
;;   v7: i32 = icmp.uge v2, v6 @0xb1
;;   trapif v7, undefined_element @0xb1
;;   trap uninitialized_element @0xb1
;; block1:
;;   v10: i32 = iconst 1 @0x7f@0xb1
;;   v11: i32 = iadd v2, v10 @0x81@0xb1
;;   ret v11 @0xb4
;; }
