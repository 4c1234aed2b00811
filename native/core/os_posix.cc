#include "os.h"

#include "arch.h"
#include "pages.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace elfin::os {

namespace {

class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0)
      close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

void *orNull(void *mapped) { return mapped == MAP_FAILED ? nullptr : mapped; }

} // namespace

size_t pageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

void *reserve(size_t bytes) {
  return orNull(
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

bool commit(void *at, size_t bytes) { return mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0; }

void discard(void *at, size_t bytes) { madvise(at, bytes, MADV_DONTNEED); }

void *allocate(size_t bytes) {
  return orNull(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void release(void *base, size_t bytes) { munmap(base, bytes); }

void *resize(void *base, size_t oldBytes, size_t newBytes) {
  return orNull(mremap(base, oldBytes, newBytes, MREMAP_MAYMOVE));
}

void *allocateBefore(size_t bytes, size_t tail) {
  void *base = reserve(bytes + tail);
  if (base == nullptr || bytes == 0 || commit(base, bytes))
    return base;
  release(base, bytes + tail);
  return nullptr;
}

/// Moves memory into a larger mapping that has room for a tail, not yet protected.
static uint8_t *enlarge(void *base, size_t oldBytes, size_t newBytes, size_t tail) {
  return static_cast<uint8_t *>(resize(base, oldBytes, newBytes + tail));
}

void *enlargeBefore(void *base, size_t oldBytes, size_t newBytes, size_t tail) {
  if (oldBytes == 0) {
    void *larger = allocateBefore(newBytes, tail);
    if (larger != nullptr)
      release(base, tail);
    return larger;
  }
  uint8_t *larger = enlarge(base, oldBytes, newBytes, tail);
  if (larger == nullptr)
    return nullptr;
  // The tail is a kernel mapping of its own, that stayed behind. Giving it back first leaves room
  // in the table of mappings for the new one; without a tail the memory can not be used, nor moved
  // back.
  release(static_cast<uint8_t *>(base) + oldBytes, tail);
  if (mprotect(larger + newBytes, tail, PROT_NONE) != 0)
    std::abort();
  return larger;
}

void *enlargedCopyBefore(void *from, size_t oldBytes, size_t newBytes, size_t tail) {
#ifdef MREMAP_DONTUNMAP
  // Moved as it is, then enlarged, so that it stays one kernel mapping and can be moved again. No
  // MREMAP_FIXED, which unmaps its target even when it fails.
  void *moved = oldBytes == 0
                    ? MAP_FAILED
                    : mremap(from, oldBytes, oldBytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  if (moved != MAP_FAILED) {
    size_t bytes = oldBytes;
    if (uint8_t *larger = enlarge(moved, oldBytes, newBytes, tail)) {
      if (mprotect(larger + newBytes, tail, PROT_NONE) == 0)
        return larger;
      moved = larger;
      bytes = newBytes + tail;
    }
    std::memcpy(from, moved, oldBytes);
    release(moved, bytes);
    return nullptr;
  }
#endif
  void *copy = allocateBefore(newBytes, tail);
  if (copy != nullptr)
    std::memcpy(copy, from, oldBytes);
  return copy;
}

void *mapFile(const char *path, size_t &size, std::string &error) {
  Descriptor fd(open(path, O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) {
    error = std::strerror(errno);
    return nullptr;
  }
  if (!S_ISREG(info.st_mode) || info.st_size <= 0) {
    error = "not a regular file with contents";
    return nullptr;
  }
  size = static_cast<size_t>(info.st_size);
  void *base = orNull(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0));
  if (base == nullptr)
    error = std::strerror(errno);
  return base;
}

void unmapFile(void *base, size_t size) { munmap(base, size); }

bool mapMarker(const char *path) {
  Descriptor fd(open(path, O_RDONLY | O_CLOEXEC));
  return fd.get() >= 0 && orNull(mmap(nullptr, pageSize(), PROT_READ | PROT_EXEC, MAP_PRIVATE,
                                      fd.get(), 0)) != nullptr;
}

bool makeExecutable(void *at, size_t bytes, bool branchTargets) {
  int protection = PROT_READ | PROT_EXEC | (branchTargets ? arch::branchTargetProtection() : 0);
  if (mprotect(at, roundUpToPage(bytes), protection) != 0)
    return false;
  // The bytes came as data: where instruction caches are not coherent they are not seen yet.
  __builtin___clear_cache(static_cast<char *>(at), static_cast<char *>(at) + bytes);
  return true;
}

} // namespace elfin::os
