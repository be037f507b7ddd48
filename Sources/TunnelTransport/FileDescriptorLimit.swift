#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many files and sockets this process may have open (getrlimit(2), `RLIMIT_NOFILE`).
package enum FileDescriptorLimit {
    /// Descriptors kept back from viewers for the database, agents, the control API and logs.
    package static let reserve = 256

    /// Raises the soft limit to the hard one, as everything that holds a socket per viewer has to, and returns what may
    /// be open then; the current limit when it cannot be raised.
    @discardableResult
    package static func raised() -> Int {
        var limit = rlimit()
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let now = setrlimit(resource, &limit) == 0 ? limit.rlim_cur : before
        return Int(clamping: now)
    }
}
