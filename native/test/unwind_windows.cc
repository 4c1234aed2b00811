// Single-steps compiled code on Windows and has RtlVirtualUnwind unwind from every instruction, to
// the outermost compiled frame: return address, stack pointer and the registers a caller counts on
// must be the true ones. `unwind_windows OBJECT PLAN`; a plan has lines
//   layout TEXT SIZE PDATA SIZE XDATA SIZE    offsets and sizes in the object
//   function OFFSET                           in .text: every function and trampoline
//   tailcaller OFFSET                         of these a function that makes a tail call
//   wasm ENTRY CODE ARGUMENT…                 call of the function at CODE by the trampoline at
//   ENTRY host ENTRY EXIT ARGUMENT…                 call of a host function that suspends once
#include "../core/builtins.h"
#include "../core/code.h"
#include "../core/gen/abi.h"
#include "../core/thread.h"
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>
#include <windows.h>

namespace {

using namespace elfin;

constexpr DWORD kTrapFlag = 0x100;

/// What must be when a frame has returned.
struct Frame {
  uintptr_t function;
  uintptr_t returnAddress;
  uintptr_t cfa;
  /// rbx rbp r12-r15, and for entry trampolines rsi rdi.
  DWORD64 registers[8];
  M128A xmm[10];
  bool entry;
  /// Was called by a tail call: r15 may be another instance's from then on.
  bool tailCalled;
  /// Makes a tail call.
  bool tailCalls;
};

uintptr_t text, textEnd;
std::set<uintptr_t> functions, entries, tailCallers;
std::vector<Frame> frames;
std::set<uintptr_t> seen;
uintptr_t lastPc;
int failures, steps;

bool inText(uintptr_t pc) { return pc >= text && pc < textEnd; }

void readRegisters(const CONTEXT &c, Frame &f) {
  const DWORD64 values[] = {c.Rbx, c.Rbp, c.R12, c.R13, c.R14, c.R15, c.Rsi, c.Rdi};
  std::memcpy(f.registers, values, sizeof values);
  std::memcpy(f.xmm, &c.Xmm6, sizeof f.xmm);
}

uintptr_t word(uintptr_t address) { return *reinterpret_cast<const uintptr_t *>(address); }

void enterFunction(const CONTEXT &c, bool tailCalled) {
  Frame f{};
  f.function = c.Rip;
  f.returnAddress = word(c.Rsp);
  f.cfa = c.Rsp + 8;
  readRegisters(c, f);
  f.entry = entries.count(c.Rip) != 0;
  f.tailCalled = tailCalled;
  f.tailCalls = tailCallers.count(c.Rip) != 0;
  frames.push_back(f);
}

enum class Kind { Other, Call, Jump, Return };

Kind kindOf(uintptr_t pc) {
  const auto *at = reinterpret_cast<const uint8_t *>(pc);
  if ((*at & 0xf0) == 0x40)
    at++;
  if (*at == 0xe8 || (*at == 0xff && (at[1] >> 3 & 7) == 2))
    return Kind::Call;
  if (*at == 0xe9 || *at == 0xeb || (*at == 0xff && (at[1] >> 3 & 7) == 4))
    return Kind::Jump;
  return *at == 0xc3 || *at == 0xc2 ? Kind::Return : Kind::Other;
}

void wrong(uintptr_t pc, size_t level, const char *what, DWORD64 found, DWORD64 expected) {
  if (++failures <= 40)
    std::printf("at %llx, frame %zu: %s is %llx, not %llx\n", (unsigned long long)(pc - text),
                level, what, (unsigned long long)found, (unsigned long long)expected);
}

/// What an epilogue at `pc` pops behind the return address: the unwinder may count it in.
uintptr_t poppedBy(uintptr_t pc) {
  const auto *at = reinterpret_cast<const uint8_t *>(pc);
  if (at[0] == 0x48 && at[1] == 0x8d && at[2] == 0x65) // lea rsp, [rbp + n]
    at += 4;
  if (*at == 0x5d) // pop rbp
    at++;
  return *at == 0xc2 ? at[1] | at[2] << 8 : 0;
}

void compare(uintptr_t pc, size_t level, const CONTEXT &c, const Frame &f) {
  static const char *const kNames[] = {"rbx", "rbp", "r12", "r13", "r14", "r15", "rsi", "rdi"};
  if (c.Rip != f.returnAddress)
    wrong(pc, level, "return address", c.Rip, f.returnAddress);
  uintptr_t popped = level == 0 ? poppedBy(pc) : 0;
  // A tail call moves the return address when the callee has more or fewer stack arguments.
  bool moved = level == 0 && f.tailCalls && c.Rsp != f.cfa && word(c.Rsp - 8) == f.returnAddress;
  if (c.Rsp != f.cfa && c.Rsp != f.cfa + popped && !moved)
    wrong(pc, level, "stack pointer", c.Rsp, f.cfa);
  Frame found{};
  readRegisters(c, found);
  for (int r = 0; r < (f.entry ? 8 : 6); r++)
    if (found.registers[r] != f.registers[r] && !(r == 5 && f.tailCalled))
      wrong(pc, level, kNames[r], found.registers[r], f.registers[r]);
  if (f.entry && std::memcmp(found.xmm, f.xmm, sizeof f.xmm) != 0)
    wrong(pc, level, "xmm6-xmm15", found.xmm[0].Low, f.xmm[0].Low);
}

/// Unwinds from a context to the outermost frame.
void check(CONTEXT c) {
  uintptr_t pc = c.Rip;
  for (size_t level = 0; level < frames.size(); level++) {
    DWORD64 base = 0, establisher;
    PRUNTIME_FUNCTION entry = RtlLookupFunctionEntry(c.Rip - (level > 0), &base, nullptr);
    if (entry == nullptr && level == 0 && inText(pc)) {
      // A leaf without a frame.
      c.Rip = word(c.Rsp);
      c.Rsp += 8;
    } else if (entry == nullptr || base != text) {
      wrong(pc, level, "table base", base, text);
      return;
    } else {
      void *handler;
      RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, c.Rip, entry, &c, &handler, &establisher, nullptr);
    }
    compare(pc, level, c, frames[frames.size() - 1 - level]);
    if (frames[frames.size() - 1 - level].returnAddress != c.Rip)
      return;
  }
}

