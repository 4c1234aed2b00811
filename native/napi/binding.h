// The binding's own types: what an environment holds, and helpers to read arguments. One file per
// wrapped class; the hot calls (calls.cc) use the C interface, carry no Node-API values and do not
// look at their arguments.
#pragma once

#include "../core/code.h"
#include "../core/memory.h"
#include "../core/table.h"
#include "../core/thread.h"
#include <cstdint>
#include <memory>
#include <napi.h>

namespace elfin::binding {

/// One per environment (main thread or worker), owned by it.
struct AddonData {
  Napi::FunctionReference memory;
  Napi::FunctionReference table;
  Napi::FunctionReference code;
  /// Set by initThread.
  Thread *thread = nullptr;
};

inline AddonData &addonData(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

/// Reads a non-negative integer below 2^53. Throws TypeError and returns false on anything else.
bool readUint(const Napi::Value &value, uint64_t &out);
/// Reads `name` of an object so.
bool readUint(const Napi::Value &object, const char *name, uint64_t &out);
inline Napi::Value number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}
/// A size or count, -1 for UINT64_MAX.
inline Napi::Value numberOrMinusOne(Napi::Env env, uint64_t value) {
  return value == UINT64_MAX ? Napi::Number::New(env, -1) : number(env, value);
}
Napi::Value throwType(Napi::Env env, const char *message);
Napi::Value throwRange(Napi::Env env, const char *message);

class MemoryWrap : public Napi::ObjectWrap<MemoryWrap> {
public:
  static Napi::Function define(Napi::Env env);
  /// (minPages, maxPages, guarded) -> NativeMemory | null
  static Napi::Value create(const Napi::CallbackInfo &info);
  /// (memory, at, bytes, start, length)
  static Napi::Value copyIn(const Napi::CallbackInfo &info);

  explicit MemoryWrap(const Napi::CallbackInfo &info);
  void Finalize(Napi::Env env) override;

private:
  Napi::Value address(const Napi::CallbackInfo &info);
  Napi::Value guarded(const Napi::CallbackInfo &info);
  Napi::Value base(const Napi::CallbackInfo &info);
  Napi::Value bytes(const Napi::CallbackInfo &info);
  Napi::Value grow(const Napi::CallbackInfo &info);
  Napi::Value buffer(const Napi::CallbackInfo &info);

  std::unique_ptr<Memory> memory_;
};

class TableWrap : public Napi::ObjectWrap<TableWrap> {
public:
  static Napi::Function define(Napi::Env env);
  /// (kind, length, max, init) -> NativeTable
  static Napi::Value create(const Napi::CallbackInfo &info);

  explicit TableWrap(const Napi::CallbackInfo &info);
  void Finalize(Napi::Env env) override;

private:
  /// Tells the garbage collector what the table weighs.
  void report(Napi::Env env);
  Napi::Value address(const Napi::CallbackInfo &info);
  Napi::Value length(const Napi::CallbackInfo &info);
  Napi::Value get(const Napi::CallbackInfo &info);
  Napi::Value set(const Napi::CallbackInfo &info);
  Napi::Value setAll(const Napi::CallbackInfo &info);
  Napi::Value grow(const Napi::CallbackInfo &info);

  std::unique_ptr<Table> table_;
  int64_t reported_ = 0;
};

class CodeWrap : public Napi::ObjectWrap<CodeWrap> {
public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value mapFile(const Napi::CallbackInfo &info);
  static Napi::Value mapBytes(const Napi::CallbackInfo &info);
  /// (code, layout)
  static Napi::Value activate(const Napi::CallbackInfo &info);
  static Napi::Value mapForPerf(const Napi::CallbackInfo &info);

  explicit CodeWrap(const Napi::CallbackInfo &info);
  void Finalize(Napi::Env env) override;

private:
  static Napi::Value wrap(Napi::Env env, CodeMapping *mapping);
  Napi::Value textAddress(const Napi::CallbackInfo &info);

  /// Shared with the ArrayBuffer behind `bytes`.
  std::shared_ptr<CodeMapping> mapping_;
};

/// enter, resume, abandon, fiberFrames, scanExternrefs, initThread.
bool defineCalls(Napi::Env env, Napi::Object exports);
/// createInstance, createBlock, checksum, cpuFeatures, detach.
void defineBlocks(Napi::Env env, Napi::Object exports);

} // namespace elfin::binding
