// NativeTable: references are passed as numbers (addresses of VMFuncRefs, externref handles), 0 is
// null.
#include "binding.h"
#include <string>

namespace elfin::binding {

Napi::Function TableWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeTable",
                     {
                         InstanceAccessor<&TableWrap::address>("address"),
                         InstanceMethod<&TableWrap::length>("length"),
                         InstanceMethod<&TableWrap::get>("get"),
                         InstanceMethod<&TableWrap::set>("set"),
                         InstanceMethod<&TableWrap::setAll>("setAll"),
                         InstanceMethod<&TableWrap::grow>("grow"),
                     });
}

Napi::Value TableWrap::create(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t length, max, init;
  if (!info[0].IsString() || !readUint(info[1], length) || !readUint(info[2], max) ||
      !readUint(info[3], init))
    return env.IsExceptionPending() ? env.Undefined() : throwType(env, "expected a table kind");
  bool func = info[0].As<Napi::String>().Utf8Value() == "func";
  Table *table = Table::create(func ? TableKind::Func : TableKind::Ref, length, max, init);
  if (table == nullptr)
    return throwRange(env, "no memory for a table of this size");
  return addonData(env).table.New({Napi::External<Table>::New(env, table)});
}

TableWrap::TableWrap(const Napi::CallbackInfo &info) : Napi::ObjectWrap<TableWrap>(info) {
  if (!info[0].IsExternal()) {
    throwType(info.Env(), "use createTable");
    return;
  }
  table_.reset(info[0].As<Napi::External<Table>>().Data());
  report(info.Env());
}

void TableWrap::report(Napi::Env env) {
  auto bytes = static_cast<int64_t>(table_->mappedBytes());
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_);
  reported_ = bytes;
}

void TableWrap::Finalize(Napi::Env env) {
  Napi::MemoryManagement::AdjustExternalMemory(env, -reported_);
}

Napi::Value TableWrap::address(const Napi::CallbackInfo &info) {
  return number(info.Env(), reinterpret_cast<uint64_t>(&table_->vm));
}

Napi::Value TableWrap::length(const Napi::CallbackInfo &info) {
  return number(info.Env(), table_->vm.length);
}

Napi::Value TableWrap::get(const Napi::CallbackInfo &info) {
  uint64_t index;
  if (!readUint(info[0], index))
    return info.Env().Undefined();
  if (index >= table_->vm.length)
    return throwRange(info.Env(), "table index out of bounds");
  return number(info.Env(), table_->get(index));
}

Napi::Value TableWrap::set(const Napi::CallbackInfo &info) {
  uint64_t index, ref;
  if (!readUint(info[0], index) || !readUint(info[1], ref))
    return info.Env().Undefined();
  if (index >= table_->vm.length)
    return throwRange(info.Env(), "table index out of bounds");
  table_->fill(index, ref, 1);
  return info.Env().Undefined();
}

Napi::Value TableWrap::setAll(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  uint64_t index;
  if (!readUint(info[0], index))
    return env.Undefined();
  if (!info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    return throwType(env, "expected a Float64Array");
  auto refs = info[1].As<Napi::Float64Array>();
  uint64_t length = table_->vm.length;
  if (index > length || refs.ElementLength() > length - index)
    return throwRange(env, "table index out of bounds");
  for (size_t i = 0; i < refs.ElementLength(); i++)
    table_->fill(index + i, static_cast<uint64_t>(refs[i]), 1);
  return env.Undefined();
}

Napi::Value TableWrap::grow(const Napi::CallbackInfo &info) {
  uint64_t delta, ref;
  if (!readUint(info[0], delta) || !readUint(info[1], ref))
    return info.Env().Undefined();
  uint64_t old = table_->grow(delta, ref);
  report(info.Env());
  return numberOrMinusOne(info.Env(), old);
}

} // namespace elfin::binding
