;; Nothing is known of a table that is exported, or that some operator writes to.
(module
  (type $t (func (result i32)))
  (table $exported 1 1 funcref)
  (elem (table $exported) (i32.const 0) func $one)
  (export "table" (table $exported))
  (table $set 1 1 funcref)
  (elem (table $set) (i32.const 0) func $one)
  (table $copied 1 1 funcref)
  (elem (table $copied) (i32.const 0) func $one)
  (func $one (type $t) (i32.const 1))
  (func (export "write") (table.set $set (i32.const 0) (ref.null func))
    (table.copy $copied $set (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "a") (result i32) (call_indirect $exported (type $t) (i32.const 0)))
  (func (export "b") (result i32) (call_indirect $set (type $t) (i32.const 0)))
  (func (export "c") (result i32) (call_indirect $copied (type $t) (i32.const 0))))
;; expected:
;; function 0 sig0 (-> i32) {
;; block0(v1: i64):
;;   v2: i32 = iconst 1 @0x66
;;   ret v2 @0x68
;; }
;; function 1 sig1 (-> ) {
;; block0(v1: i64):
;;   v2: i32 = iconst 0 @0x6b
;;   v3: ref = iconst 0 @0x6d
;;   v4: i64 = load readonly0 [v1 + 72] notrap @0x6f
;;   v6: i64 = iconst 0 @0x6f
;;   v7: i32 = callbuiltin builtin7 (v1, v4, v6, v3) @0x6f
;;   trapif v7, table_oob @0x6f
;;   v9: i32 = iconst 1 @0x75
;;   v10: i64 = load readonly0 [v1 + 80] notrap @0x77
;;   v11: i64 = load readonly0 [v1 + 72] notrap @0x77
;;   v13: i64 = iconst 1 @0x77
;;   v14: i32 = callbuiltin builtin10 (v1, v10, v11, v6, v6, v13) @0x77
;;   trapif v14, table_oob @0x77
;;   ret @0x7b
;; }
;; function 2 sig0 (-> i32) {
;;   sig0 (-> i32)
;; block0(v1: i64):
;;   v2: i32 = iconst 0 @0x7e
;;   v3: i64 = load readonly0 [v1 + 64] notrap @0x80
;;   v4: i32 = load tabledef0 [v3 + 8] notrap @0x80
;;   v5: i32 = icmp.eq v4, v2 @0x80
;;   trapif v5, undefined_element @0x80
;;   v7: i64 = load tabledef0 [v3] notrap @0x80
;;   v9: i64 = iconst 0 @0x80
;;   v10: i64 = iconst 5 @0x80
;;   v11: i32 = load table0 [v7 + 16] @0x80
;;   v12: i32 = load readonly0 [v1 + 96] notrap @0x80
;;   sigcheck v11, v12 @0x80
;;   v14: i64 = load table0 [v7] @0x80
;;   v15: i64 = load table0 [v7 + 8] @0x80
;;   v16: i32 = callind v14 sig0 (v15) @0x80
;;   ret v16 @0x83
;; }
;; function 3 sig0 (-> i32) {
;;   sig0 (-> i32)
;; block0(v1: i64):
;;   v2: i32 = iconst 0 @0x86
;;   v3: i64 = load readonly0 [v1 + 72] notrap @0x88
;;   v4: i32 = load tabledef1 [v3 + 8] notrap @0x88
;;   v5: i32 = icmp.eq v4, v2 @0x88
;;   trapif v5, undefined_element @0x88
;;   v7: i64 = load tabledef1 [v3] notrap @0x88
;;   v9: i64 = iconst 0 @0x88
;;   v10: i64 = iconst 5 @0x88
;;   v11: i32 = load table1 [v7 + 16] @0x88
;;   v12: i32 = load readonly0 [v1 + 96] notrap @0x88
;;   sigcheck v11, v12 @0x88
;;   v14: i64 = load table1 [v7] @0x88
;;   v15: i64 = load table1 [v7 + 8] @0x88
;;   v16: i32 = callind v14 sig0 (v15) @0x88
;;   ret v16 @0x8b
;; }
;; function 4 sig0 (-> i32) {
;;   sig0 (-> i32)
;; block0(v1: i64):
;;   v2: i32 = iconst 0 @0x8e
;;   v3: i64 = load readonly0 [v1 + 80] notrap @0x90
;;   v4: i32 = load tabledef2 [v3 + 8] notrap @0x90
;;   v5: i32 = icmp.eq v4, v2 @0x90
;;   trapif v5, undefined_element @0x90
;;   v7: i64 = load tabledef2 [v3] notrap @0x90
;;   v9: i64 = iconst 0 @0x90
;;   v10: i64 = iconst 5 @0x90
;;   v11: i32 = load table2 [v7 + 16] @0x90
;;   v12: i32 = load readonly0 [v1 + 96] notrap @0x90
;;   sigcheck v11, v12 @0x90
;;   v14: i64 = load table2 [v7] @0x90
;;   v15: i64 = load table2 [v7 + 8] @0x90
;;   v16: i32 = callind v14 sig0 (v15) @0x90
;;   ret v16 @0x93
;; }
