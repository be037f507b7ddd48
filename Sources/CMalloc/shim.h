// The settings of glibc's allocator (mallopt(3)); nothing elsewhere.
#if defined(__linux__)
#include <features.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#endif
