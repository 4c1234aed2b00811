#include "os.h"

#include "pages.h"
#include <cstring>
#include <windows.h>

namespace elfin::os {

namespace {

class Handle {
public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() {
    if (handle_ != nullptr && handle_ != INVALID_HANDLE_VALUE)
      CloseHandle(handle_);
  }
  Handle(const Handle &) = delete;
  Handle &operator=(const Handle &) = delete;
  HANDLE get() const { return handle_; }

private:
  HANDLE handle_;
};

std::string lastError() {
  DWORD code = GetLastError();
  char text[256];
  DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                                code, 0, text, sizeof text, nullptr);
  while (length > 0 &&
         (text[length - 1] == '\r' || text[length - 1] == '\n' || text[length - 1] == '.'))
    length--;
  return length > 0 ? std::string(text, length) : "error " + std::to_string(code);
}

std::wstring wide(const char *utf8) {
  int length = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, nullptr, 0);
  std::wstring text(static_cast<size_t>(length < 1 ? 1 : length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8, -1, text.data(), length);
  return text;
}

} // namespace

size_t pageSize() {
  static const size_t size = [] {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return static_cast<size_t>(info.dwPageSize);
  }();
  return size;
}

void *reserve(size_t bytes) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE, PAGE_NOACCESS); }

bool commit(void *at, size_t bytes) {
  return VirtualAlloc(at, bytes, MEM_COMMIT, PAGE_READWRITE) != nullptr;
}

void discard(void *at, size_t bytes) {
  if (VirtualFree(at, bytes, MEM_DECOMMIT))
    VirtualAlloc(at, bytes, MEM_COMMIT, PAGE_READWRITE);
}

void *allocate(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void release(void *base, size_t) { VirtualFree(base, 0, MEM_RELEASE); }

void *resize(void *base, size_t oldBytes, size_t newBytes) {
  void *moved = allocate(newBytes);
  if (moved == nullptr)
    return nullptr;
  std::memcpy(moved, base, oldBytes < newBytes ? oldBytes : newBytes);
  release(base, oldBytes);
  return moved;
}

void *allocateBefore(size_t bytes, size_t tail) {
  void *base = reserve(bytes + tail);
  if (base == nullptr || bytes == 0 || commit(base, bytes))
    return base;
  release(base, bytes + tail);
  return nullptr;
}

void *enlargeBefore(void *base, size_t oldBytes, size_t newBytes, size_t tail) {
  void *larger = enlargedCopyBefore(base, oldBytes, newBytes, tail);
  if (larger != nullptr)
    release(base, oldBytes + tail);
  return larger;
}

void *enlargedCopyBefore(void *from, size_t oldBytes, size_t newBytes, size_t tail) {
  void *copy = allocateBefore(newBytes, tail);
  if (copy != nullptr)
    std::memcpy(copy, from, oldBytes);
  return copy;
}

void *mapFile(const char *path, size_t &size, std::string &error) {
  Handle file(CreateFileW(wide(path).c_str(), GENERIC_READ | GENERIC_EXECUTE,
                          FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                          FILE_ATTRIBUTE_NORMAL, nullptr));
  LARGE_INTEGER bytes;
  if (file.get() == INVALID_HANDLE_VALUE || !GetFileSizeEx(file.get(), &bytes)) {
    error = lastError();
    return nullptr;
  }
  if (bytes.QuadPart <= 0) {
    error = "not a regular file with contents";
    return nullptr;
  }
  // Executable as a whole for the system, by the protection of its pages only where makeExecutable
  // was.
  Handle section(CreateFileMappingW(file.get(), nullptr, PAGE_EXECUTE_WRITECOPY, 0, 0, nullptr));
  void *base = section.get() == nullptr
                   ? nullptr
                   : MapViewOfFile(section.get(), FILE_MAP_COPY | FILE_MAP_EXECUTE, 0, 0, 0);
  size = static_cast<size_t>(bytes.QuadPart);
  DWORD old;
  if (base == nullptr || !VirtualProtect(base, size, PAGE_WRITECOPY, &old)) {
    error = lastError();
    if (base != nullptr)
      UnmapViewOfFile(base);
    return nullptr;
  }
  return base;
}

void unmapFile(void *base, size_t) { UnmapViewOfFile(base); }

bool mapMarker(const char *) { return false; }

bool makeExecutable(void *at, size_t bytes, bool) {
  DWORD old;
  if (!VirtualProtect(at, roundUpToPage(bytes), PAGE_EXECUTE_READ, &old))
    return false;
  FlushInstructionCache(GetCurrentProcess(), at, bytes);
  return true;
}

} // namespace elfin::os
