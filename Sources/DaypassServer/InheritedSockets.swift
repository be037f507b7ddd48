#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Listening sockets that a service manager opened for this process and keeps across restarts (sd_listen_fds(3)).
///
/// The environment says how many there are (`LISTEN_FDS`, from descriptor 3 on), for which process (`LISTEN_PID`), and
/// what they are called (`LISTEN_FDNAMES`, separated by colons).
package struct InheritedSockets: Sendable, Equatable {
    /// Names of the sockets; empty for those without one.
    package let names: [String]
    private static let firstDescriptor: CInt = 3
    private static let maximumCount = 16

    /// Reads what was handed to the process with this id; none when the variables speak of another or make no sense.
    package init(environment: (String) -> String?, processID: Int32) {
        guard let pid = environment("LISTEN_PID").flatMap({ Int32($0) }), pid == processID,
            let count = environment("LISTEN_FDS").flatMap({ Int($0) }), (1...Self.maximumCount).contains(count)
        else {
            self.names = []
            return
        }
        let given = (environment("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
        self.names = (0..<count).map { $0 < given.count ? String(given[$0]) : "" }
    }

    /// What was handed to this process.
    package static func ofThisProcess() -> InheritedSockets {
        InheritedSockets(
            environment: { name in getenv(name).map { String(cString: $0) } },
            processID: getpid()
        )
    }

    /// The descriptor of the socket with this name, or of the only one there is, whatever it is called.
    package func socket(named name: String) -> CInt? {
        let index = self.names.firstIndex(of: name) ?? (self.names.count == 1 ? 0 : nil)
        return index.map { Self.firstDescriptor + CInt($0) }
    }
}
