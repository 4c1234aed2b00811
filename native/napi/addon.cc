// Entry point of the addon: exports what src-ts/runtime/native.ts describes as `Native`.
#include "binding.h"

namespace elfin::binding {

bool readUint(const Napi::Value &value, uint64_t &out) {
  constexpr double kLimit = 9007199254740992.0; // 2^53
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number < kLimit) ||
      static_cast<double>(static_cast<uint64_t>(number)) != number) {
    throwType(value.Env(), "expected a non-negative integer");
    return false;
  }
  out = static_cast<uint64_t>(number);
  return true;
}

bool readUint(const Napi::Value &object, const char *name, uint64_t &out) {
  if (!object.IsObject()) {
    throwType(object.Env(), "expected an object");
    return false;
  }
  return readUint(object.As<Napi::Object>().Get(name), out);
}

Napi::Value throwType(Napi::Env env, const char *message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value throwRange(Napi::Env env, const char *message) {
  Napi::RangeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto *data = new AddonData;
  env.SetInstanceData(data);
  data->memory = Napi::Persistent(MemoryWrap::define(env));
  data->table = Napi::Persistent(TableWrap::define(env));
  data->code = Napi::Persistent(CodeWrap::define(env));
  auto add = [&](const char *name, Napi::Value (*callback)(const Napi::CallbackInfo &)) {
    exports.Set(name, Napi::Function::New(env, callback, name));
  };
  add("createMemory", MemoryWrap::create);
  add("copyIn", MemoryWrap::copyIn);
  add("createTable", TableWrap::create);
  add("mapFile", CodeWrap::mapFile);
  add("mapBytes", CodeWrap::mapBytes);
  add("activate", CodeWrap::activate);
  add("mapForPerf", CodeWrap::mapForPerf);
  defineBlocks(env, exports);
  defineCalls(env, exports);
  return exports;
}

} // namespace

NODE_API_MODULE(elfin, init)

} // namespace elfin::binding