void step(const CONTEXT &c) {
  uintptr_t pc = c.Rip;
  if (lastPc == 0) {
    // The first instruction stepped is the jump to the trampoline, or the trampoline.
    if (functions.count(pc) == 0)
      return;
    enterFunction(c, false);
  } else {
    Kind kind = kindOf(lastPc);
    if (kind == Kind::Return && !frames.empty() && inText(lastPc))
      frames.pop_back();
    bool starts = functions.count(pc) != 0;
    if (kind == Kind::Jump && starts && inText(lastPc) && !frames.empty()) {
      // A tail call: the caller's frame is what it was before, but for the context and popped
      // arguments.
      Frame old = frames.back();
      frames.pop_back();
      enterFunction(c, true);
      std::memcpy(frames.back().registers, old.registers, sizeof old.registers);
    } else if (starts && kind != Kind::Jump) {
      enterFunction(c, false);
    }
  }
  lastPc = pc;
  if (!inText(pc))
    return;
  seen.insert(pc);
  steps++;
  check(c);
}

LONG CALLBACK singleStep(EXCEPTION_POINTERS *pointers) {
  if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_SINGLE_STEP)
    return EXCEPTION_CONTINUE_SEARCH;
  step(*pointers->ContextRecord);
  // Until the trampoline has returned.
  if (!frames.empty() || lastPc == 0)
    pointers->ContextRecord->EFlags |= kTrapFlag;
  else
    pointers->ContextRecord->EFlags &= ~kTrapFlag;
  // Wine asks its server to set debug registers, which takes most of the time.
  pointers->ContextRecord->ContextFlags &= ~DWORD{0x10};
  return EXCEPTION_CONTINUE_EXECUTION;
}

/// Where test_stepped_entry goes on.
extern "C" {
uint64_t steppedEntry;
void test_stepped_entry();
}

// Begins to step and goes to an entry trampoline.
asm(".text\n.globl test_stepped_entry\ntest_stepped_entry:\n"
    "  pushfq\n  orq $0x100, (%rsp)\n  popfq\n  jmpq *steppedEntry(%rip)\n");

// Helpers in the place of the core's: arguments in all places, and an aligned stack.
int helperCalls, helperErrors;

void expectHelper(bool right) {
  helperCalls++;
  if (!right || reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % 16 != 0)
    helperErrors++;
}

uint64_t grow(uint64_t, uint64_t, uint64_t pages) {
  volatile uint64_t shadow[4] = {pages};
  expectHelper(shadow[0] == 7);
  return 3;
}
uint32_t fill(uint64_t, uint64_t, uint64_t dst, uint32_t value, uint64_t length) {
  expectHelper(dst == 11 && value == 12 && length == 1013);
  return 0;
}
uint32_t copy(uint64_t, uint64_t, uint64_t, uint64_t dst, uint64_t src, uint64_t length) {
  expectHelper(dst == 21 && src == 22 && length == 1023);
  return 0;
}

