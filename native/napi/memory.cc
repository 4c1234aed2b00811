// NativeMemory: a linear memory and ArrayBuffers over it.
#include "binding.h"
#include <cstring>

namespace elfin::binding {

namespace {

/// What a reservation weighs for the garbage collector: address space is what runs out first, and
/// V8 does not see it.
constexpr int64_t kReservationWeight = 256 * 1024;

void releaseRegion(napi_env, void *, void *region) { static_cast<Region *>(region)->release(); }

} // namespace

Napi::Function MemoryWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeMemory",
                     {
                         InstanceAccessor<&MemoryWrap::address>("address"),
                         InstanceAccessor<&MemoryWrap::guarded>("guarded"),
                         InstanceMethod<&MemoryWrap::base>("base"),
                         InstanceMethod<&MemoryWrap::bytes>("bytes"),
                         InstanceMethod<&MemoryWrap::grow>("grow"),
                         InstanceMethod<&MemoryWrap::buffer>("buffer"),
                     });
}

Napi::Value MemoryWrap::create(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t minPages, maxPages;
  if (!readUint(info[0], minPages) || !readUint(info[1], maxPages))
    return env.Undefined();
  Memory *memory = Memory::create(minPages, maxPages, info[2].ToBoolean());
  if (memory == nullptr)
    return env.Null();
  return addonData(env).memory.New({Napi::External<Memory>::New(env, memory)});
}

MemoryWrap::MemoryWrap(const Napi::CallbackInfo &info) : Napi::ObjectWrap<MemoryWrap>(info) {
  if (!info[0].IsExternal()) {
    throwType(info.Env(), "use createMemory");
    return;
  }
  memory_.reset(info[0].As<Napi::External<Memory>>().Data());
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), kReservationWeight);
}

void MemoryWrap::Finalize(Napi::Env env) {
  if (memory_ != nullptr)
    Napi::MemoryManagement::AdjustExternalMemory(env, -kReservationWeight);
}

Napi::Value MemoryWrap::address(const Napi::CallbackInfo &info) {
  return number(info.Env(), reinterpret_cast<uint64_t>(&memory_->vm));
}

Napi::Value MemoryWrap::guarded(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), memory_->guarded());
}

Napi::Value MemoryWrap::base(const Napi::CallbackInfo &info) {
  return number(info.Env(), memory_->vm.base);
}

Napi::Value MemoryWrap::bytes(const Napi::CallbackInfo &info) {
  return number(info.Env(), memory_->vm.bytes);
}

Napi::Value MemoryWrap::grow(const Napi::CallbackInfo &info) {
  uint64_t delta;
  if (!readUint(info[0], delta))
    return info.Env().Undefined();
  return numberOrMinusOne(info.Env(), memory_->grow(delta));
}

Napi::Value MemoryWrap::buffer(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  napi_value buffer = nullptr;
  if (memory_->vm.bytes == 0) {
    napi_create_arraybuffer(env, 0, nullptr, &buffer);
    return Napi::Value(env, buffer);
  }
  Region *region = memory_->region();
  // When this fails, Node may or may not have called the finalizer: rather never unmap than too
  // early.
  region->retain();
  if (napi_create_external_arraybuffer(env, region->base(), memory_->vm.bytes, releaseRegion,
                                       region, &buffer) != napi_ok) {
    if (!env.IsExceptionPending())
      return throwRange(env, "no ArrayBuffer can be made over this memory");
    return env.Undefined();
  }
  return Napi::Value(env, buffer);
}

Napi::Value MemoryWrap::copyIn(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t at, start, length;
  if (!info[0].IsObject() ||
      !info[0].As<Napi::Object>().InstanceOf(addonData(env).memory.Value()) ||
      !info[2].IsTypedArray())
    return throwType(env, "copyIn(memory, at, bytes, start, length)");
  if (!readUint(info[1], at) || !readUint(info[3], start) || !readUint(info[4], length))
    return env.Undefined();
  const VMMemory &vm = Unwrap(info[0].As<Napi::Object>())->memory_->vm;
  auto bytes = info[2].As<Napi::Uint8Array>();
  size_t available = bytes.ByteLength();
  if (start > available || length > available - start || at < vm.base || at - vm.base > vm.bytes ||
      length > vm.bytes - (at - vm.base))
    return throwRange(env, "copyIn out of bounds");
  if (length != 0)
    std::memcpy(reinterpret_cast<void *>(at), bytes.Data() + start, length);
  return env.Undefined();
}

} // namespace elfin::binding
