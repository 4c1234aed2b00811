;; Direct recursion is unrolled by as many levels as its cost allows.
(module
  (func $sum (export "sum") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (i64.const 0))
      (else (i64.add (local.get 0) (call $sum (i64.sub (local.get 0) (i64.const 1))))))))
;; expected:
;; function 0 sig0 (i64 -> i64) {
;;   sig0 (i64 -> i64)
;; block0(v1: i64, v2: i64):
;;   v3: i64 = iconst 0 @0x24
;;   v4: i32 = icmp.eq v2, v3 @0x24
;;   brif v4, block1, block2 @0x25
;; block1:
;;   v6: i64 = iconst 0 @0x27
;;   jump block3(v6) @0x29
;; block2:
;;   v8: i64 = iconst 1 @0x2e
;;   v10: i64 = iconst -1 @0x30
;;   v9: i64 = iadd v2, v10 @0x30
;;   v11: i64 = iconst 0 @0x24@0x31
;;   v12: i32 = icmp.eq v9, v11 @0x24@0x31
;;   brif v12, block4, block5 @0x25@0x31
;; block4:
;;   v14: i64 = iconst 0 @0x27@0x31
;;   jump block6(v14) @0x29@0x31
;; block5:
;;   v16: i64 = iconst 1 @0x2e@0x31
;;   v18: i64 = iconst -1 @0x30@0x31
;;   v19: i64 = iconst -2 @0x30@0x31
;;   v17: i64 = iadd v2, v19 @0x30@0x31
;;   v20: i64 = iconst 0 @0x24@0x31@0x31
;;   v21: i32 = icmp.eq v17, v20 @0x24@0x31@0x31
;;   brif v21, block7, block8 @0x25@0x31@0x31
;; block7:
;;   v23: i64 = iconst 0 @0x27@0x31@0x31
;;   jump block9(v23) @0x29@0x31@0x31
;; block8:
;;   v25: i64 = iconst 1 @0x2e@0x31@0x31
;;   v27: i64 = iconst -1 @0x30@0x31@0x31
;;   v28: i64 = iconst -3 @0x30@0x31@0x31
;;   v26: i64 = iadd v2, v28 @0x30@0x31@0x31
;;   v29: i64 = iconst 0 @0x24@0x31@0x31@0x31
;;   v30: i32 = icmp.eq v26, v29 @0x24@0x31@0x31@0x31
;;   brif v30, block10, block11 @0x25@0x31@0x31@0x31
;; block10:
;;   v32: i64 = iconst 0 @0x27@0x31@0x31@0x31
;;   jump block12(v32) @0x29@0x31@0x31@0x31
;; block11:
;;   v34: i64 = iconst 1 @0x2e@0x31@0x31@0x31
;;   v36: i64 = iconst -1 @0x30@0x31@0x31@0x31
;;   v37: i64 = iconst -4 @0x30@0x31@0x31@0x31
;;   v35: i64 = iadd v2, v37 @0x30@0x31@0x31@0x31
;;   v38: i64 = call fn0 sig0 (v1, v35) @0x31@0x31@0x31@0x31
;;   v39: i64 = iadd v26, v38 @0x33@0x31@0x31@0x31
;;   jump block12(v39) @0x34@0x31@0x31@0x31
;; block12(v41: i64):
;;   v42: i64 = iadd v17, v41 @0x33@0x31@0x31
;;   jump block9(v42) @0x34@0x31@0x31
;; block9(v44: i64):
;;   v45: i64 = iadd v9, v44 @0x33@0x31
;;   jump block6(v45) @0x34@0x31
;; block6(v47: i64):
;;   v48: i64 = iadd v2, v47 @0x33
;;   jump block3(v48) @0x34
;; block3(v50: i64):
;;   ret v50 @0x35
;; }
