// NativeCode: a mapped object. Collected only when neither the object nor its `bytes` is reachable;
// the runtime keeps it reachable from every module, instance and function made of it.
#include "../core/os.h"
#include "binding.h"
#include <string>

namespace elfin::binding {

namespace {

using Shared = std::shared_ptr<CodeMapping>;

void releaseMapping(napi_env, void *, void *shared) { delete static_cast<Shared *>(shared); }

} // namespace

Napi::Function CodeWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeCode", {InstanceAccessor<&CodeWrap::textAddress>("textAddress")});
}

CodeWrap::CodeWrap(const Napi::CallbackInfo &info) : Napi::ObjectWrap<CodeWrap>(info) {
  if (!info[0].IsExternal()) {
    throwType(info.Env(), "use mapFile or mapBytes");
    return;
  }
  mapping_.reset(info[0].As<Napi::External<CodeMapping>>().Data());
}

void CodeWrap::Finalize(Napi::Env) {
  if (mapping_ != nullptr)
    mapping_->deactivate();
}

Napi::Value CodeWrap::wrap(Napi::Env env, CodeMapping *mapping) {
  Napi::Object code = addonData(env).code.New({Napi::External<CodeMapping>::New(env, mapping)});
  auto *shared = new Shared(Unwrap(code)->mapping_);
  napi_value buffer, bytes;
  if (napi_create_external_arraybuffer(env, mapping->base(), mapping->size(), releaseMapping,
                                       shared, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_uint8_array, mapping->size(), buffer, 0, &bytes) != napi_ok)
    return env.IsExceptionPending() ? env.Undefined()
                                    : throwRange(env, "the object is too large for an ArrayBuffer");
  code.DefineProperty(Napi::PropertyDescriptor::Value("bytes", bytes, napi_enumerable));
  return code;
}

Napi::Value CodeWrap::mapFile(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString())
    return throwType(env, "expected a path");
  std::string path = info[0].As<Napi::String>().Utf8Value();
  std::string error;
  CodeMapping *mapping = CodeMapping::mapFile(path.c_str(), error);
  if (mapping == nullptr) {
    Napi::Error::New(env, "cannot map '" + path + "': " + error).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return wrap(env, mapping);
}

Napi::Value CodeWrap::mapBytes(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!info[0].IsTypedArray())
    return throwType(env, "expected a Uint8Array");
  auto bytes = info[0].As<Napi::Uint8Array>();
  std::string error;
  CodeMapping *mapping = CodeMapping::mapBytes(bytes.Data(), bytes.ByteLength(), error);
  if (mapping == nullptr)
    return throwRange(env, error.c_str());
  return wrap(env, mapping);
}

Napi::Value CodeWrap::activate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!info[0].IsObject() || !info[0].As<Napi::Object>().InstanceOf(addonData(env).code.Value()))
    return throwType(env, "expected NativeCode");
  CodeLayout layout;
  Napi::Value given = info[1];
  if (!readUint(given, "textOffset", layout.textOffset) ||
      !readUint(given, "textSize", layout.textSize) ||
      !readUint(given, "ehFrameOffset", layout.ehFrameOffset) ||
      !readUint(given, "ehFrameSize", layout.ehFrameSize) ||
      !readUint(given, "trapsOffset", layout.trapsOffset) ||
      !readUint(given, "trapsSize", layout.trapsSize) ||
      !readUint(given, "branchTargets", layout.branchTargets))
    return env.Undefined();
#if defined(_WIN32)
  if (!readUint(given, "pdataOffset", layout.pdataOffset) ||
      !readUint(given, "pdataSize", layout.pdataSize) ||
      !readUint(given, "xdataOffset", layout.xdataOffset) ||
      !readUint(given, "xdataSize", layout.xdataSize))
    return env.Undefined();
#endif
  CodeAudience audience;
  if (info[2].IsNumber()) {
    uint32_t bits = info[2].As<Napi::Number>().Uint32Value();
    audience = {(bits & 1) != 0, (bits & 2) != 0};
  }
  if (info[3].IsTypedArray()) {
    auto file = info[3].As<Napi::Uint8Array>();
    audience.debugFile = file.Data();
    audience.debugFileSize = file.ByteLength();
  }
  if (const char *wrong = Unwrap(info[0].As<Napi::Object>())->mapping_->activate(layout, audience))
    return throwRange(env, wrong);
  return env.Undefined();
}

Napi::Value CodeWrap::mapForPerf(const Napi::CallbackInfo &info) {
  if (!info[0].IsString())
    return throwType(info.Env(), "expected a path");
  std::string path = info[0].As<Napi::String>().Utf8Value();
  return Napi::Boolean::New(info.Env(), os::mapMarker(path.c_str()));
}

Napi::Value CodeWrap::textAddress(const Napi::CallbackInfo &info) {
  return number(info.Env(), mapping_->textAddress());
}

} // namespace elfin::binding
