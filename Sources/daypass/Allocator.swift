#if canImport(Glibc)
import CMalloc
#endif

/// Settings of the C library's allocator for a process that relays bytes.
enum Allocator {
    /// Keeps a few megabytes that were freed, instead of giving them back to the system at once.
    ///
    /// Buffers of 64 KiB come and go thousands of times a second; with glibc's defaults each of them is unmapped and
    /// faulted in again, which took a tenth of the edge's time for large bodies.
    static func keepFreedMemory() {
        #if canImport(Glibc)
        _ = mallopt(M_MMAP_THRESHOLD, 4 << 20)
        _ = mallopt(M_TRIM_THRESHOLD, 8 << 20)
        #endif
    }
}
