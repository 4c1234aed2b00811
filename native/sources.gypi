{
  # The one list of native files: binding.gyp includes it, CMakeLists.txt reads it (one quoted path a line).
  'variables': {
    # One of these, by architecture.
    'elfin_x64_sources': [
      'native/core/arch_x64.cc',
    ],
    'elfin_arm64_sources': [
      'native/core/arch_arm64.cc',
    ],
    'elfin_core_sources': [
      'native/core/builtins.cc',
      'native/core/checksum.cc',
      'native/core/code.cc',
      'native/core/code_registry.cc',
      'native/core/eh_frame.cc',
      'native/core/fiber.cc',
      'native/core/memory.cc',
      'native/core/reservations.cc',
      'native/core/table.cc',
      'native/core/thread.cc',
      'native/core/traps.cc',
    ],
    'elfin_napi_sources': [
      'native/napi/addon.cc',
      'native/napi/blocks.cc',
      'native/napi/calls.cc',
      'native/napi/code.cc',
      'native/napi/memory.cc',
      'native/napi/table.cc',
    ],
  },
}