/// A context all of whose words behind the head lead to one table of functions, whatever code looks
/// for. The words' halves are equal, so that a type id is the same at any of them.
struct Context {
  alignas(16) VMCtx head{};
  uint64_t words[256]{};
  uint64_t builtins[BUILTIN_COUNT]{};
  VMFuncEntry entries[64]{};

  explicit Context(const std::vector<uintptr_t> &codes) {
    builtins[BUILTIN_MEMORY_GROW] = reinterpret_cast<uint64_t>(&grow);
    builtins[BUILTIN_MEMORY_FILL] = reinterpret_cast<uint64_t>(&fill);
    builtins[BUILTIN_MEMORY_COPY] = reinterpret_cast<uint64_t>(&copy);
    head.builtins = reinterpret_cast<uint64_t>(builtins);
    constexpr uintptr_t kPlace = 0x100000001000;
    VirtualAlloc(reinterpret_cast<void *>(kPlace - 0x1000), 0x2000, MEM_RESERVE | MEM_COMMIT,
                 PAGE_READWRITE);
    *reinterpret_cast<VMTable *>(kPlace) = {reinterpret_cast<uint64_t>(entries), 64, 64, 0};
    for (uint64_t &word : words)
      word = kPlace;
    for (size_t i = 0; i < 64 && i < codes.size(); i++)
      entries[i] = {codes[i], reinterpret_cast<uint64_t>(&head), static_cast<uint32_t>(kPlace), 0,
                    1};
  }
};

/// One call on a fiber, stepped.
void run(Thread *thread, uint64_t entry, uint64_t code, void *ctx,
         const std::vector<uint64_t> &arguments) {
  VMFuncRef callee{};
  callee.code = code;
  callee.ctx = reinterpret_cast<uint64_t>(ctx);
  callee.entry = reinterpret_cast<uint64_t>(&test_stepped_entry);
  steppedEntry = entry;
  auto *slots = reinterpret_cast<uint64_t *>(thread->transfer() + 1);
  for (size_t i = 0; i < arguments.size(); i++)
    slots[i] = arguments[i];
  thread->transfer()->callee = reinterpret_cast<uint64_t>(&callee);
  frames.clear();
  lastPc = 0;
  enter(thread);
  while (thread->transfer()->status == STATUS_HOST)
    resume(thread);
  if (thread->transfer()->status != STATUS_DONE) {
    std::printf("trap %u\n", thread->transfer()->trap);
    failures++;
    abandon(thread);
  }
  if (!frames.empty()) {
    std::printf("%zu frames did not return\n", frames.size());
    failures++;
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  std::string error;
  std::unique_ptr<CodeMapping> code(CodeMapping::mapFile(argv[1], error));
  if (code == nullptr) {
    std::puts(error.c_str());
    return 1;
  }
  Thread *thread = acquireThread(256 * 1024);
  AddVectoredExceptionHandler(1, singleStep);
  std::unique_ptr<Context> context;
  std::vector<uintptr_t> codes;
  int runs = 0;
  std::ifstream plan(argv[2]);
  for (std::string line; std::getline(plan, line);) {
    std::istringstream words(line);
    std::string kind;
    uint64_t a = 0, b = 0;
    words >> kind;
    if (kind == "layout") {
      CodeLayout l{};
      words >> l.textOffset >> l.textSize >> l.pdataOffset >> l.pdataSize >> l.xdataOffset >>
          l.xdataSize;
      if (const char *wrong = code->activate(l)) {
        std::puts(wrong);
        return 1;
      }
      text = code->textAddress();
      textEnd = text + l.textSize;
      continue;
    }
    words >> a;
    if (kind == "function") {
      functions.insert(text + a);
      codes.push_back(text + a);
      continue;
    }
    if (kind == "tailcaller") {
      tailCallers.insert(text + a);
      continue;
    }
    words >> b;
    std::vector<uint64_t> arguments;
    for (uint64_t value; words >> value;)
      arguments.push_back(value);
    entries.insert(text + a);
    if (context == nullptr)
      context = std::make_unique<Context>(codes);
    VMHostFunc host{reinterpret_cast<uint64_t>(thread), 5, 0, text + b, 0};
    run(thread, text + a, text + b,
        kind == "host" ? static_cast<void *>(&host) : static_cast<void *>(&context->head),
        arguments);
    runs++;
  }
  if (helperErrors != 0)
    failures += helperErrors;
  std::printf("%d calls, %d instructions at %zu places, %d helpers: %d wrong\n", runs, steps,
              seen.size(), helperCalls, failures);
  releaseThread(thread);
  return failures == 0 && steps > 0 ? 0 : 1;
}
