import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import SessionModel

/// Turns requests into answers: routes, asks the gate, runs the call, maps errors.
struct ControlResponder: HTTPResponder {
    typealias Context = ControlRequestContext
    let dependencies: ControlDependencies

    func respond(to request: Request, context: ControlRequestContext) async throws -> Response {
        Response(status: .notFound)
    }
}

/// What a call knows about the connection it came on.
struct ControlRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The peer's address without port; nil when the transport has none.
    let peerAddress: String?

    init(source: ApplicationRequestContextSource) {
        self.coreContext = .init(source: source)
        self.peerAddress = source.channel.remoteAddress?.ipAddress
    }
}
