// What the core asks of the operating system about memory: os_posix.cc, os_windows.cc. Sizes are
// multiples of pages unless said otherwise. What fails returns nullptr or false and changes
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace elfin::os {

size_t pageSize();

/// Address space that can not be accessed.
void *reserve(size_t bytes);
/// Makes a part of a reservation, never accessible before, readable and writable, with zeros in it.
bool commit(void *at, size_t bytes);
/// Gives the pages of a committed part back; it reads as zeros then. For what is not in use:
/// failing is harmless.
void discard(void *at, size_t bytes);
/// Zeroed memory of any size above 0.
void *allocate(size_t bytes);
/// Gives back all of a reservation or of allocated memory.
void release(void *base, size_t bytes);
/// Allocated memory of another size, with the old contents as far as they go, perhaps at another
/// place.
void *resize(void *base, size_t oldBytes, size_t newBytes);

/// Zeroed memory, of 0 bytes or more, before a tail that can not be accessed.
void *allocateBefore(size_t bytes, size_t tail);
/// Enlarges such memory, perhaps at another place, where the tail goes with it.
void *enlargeBefore(void *base, size_t oldBytes, size_t newBytes, size_t tail);
/// Larger such memory with the contents of `from`, which stays mapped and reads as anything.
void *enlargedCopyBefore(void *from, size_t oldBytes, size_t newBytes, size_t tail);

/// A private copy of a file, writable; its pages are shared until they are written to. Sets `size`
/// (any), or `error`.
void *mapFile(const char *path, size_t &size, std::string &error);
void unmapFile(void *base, size_t size);
/// Maps the first page of a file executable and leaves it so: tools that watch mappings see it.
/// False where there are no such tools.
bool mapMarker(const char *path);
/// Makes writable memory, of a file or allocated, executable and no longer writable, and tells the
/// instruction caches. `branchTargets`: every place in it that an indirect branch may go to is
/// marked, which the CPU shall check where it can.
bool makeExecutable(void *at, size_t bytes, bool branchTargets);

} // namespace elfin::os
