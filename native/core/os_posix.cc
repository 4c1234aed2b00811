#include "os.h"

#include "arch.h"
#include "pages.h"
#include <cerrno>
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

void *enlargedCopy(void *from, size_t oldBytes, size_t newBytes) {
#ifdef MREMAP_DONTUNMAP
  // Moved as it is, then enlarged, so that it stays one kernel mapping and can be moved again. No
  // MREMAP_FIXED, which unmaps its target even when it fails.
  void *moved = mremap(from, oldBytes, oldBytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  if (moved != MAP_FAILED) {
    if (void *larger = resize(moved, oldBytes, newBytes))
      return larger;
    std::memcpy(from, moved, oldBytes);
    release(moved, oldBytes);
    return nullptr;
  }
#endif
  void *copy = allocate(newBytes);
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
