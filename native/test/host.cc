// Runs functions of a compiled object without Node: what unwinders, debuggers and the tests that
// single-step see is our code, the core, and nothing else. `elfin_host PLAN`: one command a line,
// made by test/unwind/guest.ts.
//
//   object PATH textOffset textSize ehFrameOffset ehFrameSize trapsOffset trapsSize
//   word AT VALUE | text AT OFFSET | block AT OFFSET | thread AT | builtins AT | native AT NAME
//       a 64-bit word of the block, which holds instance contexts and what they point to
//   debugger 0|1         objects from here on are told to a debugger
//   step 0|1             calls from here on are between two breakpoints
//   catch 0|1            calls from here on are expected to throw
//   call FUNCREF SLOT…   calls the VMFuncRef at that place of the block, prints how it ended
#include "../core/builtins.h"
#include "../core/code.h"
#include "../core/thread.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <execinfo.h>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <unwind.h>

using namespace elfin;

namespace {

struct Thrown {
  uint64_t value;
};

/// Counts the frames whose locals were destroyed.
struct Witness {
  static inline int destroyed = 0;
  ~Witness() { destroyed++; }
};

int printFrames = 0;

_Unwind_Reason_Code countFrame(_Unwind_Context *, void *count) {
  ++*static_cast<int *>(count);
  return _URC_NO_REASON;
}

} // namespace

// Native functions as imports: the first two integer arguments, one result.
extern "C" {
/// Where debuggers stop.
__attribute__((noinline, used)) uint64_t host_add(uint64_t a, uint64_t b) {
  asm volatile("");
  return a + b;
}

__attribute__((noinline, used)) uint64_t host_throw(uint64_t a, uint64_t) {
  Witness witness;
  throw Thrown{a};
}

/// How many frames _Unwind_Backtrace sees, times 1000, and how many backtrace(3) does.
__attribute__((noinline, used)) uint64_t host_backtrace(uint64_t, uint64_t) {
  int unwound = 0;
  _Unwind_Backtrace(countFrame, &unwound);
  void *frames[200];
  int traced = backtrace(frames, 200);
  for (int i = 0; i < printFrames && i < traced; i++)
    std::printf("frame %p\n", frames[i]);
  return static_cast<uint64_t>(unwound) * 1000 + static_cast<uint64_t>(traced);
}

void native_add();
void native_throw();
void native_backtrace();
}

