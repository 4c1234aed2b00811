#include "gdb.h"

#include <cstring>
#include <elf.h>
#include <mutex>
#include <vector>

// Names and layout are the debugger's.
extern "C" {
struct jit_code_entry {
  jit_code_entry *next_entry;
  jit_code_entry *prev_entry;
  const char *symfile_addr;
  uint64_t symfile_size;
};

struct jit_descriptor {
  uint32_t version;
  uint32_t action_flag;
  jit_code_entry *relevant_entry;
  jit_code_entry *first_entry;
};

enum { JIT_NOACTION = 0, JIT_REGISTER_FN = 1, JIT_UNREGISTER_FN = 2 };

/// Where the debugger has a breakpoint.
__attribute__((visibility("default"), noinline, used)) void __jit_debug_register_code() {
  asm volatile("" : : : "memory");
}

__attribute__((visibility("default"), used))
jit_descriptor __jit_debug_descriptor = {1, JIT_NOACTION, nullptr, nullptr};
}

namespace elfin {

struct GdbObject::Entry : jit_code_entry {
  std::vector<uint8_t> file;
};

namespace {

std::mutex lock; // of the list

void tell(jit_code_entry *entry, uint32_t action) {
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_register_code();
}

/// Gives every allocated section of a copy the address it has in the mapping. False: not inside.
bool placeSections(std::vector<uint8_t> &file, const uint8_t *base) {
  Elf64_Ehdr header;
  if (file.size() < sizeof header)
    return false;
  std::memcpy(&header, file.data(), sizeof header);
  uint64_t bytes = uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
  if (header.e_shentsize != sizeof(Elf64_Shdr) || bytes > file.size() ||
      header.e_shoff > file.size() - bytes)
    return false;
  for (uint64_t at = header.e_shoff; at < header.e_shoff + bytes; at += sizeof(Elf64_Shdr)) {
    Elf64_Shdr section;
    std::memcpy(&section, file.data() + at, sizeof section);
    if ((section.sh_flags & SHF_ALLOC) == 0)
      continue;
    section.sh_addr = reinterpret_cast<uintptr_t>(base) + section.sh_offset;
    std::memcpy(file.data() + at, &section, sizeof section);
  }
  return true;
}

} // namespace

std::unique_ptr<GdbObject> GdbObject::add(const uint8_t *file, size_t size, const uint8_t *base) {
  auto entry = std::make_unique<Entry>();
  entry->file.assign(file, file + size);
  if (!placeSections(entry->file, base))
    return nullptr;
  return std::unique_ptr<GdbObject>(new GdbObject(std::move(entry)));
}

GdbObject::GdbObject(std::unique_ptr<Entry> entry) : entry_(std::move(entry)) {
  entry_->symfile_addr = reinterpret_cast<const char *>(entry_->file.data());
  entry_->symfile_size = entry_->file.size();
  std::lock_guard<std::mutex> guard(lock);
  jit_code_entry *&first = __jit_debug_descriptor.first_entry;
  entry_->prev_entry = nullptr;
  entry_->next_entry = first;
  if (first != nullptr)
    first->prev_entry = entry_.get();
  first = entry_.get();
  tell(entry_.get(), JIT_REGISTER_FN);
}

GdbObject::~GdbObject() {
  std::lock_guard<std::mutex> guard(lock);
  if (entry_->prev_entry != nullptr)
    entry_->prev_entry->next_entry = entry_->next_entry;
  else
    __jit_debug_descriptor.first_entry = entry_->next_entry;
  if (entry_->next_entry != nullptr)
    entry_->next_entry->prev_entry = entry_->prev_entry;
  tell(entry_.get(), JIT_UNREGISTER_FN);
}

} // namespace elfin
