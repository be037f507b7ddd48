import NIOCore
import SessionModel
import TunnelTransport

/// An agent's connection as other event loops may hold it.
struct TunnelHandle: Sendable, Equatable {
    /// Where the connection lives.
    let eventLoop: any EventLoop
    /// The identifier the agent process gave itself; nil for agents that give none (version 0).
    let agentID: String?
    /// Which of the agent's connections it is; a new one with the same number replaces the old one.
    let index: Int
    private let connection: NIOLoopBound<TunnelConnection>
    private let identity: ObjectIdentifier

    init(_ connection: TunnelConnection, eventLoop: any EventLoop, agentID: String?, index: Int) {
        self.eventLoop = eventLoop
        self.agentID = agentID
        self.index = index
        self.identity = ObjectIdentifier(connection)
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
    }

    static func == (lhs: TunnelHandle, rhs: TunnelHandle) -> Bool {
        lhs.identity == rhs.identity
    }

    /// The connection, if the caller is on its event loop.
    var onLoop: TunnelConnection? { self.eventLoop.inEventLoop ? self.connection.value : nil }

    /// Runs `body` on the connection's event loop, later.
    func run(_ body: @escaping @Sendable (TunnelConnection) -> Void) {
        self.eventLoop.execute { body(self.connection.value) }
    }
}

/// The connections that serve one session, all of one agent.
///
/// A second agent is refused unless it takes over; then the first one's connections are closed for good, so that two
/// agents never evict each other in turns (spec: tunnel sessions, section 4).
struct TunnelPool {
    /// What came of adding a connection.
    enum Outcome {
        /// It is in; these were replaced and must be closed.
        case added(replaced: [TunnelHandle])
        case refused(DaypassError)
    }

    /// Connections of one agent at most.
    static let maximumConnections = 16

    private(set) var all: [TunnelHandle] = []
    private var next = 0

    var isEmpty: Bool { self.all.isEmpty }
    var count: Int { self.all.count }

    /// Why a connection of this agent may not join; nil when it may.
    func refusal(agentID: String?, takeover: Bool) -> DaypassError? {
        if self.all.isEmpty || takeover { return nil }
        guard let agentID, self.all.allSatisfy({ $0.agentID == agentID }) else { return DaypassError(.tunnelTaken) }
        return nil
    }

    /// Adds a connection: beside the others of its agent, in place of the one with its number, or in place of all of
    /// another agent.
    mutating func add(_ tunnel: TunnelHandle, takeover: Bool) -> Outcome {
        if let error = self.refusal(agentID: tunnel.agentID, takeover: takeover) { return .refused(error) }
        let isSameAgent = tunnel.agentID != nil && self.all.allSatisfy { $0.agentID == tunnel.agentID }
        let replaced = isSameAgent ? self.all.filter { $0.index == tunnel.index } : self.all
        self.all.removeAll { replaced.contains($0) }
        guard self.all.count < Self.maximumConnections else {
            return .refused(DaypassError(.rateLimited, "This agent has too many connections open."))
        }
        self.all.append(tunnel)
        return .added(replaced: replaced)
    }

    mutating func remove(_ tunnel: TunnelHandle) {
        self.all.removeAll { $0 == tunnel }
    }

    /// All connections, beginning with another one each time, so that streams spread evenly.
    mutating func rotation() -> [TunnelHandle] {
        guard self.all.count > 1 else { return self.all }
        self.next = (self.next + 1) % self.all.count
        return Array(self.all[self.next...] + self.all[..<self.next])
    }
}
