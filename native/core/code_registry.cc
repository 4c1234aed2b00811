// The ranges are a sorted immutable array behind one atomic pointer. A writer publishes a changed
// copy; the old array is freed once no handler has been seen reading after the publication, else at
// a later change.
#include "code_registry.h"

#include "gen/abi.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace elfin {

namespace {

using Ranges = std::vector<CodeRange>;

std::atomic<const Ranges *> published{nullptr};
std::atomic<uint32_t> readers{0};
std::mutex lock; // writers only

/// Arrays that a handler may still be reading. Never destroyed: handlers outlive static
/// destructors.
std::vector<const Ranges *> &retired() {
  static auto *list = new std::vector<const Ranges *>;
  return *list;
}

void replace(std::unique_ptr<const Ranges> next) {
  auto &old = retired();
  old.reserve(old.size() + 1);
  const Ranges *previous = published.exchange(next.release());
  if (previous != nullptr)
    old.push_back(previous);
  if (readers.load() != 0)
    return;
  for (const Ranges *ranges : old)
    delete ranges;
  old.clear();
}

bool byStart(const CodeRange &range, uintptr_t start) { return range.start < start; }

uint32_t readU32(const uint8_t *at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool findSite(const CodeRange &range, uint32_t offset, TrapSite &found) {
  uint32_t low = 0, high = range.trapCount;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    uint32_t site = readU32(range.offsets + size_t{4} * middle);
    if (site == offset) {
      uint8_t code = range.codes[middle];
      found = {code & ~uint32_t{TRAP_FRAMELESS}, (code & TRAP_FRAMELESS) != 0};
      return true;
    }
    if (site < offset)
      low = middle + 1;
    else
      high = middle;
  }
  return false;
}

bool findIn(const Ranges &ranges, uintptr_t pc, TrapSite &site) {
  size_t low = 0, high = ranges.size();
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const CodeRange &range = ranges[middle];
    if (pc < range.start)
      high = middle;
    else if (pc >= range.end)
      low = middle + 1;
    else
      return findSite(range, static_cast<uint32_t>(pc - range.start), site);
  }
  return false;
}

} // namespace

bool publishCode(const CodeRange &range) try {
  std::lock_guard<std::mutex> guard(lock);
  const Ranges *now = published.load();
  auto next = now == nullptr ? std::make_unique<Ranges>() : std::make_unique<Ranges>(*now);
  auto at = std::lower_bound(next->begin(), next->end(), range.start, byStart);
  if ((at != next->end() && at->start < range.end) ||
      (at != next->begin() && (at - 1)->end > range.start))
    return false;
  next->insert(at, range);
  replace(std::move(next));
  return true;
} catch (const std::bad_alloc &) {
  return false;
}

void unpublishCode(uintptr_t start) {
  std::lock_guard<std::mutex> guard(lock);
  const Ranges *now = published.load();
  if (now == nullptr)
    return;
  auto next = std::make_unique<Ranges>(*now);
  auto at = std::lower_bound(next->begin(), next->end(), start, byStart);
  if (at == next->end() || at->start != start)
    return;
  next->erase(at);
  replace(std::move(next));
}

bool findTrap(uintptr_t pc, TrapSite &site) {
  readers.fetch_add(1);
  const Ranges *ranges = published.load();
  bool found = ranges != nullptr && findIn(*ranges, pc, site);
  readers.fetch_sub(1);
  return found;
}

} // namespace elfin
