import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol

/// Why a tunnel connection could not be made.
enum DialFailure: Error, Equatable {
    /// Trying again cannot help.
    case permanent(TunnelAgentEnd)
    /// Trying again can; not before `after`, if the edge said so. The reason is a sentence fragment for people.
    case temporary(reason: String, after: TimeAmount?)

    /// Reads an answer of the edge other than 101 (spec: tunnel protocol).
    ///
    /// - Parameters:
    ///   - head: the answer's head.
    ///   - body: the beginning of its body, which names the error code.
    init(answer head: HTTPHead, body: ByteBuffer) {
        let retryAfter = head.value(of: .retryAfter).flatMap(Self.seconds)
        switch head.status {
        case 401: self = .permanent(.unauthorized)
        case 403: self = .permanent(.forbidden)
        case 409: self = .permanent(.taken)
        case 410: self = .permanent(Self.names(.sessionExpired, in: body) ? .sessionExpired : .sessionClosed)
        case 408, 425, 429, 500...599:
            self = .temporary(reason: "the edge answered \(head.status)", after: retryAfter)
        default:
            self = .permanent(
                .misconfigured("The edge address answered \(head.status) instead of opening a tunnel. Check it.")
            )
        }
    }

    private static func names(_ code: ErrorCode, in body: ByteBuffer) -> Bool {
        String(buffer: body).contains("\"\(code.rawValue)\"")
    }

    /// `Retry-After` in seconds; the form with a date is not used by edges.
    private static func seconds(_ text: String) -> TimeAmount? {
        guard (1...6).contains(text.utf8.count), let seconds = Int64(text), seconds >= 0 else { return nil }
        return .seconds(seconds)
    }
}