// From our calling convention to C's (target/x64/machine.ts; on AArch64 they agree so far).
#if defined(__x86_64__)
#define SHIM(name)                                                                                 \
  asm(".text\n.globl native_" #name "\n.type native_" #name ", @function\nnative_" #name ":\n"     \
      ".cfi_startproc\n"                                                                           \
      "  pushq %rbp\n  .cfi_def_cfa_offset 16\n  .cfi_offset rbp, -16\n"                           \
      "  movq %rsp, %rbp\n  .cfi_def_cfa_register rbp\n"                                           \
      "  movq %rax, %rdi\n  movq %rcx, %rsi\n"                                                     \
      "  call host_" #name "\n"                                                                    \
      "  popq %rbp\n  .cfi_def_cfa rsp, 8\n  .cfi_restore rbp\n"                                   \
      "  ret\n.cfi_endproc\n.size native_" #name ", . - native_" #name "\n")
#else
#define SHIM(name)                                                                                 \
  asm(".text\n.globl native_" #name "\n.type native_" #name ", %function\nnative_" #name ":\n"     \
      "  .cfi_startproc\n  b host_" #name "\n  .cfi_endproc\n"                                     \
      ".size native_" #name ", . - native_" #name "\n")
#endif
SHIM(add);
SHIM(throw);
SHIM(backtrace);

namespace {

uint64_t nativeNamed(const std::string &name) {
  if (name == "add")
    return reinterpret_cast<uint64_t>(&native_add);
  if (name == "throw")
    return reinterpret_cast<uint64_t>(&native_throw);
  if (name == "backtrace")
    return reinterpret_cast<uint64_t>(&native_backtrace);
  std::fprintf(stderr, "no native function '%s'\n", name.c_str());
  std::exit(2);
}

/// A breakpoint that tells whoever traces us two numbers, in the first two result registers of C.
inline __attribute__((always_inline)) void breakpoint(uint64_t first, uint64_t second) {
#if defined(__x86_64__)
  asm volatile("int3" : : "a"(first), "d"(second) : "memory");
#else
  register uint64_t x0 asm("x0") = first;
  register uint64_t x1 asm("x1") = second;
  asm volatile("brk #0" : : "r"(x0), "r"(x1) : "memory");
#endif
}

class Host {
public:
  Host() : thread_(acquireThread(256 * 1024)) {
    if (thread_ == nullptr)
      fail("no memory for a thread");
  }
  ~Host() { releaseThread(thread_); }
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  void run(const std::string &line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "object")
      return load(in);
    if (command == "call")
      return call(in);
    uint64_t at = 0;
    in >> at;
    if (command == "step")
      step_ = at != 0;
    else if (command == "debugger")
      audience_.debugger = at != 0;
    else if (command == "catch")
      catch_ = at != 0;
    else if (command == "frames")
      printFrames = static_cast<int>(at);
    else
      setWord(command, at, in);
  }

private:
  [[noreturn]] static void fail(const char *what) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(2);
  }

  void load(std::istringstream &in) {
    std::string path, error;
    CodeLayout layout{};
    in >> path >> layout.textOffset >> layout.textSize >> layout.ehFrameOffset >>
        layout.ehFrameSize >> layout.trapsOffset >> layout.trapsSize;
    textSize_ = layout.textSize;
    code_.reset(CodeMapping::mapFile(path.c_str(), error));
    if (code_ == nullptr)
      fail(error.c_str());
    if (const char *wrong = code_->activate(layout, audience_))
      fail(wrong);
  }

  void setWord(const std::string &kind, uint64_t at, std::istringstream &in) {
    uint64_t word = 0;
    std::string name;
    if (kind == "native") {
      in >> name;
      word = nativeNamed(name);
    } else
      in >> word;
    if (kind == "text")
      word += code_->textAddress();
    else if (kind == "block")
      word += reinterpret_cast<uint64_t>(block);
    else if (kind == "thread")
      word = reinterpret_cast<uint64_t>(thread_);
    else if (kind == "builtins")
      word = reinterpret_cast<uint64_t>(builtinTable());
    if (at > sizeof block - 8)
      fail("a word outside the block");
    std::memcpy(block + at, &word, sizeof word);
  }

  void call(std::istringstream &in) {
    uint64_t at = 0, slot = 0;
    in >> at;
    auto *slots = reinterpret_cast<uint64_t *>(thread_->transfer() + 1);
    for (int i = 0; in >> slot; i++)
      slots[i] = slot;
    Witness::destroyed = 0;
    if (step_)
      breakpoint(code_->textAddress(), textSize_);
    if (catch_)
      catching(at);
    else
      finish(at);
    if (step_)
      breakpoint(0, 0);
    report(slots[0]);
  }

  __attribute__((noinline)) void catching(uint64_t at) {
    try {
      Witness witness;
      finish(at);
    } catch (const Thrown &thrown) {
      std::printf("caught %llu\n", static_cast<unsigned long long>(thrown.value));
    }
    std::printf("destroyed %d\n", Witness::destroyed);
  }

  /// A call and the host calls it makes: host function 1 calls on (on another fiber) what its first
  /// argument says, the others add their first two arguments.
  __attribute__((noinline)) void finish(uint64_t at) {
    VMTransfer *transfer = thread_->transfer();
    auto *slots = reinterpret_cast<uint64_t *>(transfer + 1);
    transfer->callee = reinterpret_cast<uint64_t>(block + at);
    for (enter(thread_); transfer->status == STATUS_HOST; resume(thread_)) {
      uint64_t fiber = transfer->fiber;
      if (transfer->hostId == 1) {
        uint64_t callee = slots[0];
        slots[0] = slots[1];
        finish(callee);
      } else
        slots[0] += slots[1];
      transfer->fiber = fiber;
    }
  }

  void report(uint64_t result) {
    VMTransfer *transfer = thread_->transfer();
    if (transfer->status == STATUS_TRAP) {
      std::printf("trap %u\n", transfer->trap);
      abandon(thread_);
    } else
      std::printf("result %llu\n", static_cast<unsigned long long>(result));
  }

  alignas(16) static inline uint8_t block[1 << 16];
  Thread *thread_;
  std::unique_ptr<CodeMapping> code_;
  uint64_t textSize_ = 0;
  CodeAudience audience_;
  bool step_ = false;
  bool catch_ = false;
};

} // namespace

int main(int argc, char **argv) {
  std::ifstream plan(argc == 2 ? argv[1] : "");
  if (!plan) {
    std::fprintf(stderr, "usage: elfin_host PLAN\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  Host host;
  for (std::string line; std::getline(plan, line);)
    host.run(line);
  return 0;
}
