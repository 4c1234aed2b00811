// Native helpers of compiled code (isa/abi/vmctx.ts describes each). They run on the fiber and may
// be left at any instruction by a stack overflow, so they hold no locks and allocate only by system
// calls. Bounds are checked by subtraction, which can not overflow. A status is 0 = done, 1 = out
// of bounds.
#include "builtins.h"

#include "gen/abi.h"
#include "memory.h"
#include "table.h"
#include <cmath>
#include <cstring>

namespace elfin {

namespace {

constexpr uint32_t kDone = 0;
constexpr uint32_t kOutOfBounds = 1;

bool inside(uint64_t start, uint64_t count, uint64_t size) {
  return start <= size && count <= size - start;
}

VMMemory *memoryAt(uint64_t address) { return reinterpret_cast<VMMemory *>(address); }
VMTable *tableAt(uint64_t address) { return reinterpret_cast<VMTable *>(address); }
VMSegment *segmentAt(uint64_t address) { return reinterpret_cast<VMSegment *>(address); }
Table *owner(uint64_t table) { return reinterpret_cast<Table *>(tableAt(table)->owner); }
uint8_t *bytesAt(uint64_t address) { return reinterpret_cast<uint8_t *>(address); }

uint32_t fillTable(uint64_t table, uint64_t index, uint64_t ref, uint64_t count) {
  if (!inside(index, count, tableAt(table)->length))
    return kOutOfBounds;
  owner(table)->fill(index, ref, count);
  return kDone;
}

template <typename Entry>
uint32_t copyTable(uint64_t to, uint64_t from, uint64_t dst, uint64_t src, uint64_t count) {
  if (!inside(dst, count, tableAt(to)->length) || !inside(src, count, tableAt(from)->length))
    return kOutOfBounds;
  if (count != 0)
    std::memmove(reinterpret_cast<Entry *>(tableAt(to)->base) + dst,
                 reinterpret_cast<Entry *>(tableAt(from)->base) + src, count * sizeof(Entry));
  return kDone;
}

bool initInside(uint64_t table, uint64_t segment, uint64_t dst, uint64_t src, uint64_t count) {
  return inside(dst, count, tableAt(table)->length) &&
         inside(src, count, segmentAt(segment)->length);
}

} // namespace

/// Growing may call the allocator, which a stack overflow must not leave with its lock held: what
/// would overflow there overflows here. The guard is larger than this.
__attribute__((no_sanitize_address)) static void needStack() {
  constexpr size_t kNeeded = 16 * 1024;
  constexpr size_t kPage = 4096; // on Windows a stack's guard is one page, to be met in order
  for (size_t below = kPage; below <= kNeeded; below += kPage)
    (void)*(static_cast<const volatile uint8_t *>(__builtin_frame_address(0)) - below);
}

/// A NaN with its quiet bit set: a compiler that expands std::ceil in line leaves a signalling one
/// as it is.
template <typename Float> static Float quiet(Float x) { return x + x; }

extern "C" {

uint64_t elfin_memory_grow(uint64_t ctx, uint64_t memory, uint64_t delta) {
  needStack();
  uint64_t old = reinterpret_cast<Memory *>(memoryAt(memory)->owner)->grow(delta);
  // Even by zero pages: growing gives JavaScript a new ArrayBuffer.
  if (old != UINT64_MAX) {
    auto *thread = reinterpret_cast<VMThread *>(reinterpret_cast<VMCtx *>(ctx)->thread);
    reinterpret_cast<VMTransfer *>(thread->transfer)->flags |= FLAG_MEMORY_GREW;
  }
  return old;
}

uint32_t elfin_memory_fill(uint64_t, uint64_t memory, uint64_t dst, uint32_t value, uint64_t len) {
  VMMemory *m = memoryAt(memory);
  if (!inside(dst, len, m->bytes))
    return kOutOfBounds;
  if (len != 0)
    std::memset(bytesAt(m->base + dst), static_cast<int>(value & 0xff), len);
  return kDone;
}

uint32_t elfin_memory_copy(uint64_t, uint64_t to, uint64_t from, uint64_t dst, uint64_t src,
                           uint64_t len) {
  if (!inside(dst, len, memoryAt(to)->bytes) || !inside(src, len, memoryAt(from)->bytes))
    return kOutOfBounds;
  if (len != 0)
    std::memmove(bytesAt(memoryAt(to)->base + dst), bytesAt(memoryAt(from)->base + src), len);
  return kDone;
}

uint32_t elfin_memory_init(uint64_t, uint64_t memory, uint64_t segment, uint64_t dst, uint64_t src,
                           uint64_t len) {
  VMMemory *m = memoryAt(memory);
  VMSegment *s = segmentAt(segment);
  if (!inside(dst, len, m->bytes) || !inside(src, len, s->length))
    return kOutOfBounds;
  if (len != 0)
    std::memcpy(bytesAt(m->base + dst), bytesAt(s->data + src), len);
  return kDone;
}

void elfin_segment_drop(uint64_t, uint64_t segment) { segmentAt(segment)->length = 0; }

uint64_t elfin_table_grow_func(uint64_t, uint64_t table, uint64_t ref, uint64_t delta) {
  return owner(table)->grow(delta, ref);
}

uint64_t elfin_table_grow_ref(uint64_t, uint64_t table, uint64_t ref, uint64_t delta) {
  return owner(table)->grow(delta, ref);
}

uint32_t elfin_table_set_func(uint64_t, uint64_t table, uint64_t index, uint64_t ref) {
  return fillTable(table, index, ref, 1);
}

uint32_t elfin_table_fill_func(uint64_t, uint64_t table, uint64_t index, uint64_t ref,
                               uint64_t count) {
  return fillTable(table, index, ref, count);
}

uint32_t elfin_table_fill_ref(uint64_t, uint64_t table, uint64_t index, uint64_t ref,
                              uint64_t count) {
  return fillTable(table, index, ref, count);
}

uint32_t elfin_table_copy_func(uint64_t, uint64_t to, uint64_t from, uint64_t dst, uint64_t src,
                               uint64_t count) {
  return copyTable<VMFuncEntry>(to, from, dst, src, count);
}

uint32_t elfin_table_copy_ref(uint64_t, uint64_t to, uint64_t from, uint64_t dst, uint64_t src,
                              uint64_t count) {
  return copyTable<uint64_t>(to, from, dst, src, count);
}

uint32_t elfin_table_init_func(uint64_t, uint64_t table, uint64_t segment, uint64_t dst,
                               uint64_t src, uint64_t count) {
  if (!initInside(table, segment, dst, src, count))
    return kOutOfBounds;
  auto *entries = reinterpret_cast<VMFuncEntry *>(tableAt(table)->base) + dst;
  const auto *refs = reinterpret_cast<const uint64_t *>(segmentAt(segment)->data) + src;
  for (uint64_t i = 0; i < count; i++)
    entries[i] = funcEntry(refs[i]);
  return kDone;
}

uint32_t elfin_table_init_ref(uint64_t, uint64_t table, uint64_t segment, uint64_t dst,
                              uint64_t src, uint64_t count) {
  if (!initInside(table, segment, dst, src, count))
    return kOutOfBounds;
  if (count != 0)
    std::memcpy(reinterpret_cast<uint64_t *>(tableAt(table)->base) + dst,
                reinterpret_cast<const uint64_t *>(segmentAt(segment)->data) + src, count * 8);
  return kDone;
}

float elfin_f32_ceil(float x) { return x == x ? std::ceil(x) : quiet(x); }
float elfin_f32_floor(float x) { return x == x ? std::floor(x) : quiet(x); }
float elfin_f32_trunc(float x) { return x == x ? std::trunc(x) : quiet(x); }
float elfin_f32_nearest(float x) { return x == x ? std::nearbyint(x) : quiet(x); }
double elfin_f64_ceil(double x) { return x == x ? std::ceil(x) : quiet(x); }
double elfin_f64_floor(double x) { return x == x ? std::floor(x) : quiet(x); }
double elfin_f64_trunc(double x) { return x == x ? std::trunc(x) : quiet(x); }
double elfin_f64_nearest(double x) { return x == x ? std::nearbyint(x) : quiet(x); }

} // extern "C"

const uint64_t *builtinTable() {
#define ADDRESS(name) reinterpret_cast<uint64_t>(&elfin_##name),
  static const uint64_t table[] = {ELFIN_BUILTINS(ADDRESS)};
#undef ADDRESS
  static_assert(sizeof table / sizeof table[0] == BUILTIN_COUNT);
  return table;
}

} // namespace elfin
