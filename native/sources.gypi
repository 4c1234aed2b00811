{
  # The one list of native files: binding.gyp includes it, CMakeLists.txt reads it (one quoted name or path a line).
  'variables': {
    'elfin_core_sources': [
      'native/core/builtins.cc',
      'native/core/checksum.cc',
      'native/core/code.cc',
      'native/core/code_registry.cc',
      'native/core/memory.cc',
      'native/core/pdata.cc',
      'native/core/reservations.cc',
      'native/core/table.cc',
      'native/core/thread.cc',
    ],
    # One of these, by operating system.
    'elfin_posix_sources': [
      'native/core/eh_frame.cc',
      'native/core/fiber_posix.cc',
      'native/core/frame_registry.cc',
      'native/core/gdb.cc',
      'native/core/os_posix.cc',
      'native/core/signal_stack_posix.cc',
      'native/core/traps_posix.cc',
      'native/core/unwind_posix.cc',
    ],
    'elfin_windows_sources': [
      'native/core/current_thread_windows.cc',
      'native/core/fiber_windows.cc',
      'native/core/os_windows.cc',
      'native/core/traps_windows.cc',
      'native/core/unwind_windows.cc',
    ],
    # One of these, by both.
    'elfin_posix_x64_sources': [
      'native/core/arch_x64.cc',
      'native/core/cpu_x64.cc',
    ],
    'elfin_posix_arm64_sources': [
      'native/core/arch_arm64.cc',
    ],
    'elfin_windows_x64_sources': [
      'native/core/arch_x64_windows.cc',
      'native/core/cpu_x64.cc',
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
