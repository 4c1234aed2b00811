;; A callee becomes a block: parameters are bound, `return` goes to the block's end, traps keep their place and frames.
(module
  (func $ratio (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $clamp (param i32) (result i32)
    (if (i32.gt_s (local.get 0) (i32.const 9)) (then (return (i32.const 9))))
    (local.get 0))
  (func (export "both") (param i32 i32) (result i32)
    (call $clamp (call $ratio (local.get 0) (local.get 1)))))
;; expected:
;; function 2 sig0 (i32 i32 -> i32) {
;; block0(v1: i64, v2: i32, v3: i32):
;;   v4: i32 = sdiv v2, v3 @0x2f@0x47
;;   v5: i32 = iconst 9 @0x35@0x49
;;   v6: i32 = icmp.sgt v4, v5 @0x37@0x49
;;   brif v6, block1, block2 @0x38@0x49
;; block1:
;;   v8: i32 = iconst 9 @0x3a@0x49
;;   jump block3(v8) @0x3c@0x49
;; block2:
;;   jump block3(v4) @0x40@0x49
;; block3(v11: i32):
;;   ret v11 @0x4b
;; }
