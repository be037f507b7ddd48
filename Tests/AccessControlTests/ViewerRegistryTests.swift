import AccessControl
import DaypassTestSupport
import SessionModel
import Testing

@Suite("Viewers of a session")
struct ViewerRegistryTests {
    private let start = Fixture.start
    private let home = ClientAddress(v4: (198, 51, 100, 7))
    private let office = ClientAddress(v4: (198, 51, 100, 8))

    private func registry(capacity: Int = 20_000) throws -> ViewerRegistry {
        ViewerRegistry(slug: try Fixture.slug(), signer: Fixture.signer, capacity: capacity)
    }

    private func browser(_ letter: Character, at address: ClientAddress? = nil) -> Visitor {
        Visitor(viewerID: Fixture.credential(letter).viewerID, address: address ?? self.home)
    }

    private func anonymous(at address: ClientAddress? = nil) -> Visitor {
        Visitor(viewerID: nil, address: address ?? self.home)
    }

    /// Lets a visitor in and returns its handle.
    @discardableResult
    private func enter(
        _ registry: inout ViewerRegistry,
        _ visitor: Visitor,
        limit: Int = 20,
        after seconds: Int = 0,
        isNew: Bool? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ViewerHandle {
        let now = self.start + .seconds(seconds)
        let admission = registry.admit(visitor, limit: limit, now: now, userAgent: { "agent" })
        guard case .admitted(let handle, let wasNew) = admission else {
            Issue.record("not admitted: \(admission)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        if let isNew { #expect(wasNew == isNew, sourceLocation: sourceLocation) }
        return handle
    }

    private func isFull(
        _ registry: inout ViewerRegistry,
        _ visitor: Visitor,
        limit: Int,
        after seconds: Int = 0
    ) -> Int? {
        let now = self.start + .seconds(seconds)
        guard case .tooMany(let retry) = registry.admit(visitor, limit: limit, now: now, userAgent: { "" }) else {
            return nil
        }
        return retry
    }

    @Test("count while a stream is open and for 30 seconds after they were last seen")
    func presence() throws {
        var registry = try self.registry()
        let handle = try self.enter(&registry, self.browser("a"), limit: 1, isNew: true)
        #expect(self.isFull(&registry, self.browser("b"), limit: 1, after: 1000) == 30)
        registry.streamClosed(handle, now: self.start + .seconds(1000))
        #expect(self.isFull(&registry, self.browser("b"), limit: 1, after: 1010) == 21)
        #expect(registry.presentCount(now: self.start + .seconds(1030)) == 1)
        #expect(self.isFull(&registry, self.browser("b"), limit: 1, after: 1030) == 1)
        #expect(registry.presentCount(now: self.start + .milliseconds(1_030_001)) == 0)
        try self.enter(&registry, self.browser("b"), limit: 1, after: 1031, isNew: true)
        // The first one is not in any more, and has to wait like anybody.
        #expect(self.isFull(&registry, self.browser("a"), limit: 1, after: 1031) != nil)
    }

    @Test("who are in stay in when the limit is reached or lowered, but not when it is 0")
    func limit() throws {
        var registry = try self.registry()
        let handle = try self.enter(&registry, self.browser("a"), limit: 2)
        try self.enter(&registry, self.browser("b"), limit: 2)
        #expect(self.isFull(&registry, self.browser("c"), limit: 2) != nil)
        registry.streamClosed(handle, now: self.start)
        try self.enter(&registry, self.browser("a"), limit: 1, after: 30, isNew: false)
        #expect(self.isFull(&registry, self.browser("a"), limit: 0, after: 30) != nil)
        #expect(registry.openStreamCount == 2)
    }

    @Test("a browser counts once: the first cookie that comes back takes the address record over")
    func takeOver() throws {
        var registry = try self.registry()
        let handle = try self.enter(&registry, self.anonymous(), limit: 1, isNew: true)
        let addressID = try #require(registry.viewerID(handle))
        #expect(addressID == Fixture.signer.addressID(of: self.home, slug: try Fixture.slug()))
        registry.cookieIssued(self.browser("a").viewerID ?? "", to: handle)
        let second = try self.enter(&registry, self.browser("a"), limit: 1, isNew: false)
        #expect(second == handle)
        #expect(registry.viewerID(handle) == self.browser("a").viewerID)
        #expect(registry.presentCount(now: self.start) == 1)
        let summary = try #require(registry.present(now: self.start).first)
        #expect(summary.requests == 2)
        #expect(summary.openStreams == 2)
        // The owner's page may still show the old identifier.
        let kicked = try #require(registry.kickable(addressID, now: self.start))
        #expect(kicked.viewerID == self.browser("a").viewerID)
        #expect(kicked.addressID == addressID)
        #expect(kicked.kickedAt == self.start)
        // Whoever comes from there without cookie now is somebody else.
        #expect(self.isFull(&registry, self.anonymous(), limit: 1) != nil)
        try self.enter(&registry, self.anonymous(), limit: 2, isNew: true)
    }

    @Test("a client that refuses cookies counts once")
    func refusesCookies() throws {
        var registry = try self.registry()
        for index in 0..<200 {
            let handle = try self.enter(&registry, self.anonymous(), limit: 1, after: index, isNew: index == 0)
            var generator = SeededGenerator(seed: UInt64(index))
            let issued = ViewerCredential.new(issuedAt: self.start, using: &generator)
            registry.cookieIssued(issued.viewerID, to: handle)
            registry.streamClosed(handle, now: self.start + .seconds(index))
        }
        #expect(registry.recordCount == 1)
    }

    @Test("an issued cookie takes over only while it is remembered, at the address it was issued to, once")
    func takeOverLimits() throws {
        var registry = try self.registry()
        let handle = try self.enter(&registry, self.anonymous(), isNew: true)
        registry.cookieIssued(self.browser("a").viewerID ?? "", to: handle)
        registry.cookieIssued(self.browser("b").viewerID ?? "", to: handle)
        // From elsewhere it is a viewer of its own.
        try self.enter(&registry, self.browser("a", at: self.office), isNew: true)
        #expect(registry.recordCount == 2)
        // A cookie never issued there is, too.
        try self.enter(&registry, self.browser("x"), isNew: true)
        #expect(registry.recordCount == 3)
        try self.enter(&registry, self.browser("b"), isNew: false)
        #expect(registry.recordCount == 3)
        // Sixty-four cookies later the first is forgotten.
        var other = try self.registry()
        let first = try self.enter(&other, self.anonymous())
        other.cookieIssued(self.browser("a").viewerID ?? "", to: first)
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<ViewerRegistry.maximumIssued {
            other.cookieIssued(ViewerCredential.new(issuedAt: self.start, using: &generator).viewerID, to: first)
        }
        try self.enter(&other, self.browser("a"), isNew: true)
        #expect(other.recordCount == 2)
    }

    @Test("cookies issued to an address viewer that was kicked are refused, others are not")
    func kickedAddress() throws {
        var registry = try self.registry()
        let handle = try self.enter(&registry, self.anonymous())
        registry.cookieIssued(self.browser("a").viewerID ?? "", to: handle)
        let id = try #require(registry.viewerID(handle))
        let kicked = try #require(registry.kickable(id, now: self.start))
        registry.applyKicks([kicked])
        let refused = registry.admit(self.browser("a"), limit: 9, now: self.start, userAgent: { "" })
        #expect(refused == .removed)
        #expect(registry.admit(self.anonymous(), limit: 9, now: self.start, userAgent: { "" }) == .removed)
        try self.enter(&registry, self.browser("b"), isNew: true)
        // Its streams still count until they are cut, then its place is free at once.
        #expect(registry.presentCount(now: self.start) == 2)
        registry.streamClosed(handle, now: self.start)
        #expect(registry.presentCount(now: self.start) == 1)
        // Kicks that were applied before do not touch viewers that come later.
        registry.applyKicks([kicked])
        #expect(registry.presentCount(now: self.start) == 1)
        #expect(registry.kickable("ip_unknown", now: self.start) == nil)
    }

    @Test("are bounded: the one seen longest ago makes room, never one who is present")
    func capacity() throws {
        var registry = try self.registry(capacity: 3)
        let watching = try self.enter(&registry, self.browser("a"), limit: 100)
        for letter in ["c", "b"] as [Character] {
            let handle = try self.enter(&registry, self.browser(letter), limit: 100)
            registry.streamClosed(handle, now: self.start + .seconds(letter == "b" ? 5 : 1))
        }
        // All three are present: the capacity is a limit like the owner's.
        #expect(self.isFull(&registry, self.browser("d"), limit: 100, after: 6) != nil)
        let newcomer = try self.enter(&registry, self.browser("d"), limit: 100, after: 100, isNew: true)
        #expect(registry.recordCount == 3)
        #expect(registry.kickable(self.browser("c").viewerID ?? "", now: self.start) == nil)
        #expect(registry.kickable(self.browser("b").viewerID ?? "", now: self.start) != nil)
        #expect(registry.viewerID(watching) == self.browser("a").viewerID)
        // A handle of a forgotten record does nothing, also when its place is taken again.
        registry.streamClosed(newcomer, now: self.start + .seconds(100))
        try self.enter(&registry, self.browser("e"), limit: 100, after: 200)
        try self.enter(&registry, self.browser("f"), limit: 100, after: 200)
        #expect(registry.viewerID(newcomer) == nil)
        registry.streamClosed(newcomer, bytes: 5, now: self.start + .seconds(200))
        registry.sent(5, to: newcomer)
        #expect(registry.openStreamCount == 3)
        #expect(registry.present(now: self.start + .seconds(200)).allSatisfy { $0.bytes == 0 })
    }

    @Test("are described for the owner")
    func summaries() throws {
        var registry = try self.registry()
        let long = "Mozilla/5.0 é" + String(repeating: "x", count: 300)
        _ = registry.admit(self.browser("a"), limit: 5, now: self.start, userAgent: { long })
        let handle = try self.enter(&registry, self.browser("b", at: self.office), after: 3)
        registry.sent(100, to: handle)
        registry.streamClosed(handle, bytes: 20, now: self.start + .seconds(4))
        let viewers = registry.present(now: self.start + .seconds(5))
        #expect(viewers.map(\.id) == [self.browser("a").viewerID, self.browser("b").viewerID])
        #expect(viewers[0].userAgent.utf8.count == ViewerRegistry.maximumUserAgent)
        #expect(viewers[0].openStreams == 1)
        #expect(viewers[0].lastSeen == self.start + .seconds(5))
        #expect(viewers[1].address == "198.51.100.8")
        #expect(viewers[1].bytes == 120)
        #expect(viewers[1].requests == 1)
        #expect(viewers[1].firstSeen == self.start + .seconds(3))
        #expect(viewers[1].lastSeen == self.start + .seconds(4))
        #expect(viewers[1].userAgent == "agent")
    }

    @Test("a clock that is set back keeps nobody present for longer")
    func clockSetBack() throws {
        var registry = try self.registry()
        let handle = try self.enter(&registry, self.browser("a"), limit: 1, after: 3600)
        registry.streamClosed(handle, now: self.start + .seconds(3600))
        #expect(self.isFull(&registry, self.browser("b"), limit: 1, after: 0) != nil)
        #expect(registry.presentCount(now: self.start + .seconds(30)) == 1)
        try self.enter(&registry, self.browser("b"), limit: 1, after: 31)
    }
}
