// Contexts and record blocks, and small services. A block is an ordinary ArrayBuffer: V8 never
// moves its store, so its address is good for as long as the view is reachable.
#include "../core/arch.h"
#include "../core/checksum.h"
#include "binding.h"
#include <cstdlib>

namespace elfin::binding {

namespace {

constexpr uint64_t kAlignment = 16;
constexpr uint64_t kMaxBlockBytes = uint64_t{1} << 31;
/// V8 ends the process when it has no memory for an ArrayBuffer; larger ones are allocated here.
constexpr uint64_t kLargeBlockBytes = uint64_t{1} << 20;

/// A zeroed ArrayBuffer; null when there is no memory, or with an exception pending.
napi_value createBuffer(napi_env env, size_t bytes, void *&store) {
  napi_value buffer = nullptr;
  if (bytes < kLargeBlockBytes) {
    napi_create_arraybuffer(env, bytes, &store, &buffer);
    return buffer;
  }
  store = std::calloc(1, bytes);
  auto release = [](napi_env, void *, void *block) { std::free(block); };
  // When this fails, Node may or may not have freed the block.
  if (store != nullptr)
    napi_create_external_arraybuffer(env, store, bytes, release, store, &buffer);
  return buffer;
}

Napi::Value createBlock(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t bytes;
  if (!readUint(info[0], bytes))
    return env.Undefined();
  if (bytes > kMaxBlockBytes)
    return throwRange(env, "block too large");
  // Room to align: the store is only known to be aligned for any scalar.
  napi_value view;
  void *store = nullptr;
  napi_value buffer = createBuffer(env, bytes + kAlignment, store);
  if (buffer == nullptr || store == nullptr)
    return env.IsExceptionPending() ? env.Undefined() : throwRange(env, "no memory for a block");
  auto start = reinterpret_cast<uintptr_t>(store);
  uintptr_t address = (start + kAlignment - 1) & ~(kAlignment - 1);
  if (napi_create_dataview(env, bytes, buffer, address - start, &view) != napi_ok)
    return env.Undefined();
  Napi::Object block = Napi::Object::New(env);
  block.Set("address", number(env, address));
  block.Set("view", Napi::Value(env, view));
  return block;
}

Napi::Value checksumCall(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t start, end;
  if (!info[0].IsTypedArray())
    return throwType(env, "expected a Uint8Array");
  if (!readUint(info[1], start) || !readUint(info[2], end))
    return env.Undefined();
  auto bytes = info[0].As<Napi::Uint8Array>();
  if (end > bytes.ByteLength() || start > end)
    return throwRange(env, "checksum out of bounds");
  return number(env, checksum(bytes.Data() + start, end - start));
}

Napi::Value cpuFeaturesCall(const Napi::CallbackInfo &info) {
  std::vector<std::string> names = arch::cpuFeatures();
  auto result = Napi::Array::New(info.Env(), names.size());
  for (uint32_t i = 0; i < names.size(); i++)
    result[i] = names[i];
  return result;
}

Napi::Value detach(const Napi::CallbackInfo &info) {
  if (!info[0].IsArrayBuffer())
    return throwType(info.Env(), "expected an ArrayBuffer");
  if (napi_detach_arraybuffer(info.Env(), info[0]) != napi_ok)
    return throwType(info.Env(), "the ArrayBuffer can not be detached");
  return info.Env().Undefined();
}

} // namespace

void defineBlocks(Napi::Env env, Napi::Object exports) {
  exports.Set("createInstance", Napi::Function::New(env, createBlock, "createInstance"));
  exports.Set("createBlock", Napi::Function::New(env, createBlock, "createBlock"));
  exports.Set("checksum", Napi::Function::New(env, checksumCall, "checksum"));
  exports.Set("cpuFeatures", Napi::Function::New(env, cpuFeaturesCall, "cpuFeatures"));
  exports.Set("detach", Napi::Function::New(env, detach, "detach"));
}

} // namespace elfin::binding
