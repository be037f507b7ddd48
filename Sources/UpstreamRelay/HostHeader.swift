package import SessionModel

/// Which `Host` the local app sees (spec: tunnel sessions, section 2, "Forwarding").
package enum HostHeader: Sendable, Equatable {
    /// `localhost:{port}`, which development servers accept.
    case localhost
    /// What the viewer sent.
    case preserve
    /// This value.
    case value(String)

    /// Reads what a person types: `localhost`, `preserve` or a value such as `app.test:8080`.
    ///
    /// - Throws: `validation_error` when the value cannot stand in a `Host` field.
    package init(parsing text: String) throws(DaypassError) {
        switch text {
        case "localhost": self = .localhost
        case "preserve": self = .preserve
        default:
            guard !text.isEmpty, text.utf8.count <= 259, text.utf8.allSatisfy(Self.isHostByte) else {
                let message = "The Host header must be preserve or a host name, with :port if needed."
                throw DaypassError(
                    .validationError,
                    message,
                    details: [.init(path: "hostHeader", message: message)]
                )
            }
            self = .value(text)
        }
    }

    /// The value to send for `target`; nil means the viewer's own.
    package func fieldValue(for target: LocalTarget) -> String? {
        switch self {
        case .localhost: "localhost:\(target.port)"
        case .preserve: nil
        case .value(let value): value
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default:
            false
        }
    }
}
