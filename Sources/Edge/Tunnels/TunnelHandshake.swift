import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol
import TunnelTransport

/// Judges a request to `/tunnel` (spec: tunnel protocol, first paragraph; RFC 6455, section 4.2).
struct TunnelHandshake {
    let head: HTTPHead
    let hasBody: Bool
    let peer: ViewerPeer
    let edge: EdgeContext

    /// What came of it.
    enum Outcome {
        /// Answer this, with these fields besides.
        case refused(DaypassError, fields: [(name: String, value: String)])
        /// Send these bytes, then hand the channel to this connection.
        case accepted(response: ByteBuffer, connection: TunnelConnection)
    }

    private struct Refusal: Error {
        var error: DaypassError
        var fields: [(name: String, value: String)] = []
    }

    /// Checks the credential, the handshake and whether another agent serves the session.
    func evaluate(eventLoop: any EventLoop) -> Outcome {
        do throws(Refusal) {
            let now = self.edge.clock()
            try self.checkHandshake()
            let session = try self.authenticate(now: now)
            if session.record.endedAt(now: now) != nil {
                let code: ErrorCode = session.record.closedAt != nil ? .sessionClosed : .sessionExpired
                throw Refusal(error: DaypassError(code))
            }
            let agentID = self.agentID
            let takeover = self.field("x-daypass-takeover") == "1"
            if let error = session.refusesTunnel(agentID: agentID, takeover: takeover) { throw Refusal(error: error) }
            if self.edge.isDraining {
                throw Refusal(error: DaypassError(.serviceUnavailable, retryAfterSeconds: 1))
            }
            let isV1 = self.head.listContainsExactly(.secWebSocketProtocol, WebSocketHandshake.v1Subprotocol)
            let endpoint = TunnelEndpoint(
                edge: self.edge,
                session: session,
                eventLoop: eventLoop,
                agentID: agentID,
                index: self.field("x-daypass-connection").flatMap { UInt8($0) }.map { Int($0) } ?? 0,
                takeover: takeover
            )
            let connection = TunnelConnection(
                role: .edge,
                version: isV1 ? .v1 : .v0,
                configuration: self.edge.tunnelConfiguration,
                delegate: endpoint
            )
            return .accepted(response: self.response(isV1: isV1), connection: connection)
        } catch {
            return .refused(error.error, fields: error.fields)
        }
    }

    private func checkHandshake() throws(Refusal) {
        guard self.head.first(.origin) == nil else {
            throw Refusal(error: DaypassError(.forbidden, "Web pages may not open tunnels."))
        }
        guard self.head.isMethod("GET"), !self.hasBody, self.head.asksForWebSocket, self.head.minorVersion == 1 else {
            throw Refusal(
                error: DaypassError(.upgradeRequired),
                fields: [("Upgrade", "websocket"), ("Connection", "Upgrade")]
            )
        }
        guard self.head.value(of: .secWebSocketVersion) == "13" else {
            throw Refusal(error: DaypassError(.upgradeRequired), fields: [("Sec-WebSocket-Version", "13")])
        }
        guard let key = self.head.value(of: .secWebSocketKey), WebSocketHandshake.isValidKey(key) else {
            throw Refusal(error: DaypassError(.badRequest, "The Sec-WebSocket-Key is not valid."))
        }
    }

    private func authenticate(now: Timestamp) throws(Refusal) -> EdgeSession {
        if let seconds = self.edge.refusesToken(from: self.peer.address, now: now) {
            throw Refusal(error: DaypassError(.rateLimited, retryAfterSeconds: seconds))
        }
        let challenge = [(name: "WWW-Authenticate", value: "Bearer")]
        let wrong = Refusal(
            error: DaypassError(.unauthorized, "The session token is not valid."),
            fields: challenge
        )
        guard self.head.count(of: .authorization) == 1, let value = self.head.value(of: .authorization),
            value.lowercased().hasPrefix("bearer ")
        else { throw wrong }
        guard let token = SessionToken(parsing: value.dropFirst(7).drop { $0 == " " }),
            let session = self.edge.directory.session(token.slug),
            session.record.ownerTokenDigest.matches(token.ownerToken)
        else {
            self.edge.recordWrongToken(from: self.peer.address, now: now)
            throw wrong
        }
        return session
    }

    /// The identifier the agent gave itself, if it has the form of one.
    private var agentID: String? {
        self.field("x-daypass-agent-id")
            .flatMap { id in
                (8...64).contains(id.utf8.count) && id.utf8.allSatisfy(isTokenByte) ? id : nil
            }
    }

    private func field(_ name: StaticString) -> String? {
        self.head.fields.first { $0.known == .other && self.head.equals($0.name, name) }
            .map {
                self.head.string($0.value)
            }
    }

    private func response(isV1: Bool) -> ByteBuffer {
        var response = ByteBuffer()
        let accept = WebSocketHandshake.acceptValue(for: self.head.value(of: .secWebSocketKey) ?? "")
        response.writeString(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n"
        )
        if isV1 { response.writeString("Sec-WebSocket-Protocol: \(WebSocketHandshake.v1Subprotocol)\r\n") }
        response.writeStaticString("\r\n")
        return response
    }
}

extension HTTPHead {
    /// Whether a comma-separated field contains exactly `token`.
    fileprivate func listContainsExactly(_ known: KnownField, _ token: String) -> Bool {
        self.fields.contains { field in
            field.known == known
                && self.withBytes(field.value) { bytes in
                    forEachListElement(bytes) { $0.elementsEqual(token.utf8) }
                }
        }
    }
}
