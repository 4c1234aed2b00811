;; A callee's callee: the positions say where each stands. After the inlined trap nothing is built.
(module
  (func $stop (param i32) (unreachable))
  (func $check (param i32) (if (i32.eqz (local.get 0)) (then (call $stop (local.get 0)))))
  (func (export "f") (param i32) (call $check (local.get 0)) (call $check (i32.const 1))))
;; expected:
;; function 1 sig0 (i32 -> ) {
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 0 @0x27
;;   v4: i32 = icmp.eq v2, v3 @0x27
;;   brif v4, block1, block2 @0x28
;; block1:
;;   trap unreachable @0x21@0x2c
;; block2:
;;   ret @0x2f
;; }
;; function 2 sig0 (i32 -> ) {
;; block0(v1: i64, v2: i32):
;;   v3: i32 = iconst 0 @0x27@0x34
;;   v4: i32 = icmp.eq v2, v3 @0x27@0x34
;;   brif v4, block1, block2 @0x28@0x34
;; block1:
;;   trap unreachable @0x21@0x2c@0x34
;; block2:
;;   v7: i32 = iconst 1 @0x36
;;   v8: i32 = iconst 0 @0x27@0x38
;;   brif v8, block3, block4 @0x28@0x38
;; block3:
;;   trap unreachable @0x21@0x2c@0x38
;; block4:
;;   ret @0x3a
;; }
