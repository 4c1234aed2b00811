{
  # What `npm install` builds on a user's machine; developers use native/CMakeLists.txt. Same files, same flags.
  'includes': ['native/sources.gypi'],
  'targets': [
    {
      'target_name': 'elfin',
      'sources': ['<@(elfin_core_sources)', '<@(elfin_napi_sources)'],
      'conditions': [
        ['OS!="win"', {'sources': ['<@(elfin_posix_sources)']}],
        ['OS!="win" and target_arch=="x64"', {'sources': ['<@(elfin_posix_x64_sources)']}],
        ['OS!="win" and target_arch=="arm64"', {'sources': ['<@(elfin_posix_arm64_sources)']}],
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
      # Frame pointers: a backtrace that begins in a native helper finds its way to the compiled code.
      'cflags_cc': [
        '-std=c++20',
        '-O2',
        '-fexceptions',
        '-fvisibility=hidden',
        '-fno-omit-frame-pointer',
        '-fno-semantic-interposition',
        '-Wall',
        '-Wextra',
        '-Werror',
      ],
      'cflags_cc!': ['-fno-exceptions', '-std=gnu++17', '-std=gnu++20', '-std=gnu++14', '-O3', '-fomit-frame-pointer'],
      'cflags!': ['-O3', '-fomit-frame-pointer'],
      # nodelete: a worker that loaded the addon alone must not unload the signal handler with itself.
      'ldflags': ['-Wl,-z,nodelete', '-Wl,-z,now'],
    },
  ],
}
