// The pointer to the calling thread's Thread. Not a thread_local: GCC emulates those for Windows
// with a lock and the allocator, which a fault handler may not use.
#include "thread.h"

#include <windows.h>

namespace elfin {

namespace {

const DWORD slot = TlsAlloc();

} // namespace

Thread *currentThread() { return static_cast<Thread *>(TlsGetValue(slot)); }

void setCurrentThread(Thread *thread) { TlsSetValue(slot, thread); }

} // namespace elfin
