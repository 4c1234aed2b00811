// Memories, tables, segments and the builtins on them.
#include "../core/builtins.h"
#include "../core/checksum.h"
#include "../core/memory.h"
#include "../core/reservations.h"
#include "../core/table.h"
#include "../core/thread.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <vector>

namespace {

using namespace elfin;

constexpr uint64_t kHuge = UINT64_MAX - 7;
uint64_t at(const void *p) { return reinterpret_cast<uint64_t>(p); }

class MemoryTest : public ::testing::TestWithParam<bool> {
protected:
  std::unique_ptr<Memory> make(uint64_t min, uint64_t max) {
    return std::unique_ptr<Memory>(Memory::create(min, max, GetParam()));
  }
};

uint8_t *base(Memory &memory) { return reinterpret_cast<uint8_t *>(memory.vm.base); }

TEST_P(MemoryTest, Grows) {
  auto memory = make(0, 5);
  EXPECT_EQ(memory->vm.bytes, 0u);
  EXPECT_EQ(memory->grow(1), 0u);
  base(*memory)[65535] = 7;
  EXPECT_EQ(memory->grow(0), 1u);
  EXPECT_EQ(memory->grow(5), UINT64_MAX);
  EXPECT_EQ(memory->grow(kHuge), UINT64_MAX);
  EXPECT_EQ(memory->grow(4), 1u);
  EXPECT_EQ(base(*memory)[65535], 7);
  EXPECT_EQ(base(*memory)[5 * 65536 - 1], 0);
  EXPECT_EQ(memory->grow(1), UINT64_MAX);
}

TEST_P(MemoryTest, KeepsContentsWhileABufferHoldsTheOldRegion) {
  auto memory = make(1, 100);
  Region *old = memory->region();
  uint8_t *oldBase = old->base();
  base(*memory)[100] = 9;
  old->retain();
  EXPECT_EQ(memory->grow(50), 1u);
  EXPECT_EQ(base(*memory)[100], 9);
  oldBase[200] = 1; // still mapped
  old->release();
  EXPECT_EQ(memory->grow(1), 51u);
  EXPECT_EQ(base(*memory)[100], 9);
}

TEST_P(MemoryTest, RefusesWhatCanNotBe) {
  EXPECT_EQ(make(kHuge, kHuge), nullptr);
  EXPECT_EQ(make(uint64_t{1} << 31, uint64_t{1} << 31), nullptr);
}

TEST_P(MemoryTest, RangesAreCheckedWithoutOverflow) {
  auto memory = make(1, 1);
  uint64_t m = at(&memory->vm);
  EXPECT_EQ(elfin_memory_fill(0, m, 65530, 0x1ff, 6), 0u);
  EXPECT_EQ(base(*memory)[65535], 0xff);
  EXPECT_EQ(elfin_memory_fill(0, m, 65530, 0, 7), 1u);
  EXPECT_EQ(elfin_memory_fill(0, m, 65536, 0, 0), 0u);
  EXPECT_EQ(elfin_memory_fill(0, m, 65537, 0, 0), 1u);
  EXPECT_EQ(elfin_memory_fill(0, m, 1, 0, UINT64_MAX), 1u);
  EXPECT_EQ(elfin_memory_fill(0, m, kHuge, 0, 100), 1u);
  EXPECT_EQ(elfin_memory_copy(0, m, m, 65000, 65530, 6), 0u);
  EXPECT_EQ(base(*memory)[65005], 0xff);
  EXPECT_EQ(elfin_memory_copy(0, m, m, 0, 65530, 7), 1u);
  EXPECT_EQ(elfin_memory_copy(0, m, m, kHuge, 0, 16), 1u);
  uint8_t data[] = {1, 2, 3};
  VMSegment segment{at(data), 3};
  EXPECT_EQ(elfin_memory_init(0, m, at(&segment), 10, 1, 2), 0u);
  EXPECT_EQ(base(*memory)[11], 3);
  EXPECT_EQ(elfin_memory_init(0, m, at(&segment), 10, 2, 2), 1u);
  EXPECT_EQ(elfin_memory_init(0, m, at(&segment), 10, kHuge, 8), 1u);
  elfin_segment_drop(0, at(&segment));
  EXPECT_EQ(elfin_memory_init(0, m, at(&segment), 0, 0, 0), 0u);
  EXPECT_EQ(elfin_memory_init(0, m, at(&segment), 0, 0, 1), 1u);
}

INSTANTIATE_TEST_SUITE_P(Modes, MemoryTest, ::testing::Bool());

TEST(Memory, GuardIsKnownToTheHandlerAsLongAsItIsReserved) {
  std::unique_ptr<Memory> memory(Memory::create(1, 1, true));
  uint64_t start = memory->vm.base;
  EXPECT_TRUE(isReserved(start));
  EXPECT_TRUE(isReserved(start + GUARD_RESERVATION - 1));
  EXPECT_FALSE(isReserved(start + GUARD_RESERVATION));
  EXPECT_FALSE(isReserved(start - 1));
  memory.reset();
  EXPECT_FALSE(isReserved(start));
}

TEST(Memory, TailIsKnownToTheHandlerWhereverTheMemoryMoves) {
  std::unique_ptr<Memory> memory(Memory::create(0, 100, false));
  for (int i = 0; i < 50; i++) {
    uint64_t end = memory->vm.base + memory->vm.bytes;
    EXPECT_TRUE(isReserved(end));
    EXPECT_TRUE(isReserved(end + MEMORY_TAIL - 1));
    if (memory->vm.bytes != 0)
      *reinterpret_cast<volatile uint8_t *>(end - 1) = 1;
    if (i % 10 == 0) {
      EXPECT_DEATH(*reinterpret_cast<volatile uint8_t *>(end) = 1, "");
    }
    // An ArrayBuffer keeps the region it uses when the memory moves on.
    Region *used = i == 20 ? memory->region() : nullptr;
    if (used != nullptr)
      used->retain();
    ASSERT_NE(memory->grow(1), UINT64_MAX);
    if (used != nullptr)
      used->release();
  }
}

TEST(Reservations, GoBeyondOneChunk) {
  std::vector<Reservation *> all;
  for (uintptr_t i = 1; i <= 1000; i++) {
    all.push_back(addReservation(i << 32, 4096));
    ASSERT_NE(all.back(), nullptr);
  }
  EXPECT_TRUE(isReserved((uintptr_t{1000} << 32) + 4095));
  EXPECT_FALSE(isReserved((uintptr_t{1000} << 32) + 4096));
  suspendReservation(all[499]);
  EXPECT_FALSE(isReserved(uintptr_t{500} << 32));
  resumeReservation(all[499], uintptr_t{2000} << 32, 8192);
  EXPECT_TRUE(isReserved((uintptr_t{2000} << 32) + 8191));
  for (Reservation *reservation : all)
    removeReservation(reservation);
  EXPECT_FALSE(isReserved(uintptr_t{400} << 32));
}

TEST(Memory, GrowFromWasmSetsTheFlag) {
  Thread *thread = acquireThread(64 * 1024);
  VMCtx ctx{};
  ctx.thread = at(thread);
  std::unique_ptr<Memory> memory(Memory::create(1, 2, true));
  EXPECT_EQ(elfin_memory_grow(at(&ctx), at(&memory->vm), 2), UINT64_MAX);
  EXPECT_EQ(thread->transfer()->flags, 0u);
  EXPECT_EQ(elfin_memory_grow(at(&ctx), at(&memory->vm), 1), 1u);
  EXPECT_EQ(thread->transfer()->flags, FLAG_MEMORY_GREW);
  releaseThread(thread);
}

TEST(Table, FunctionsAreInline) {
  VMFuncRef func{11, 22, 33, 44, 55};
  std::unique_ptr<Table> table(Table::create(TableKind::Func, 3, 100, 0));
  auto entries = [&] { return reinterpret_cast<VMFuncEntry *>(table->vm.base); };
  EXPECT_EQ(entries()[2].typeId, NULL_TYPE_ID);
  uint64_t t = at(&table->vm);
  EXPECT_EQ(elfin_table_set_func(0, t, 1, at(&func)), 0u);
  EXPECT_EQ(elfin_table_set_func(0, t, 3, at(&func)), 1u);
  EXPECT_EQ(entries()[1].code, 11u);
  EXPECT_EQ(entries()[1].ctx, 22u);
  EXPECT_EQ(entries()[1].typeId, 33u);
  EXPECT_EQ(table->get(1), at(&func));
  EXPECT_EQ(elfin_table_grow_func(0, t, 0, 97), 3u);
  EXPECT_EQ(entries()[99].typeId, NULL_TYPE_ID);
  EXPECT_EQ(entries()[1].code, 11u);
  EXPECT_EQ(elfin_table_grow_func(0, t, 0, 1), UINT64_MAX);
  EXPECT_EQ(elfin_table_grow_func(0, t, 0, kHuge), UINT64_MAX);
  EXPECT_EQ(elfin_table_fill_func(0, t, 98, at(&func), 2), 0u);
  EXPECT_EQ(elfin_table_fill_func(0, t, 98, 0, 3), 1u);
  EXPECT_EQ(elfin_table_fill_func(0, t, kHuge, 0, 16), 1u);
  EXPECT_EQ(entries()[99].code, 11u);
  EXPECT_EQ(elfin_table_copy_func(0, t, t, 0, 98, 2), 0u);
  EXPECT_EQ(entries()[0].ref, at(&func));
  EXPECT_EQ(elfin_table_copy_func(0, t, t, 99, 0, 2), 1u);
  uint64_t refs[] = {0, at(&func)};
  VMSegment segment{at(refs), 2};
  EXPECT_EQ(elfin_table_init_func(0, t, at(&segment), 50, 0, 2), 0u);
  EXPECT_EQ(entries()[50].typeId, NULL_TYPE_ID);
  EXPECT_EQ(entries()[51].code, 11u);
  EXPECT_EQ(elfin_table_init_func(0, t, at(&segment), 50, 1, 2), 1u);
  EXPECT_EQ(elfin_table_init_func(0, t, at(&segment), kHuge, 0, 2), 1u);
}

TEST(Table, ReferencesAreWords) {
  std::unique_ptr<Table> table(Table::create(TableKind::Ref, 0, UINT32_MAX, 5));
  uint64_t t = at(&table->vm);
  EXPECT_EQ(elfin_table_grow_ref(0, t, 7, 1000), 0u);
  EXPECT_EQ(table->get(999), 7u);
  EXPECT_EQ(elfin_table_fill_ref(0, t, 10, 8, 990), 0u);
  EXPECT_EQ(elfin_table_fill_ref(0, t, 10, 8, 991), 1u);
  EXPECT_EQ(elfin_table_copy_ref(0, t, t, 0, 5, 995), 0u);
  EXPECT_EQ(table->get(4), 7u);
  EXPECT_EQ(table->get(5), 8u);
  uint64_t refs[] = {1, 2, 3};
  VMSegment segment{at(refs), 3};
  EXPECT_EQ(elfin_table_init_ref(0, t, at(&segment), 997, 0, 3), 0u);
  EXPECT_EQ(table->get(999), 3u);
  EXPECT_EQ(elfin_table_init_ref(0, t, at(&segment), 998, 0, 3), 1u);
  EXPECT_EQ(elfin_table_grow_ref(0, t, 0, kMaxTableEntries), UINT64_MAX);
  EXPECT_EQ(Table::create(TableKind::Ref, kMaxTableEntries + 1, UINT32_MAX, 0), nullptr);
}

TEST(Rounding, TiesToEvenAndSigns) {
  EXPECT_EQ(elfin_f32_nearest(2.5f), 2.0f);
  EXPECT_EQ(elfin_f64_nearest(-0.5), 0.0);
  EXPECT_TRUE(std::signbit(elfin_f64_nearest(-0.5)));
  EXPECT_TRUE(std::signbit(elfin_f32_ceil(-0.25f)));
  EXPECT_EQ(elfin_f64_floor(-0.25), -1.0);
  EXPECT_EQ(elfin_f32_trunc(-1.75f), -1.0f);
  EXPECT_TRUE(std::isnan(elfin_f64_ceil(std::numeric_limits<double>::quiet_NaN())));
}

TEST(Builtins, TableIsFull) {
  for (uint32_t i = 0; i < BUILTIN_COUNT; i++)
    EXPECT_NE(builtinTable()[i], 0u);
  EXPECT_EQ(builtinTable()[BUILTIN_F64_NEAREST], at(reinterpret_cast<void *>(&elfin_f64_nearest)));
}

TEST(Checksum, SharedVector) {
  // The same bytes and value as in test/native/addon.test.ts.
  std::vector<uint8_t> bytes(1000);
  for (size_t i = 0; i < bytes.size(); i++)
    bytes[i] = static_cast<uint8_t>(i * 7 + (i >> 3));
  EXPECT_EQ(checksum(bytes.data(), bytes.size()), 3767707218u);
}

} // namespace
