// Calls into Wasm. enter, resume and abandon are bare Node-API callbacks: everything they need is
// in the transfer area.
#include "../core/builtins.h"
#include "binding.h"
#include <vector>

namespace elfin::binding {

namespace {

napi_value misuse(napi_env env, const char *message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

napi_value enterCall(napi_env env, napi_callback_info) {
  Thread *thread = currentThread();
  if (__builtin_expect(thread == nullptr, 0))
    return misuse(env, "initThread was not called on this thread");
  enter(thread);
  return nullptr;
}

napi_value resumeCall(napi_env env, napi_callback_info) {
  Thread *thread = currentThread();
  if (__builtin_expect(thread == nullptr || !resume(thread), 0))
    return misuse(env, "not a suspended fiber of this thread");
  return nullptr;
}

napi_value abandonCall(napi_env env, napi_callback_info) {
  Thread *thread = currentThread();
  if (thread == nullptr || !abandon(thread))
    return misuse(env, "not a suspended or trapped fiber of this thread");
  return nullptr;
}

Napi::Value fiberFramesCall(const Napi::CallbackInfo &info) {
  uint64_t max;
  Thread *thread = currentThread();
  if (!readUint(info[0], max) || thread == nullptr)
    return info.Env().Undefined();
  std::vector<uintptr_t> frames = fiberFrames(thread, max);
  auto result = Napi::Float64Array::New(info.Env(), frames.size());
  for (size_t i = 0; i < frames.size(); i++)
    result[i] = static_cast<double>(frames[i]);
  return result;
}

Napi::Value scanExternrefsCall(const Napi::CallbackInfo &info) {
  Thread *thread = currentThread();
  std::vector<uint32_t> handles;
  if (thread != nullptr)
    handles = scanExternrefs(thread);
  auto result = Napi::Uint32Array::New(info.Env(), handles.size());
  for (size_t i = 0; i < handles.size(); i++)
    result[i] = handles[i];
  return result;
}

void releaseAtExit(void *thread) { releaseThread(static_cast<Thread *>(thread)); }

void releaseTransfer(napi_env, void *, void *thread) {
  releaseThread(static_cast<Thread *>(thread));
}

/// The environment holds one reference to the Thread from its first initThread to its end, each
/// transfer ArrayBuffer another.
Napi::Value initThread(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t stackBytes;
  if (!readUint(info[0], "stackBytes", stackBytes))
    return env.Undefined();
  Thread *thread = acquireThread(stackBytes);
  if (thread == nullptr)
    return throwRange(env, "no memory for a thread");
  AddonData &data = addonData(env);
  if (data.thread == nullptr) {
    data.thread = acquireThread(stackBytes);
    napi_add_env_cleanup_hook(env, releaseAtExit, thread);
  }
  napi_value transfer;
  if (napi_create_external_arraybuffer(env, thread->transfer(),
                                       sizeof(VMTransfer) + TRANSFER_SLOTS * 8, releaseTransfer,
                                       thread, &transfer) != napi_ok)
    return throwType(env, "external ArrayBuffers are not supported here");
  Napi::Object result = Napi::Object::New(env);
  result.Set("transfer", Napi::Value(env, transfer));
  result.Set("threadAddress", number(env, reinterpret_cast<uint64_t>(thread)));
  result.Set("builtinsAddress", number(env, reinterpret_cast<uint64_t>(builtinTable())));
  return result;
}

} // namespace

bool defineCalls(Napi::Env env, Napi::Object exports) {
  struct Hot {
    const char *name;
    napi_callback callback;
  };
  for (const Hot &hot :
       {Hot{"enter", enterCall}, Hot{"resume", resumeCall}, Hot{"abandon", abandonCall}}) {
    napi_value function;
    if (napi_create_function(env, hot.name, NAPI_AUTO_LENGTH, hot.callback, nullptr, &function) !=
        napi_ok)
      return false;
    exports.Set(hot.name, Napi::Value(env, function));
  }
  exports.Set("fiberFrames", Napi::Function::New(env, fiberFramesCall, "fiberFrames"));
  exports.Set("scanExternrefs", Napi::Function::New(env, scanExternrefsCall, "scanExternrefs"));
  exports.Set("initThread", Napi::Function::New(env, initThread, "initThread"));
  return true;
}

} // namespace elfin::binding
