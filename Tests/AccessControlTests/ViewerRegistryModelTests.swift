import AccessControl
import DaypassTestSupport
import SessionModel
import Testing

/// The registry's rules over plain arrays, searched from end to end.
private struct NaiveViewers {
    enum State { case streaming, lingering, absent }

    struct Record {
        let serial: Int
        var id: String
        var address: ClientAddress
        var lastSeen: Timestamp
        var requests = 0
        var streams = 0
        var issued: [String] = []
        var isKicked = false
        var state = State.absent
        /// When it got into its state, in the order of events.
        var since = 0

        var isBrowser: Bool { self.id.hasPrefix("vw_") }
    }

    enum Answer: Equatable {
        case admitted(serial: Int, isNew: Bool)
        case tooMany
        case removed
    }

    let capacity: Int
    var records: [Record] = []
    private var latest = Timestamp(millisecondsSinceEpoch: 0)
    private var serial = 0
    private var event = 0

    init(capacity: Int) { self.capacity = capacity }

    var present: [Record] { self.records.filter { $0.state != .absent } }

    mutating func advance(_ time: Timestamp) {
        var now = time
        if now < self.latest {
            if now + .seconds(1) >= self.latest {
                now = self.latest
            } else {
                for index in self.records.indices {
                    self.records[index].lastSeen = min(self.records[index].lastSeen, now)
                }
            }
        }
        self.latest = now
        let expired = self.records.indices
            .filter { self.records[$0].state == .lingering && self.records[$0].lastSeen + .seconds(30) < now }
            .sorted { self.records[$0].since < self.records[$1].since }
        for index in expired { self.set(index, .absent) }
    }

    private mutating func set(_ index: Int, _ state: State) {
        self.event += 1
        self.records[index].state = state
        self.records[index].since = self.event
    }

    mutating func admit(_ visitor: Visitor, limit: Int, now: Timestamp) -> Answer {
        self.advance(now)
        var index =
            visitor.viewerID.map { id in self.records.firstIndex { $0.id == id } }
            ?? self.records.firstIndex { !$0.isBrowser && $0.address == visitor.address }
        if index == nil, let id = visitor.viewerID {
            index = self.records.firstIndex {
                !$0.isBrowser && $0.address == visitor.address && $0.issued.contains(id)
            }
        }
        if let index, self.records[index].isKicked { return .removed }
        if limit == 0 { return .tooMany }
        let wasPresent = index.map { self.records[$0].state != .absent } ?? false
        if !wasPresent, self.present.count >= min(limit, self.capacity) { return .tooMany }
        if index == nil {
            if self.records.count == self.capacity {
                let absent = self.records.indices.filter { self.records[$0].state == .absent }
                guard let oldest = absent.min(by: { self.records[$0].since < self.records[$1].since }) else {
                    return .tooMany
                }
                self.records.remove(at: oldest)
            }
            self.serial += 1
            let id = visitor.viewerID ?? "ip_\(visitor.address.text)"
            self.records.append(Record(serial: self.serial, id: id, address: visitor.address, lastSeen: self.latest))
            index = self.records.count - 1
        }
        guard let index else { return .tooMany }
        if let id = visitor.viewerID, !self.records[index].isBrowser {
            self.records[index].id = id
            self.records[index].issued = []
        }
        self.records[index].address = visitor.address
        self.records[index].lastSeen = self.latest
        self.records[index].requests += 1
        self.records[index].streams += 1
        self.set(index, .streaming)
        return .admitted(serial: self.records[index].serial, isNew: !wasPresent)
    }

    mutating func issue(_ id: String, to serial: Int) {
        guard let index = self.records.firstIndex(where: { $0.serial == serial && !$0.isBrowser }) else { return }
        self.records[index].issued = (self.records[index].issued + [id]).suffix(ViewerRegistry.maximumIssued)
    }

    mutating func close(_ serial: Int, now: Timestamp) {
        self.advance(now)
        guard let index = self.records.firstIndex(where: { $0.serial == serial }), self.records[index].streams > 0
        else {
            return
        }
        self.records[index].streams -= 1
        self.records[index].lastSeen = self.latest
        if self.records[index].streams == 0 { self.set(index, self.records[index].isKicked ? .absent : .lingering) }
    }

    mutating func kick(_ serial: Int) {
        guard let index = self.records.firstIndex(where: { $0.serial == serial }) else { return }
        self.records[index].isKicked = true
        if self.records[index].streams == 0 { self.set(index, .absent) }
    }
}

@Suite("Viewers of a session against a naive model")
struct ViewerRegistryModelTests {
    @Test("random visits, issued cookies, kicks and clock changes", arguments: (1...12).map { UInt64($0) })
    func model(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let capacity = Int.random(in: 2...8, using: &generator)
        var registry = ViewerRegistry(slug: try Fixture.slug(), signer: Fixture.signer, capacity: capacity)
        var model = NaiveViewers(capacity: capacity)
        let addresses = (1...5).map { ClientAddress(v4: (198, 51, 100, $0)) }
        var cookies = (0..<3).map { _ in ViewerCredential.new(issuedAt: Fixture.start, using: &generator).viewerID }
        var open: [(handle: ViewerHandle, serial: Int)] = []
        var closed: [(handle: ViewerHandle, serial: Int)] = []
        var now = Fixture.start
        var counts: [String: Int] = [:]
        for _ in 0..<3000 {
            now = now + .milliseconds(generator.pick([0, 1, 500, 4000, 20_000, -300]))
            if Int.random(in: 0..<100, using: &generator) == 0 { now = now + .seconds(-100) }
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<9:
                let id = Bool.random(using: &generator) ? generator.pick(cookies) : nil
                let visitor = Visitor(viewerID: id, address: generator.pick(addresses))
                let limit = generator.pick([0, 1, 2, 3, 5, 100, 100])
                let expected = model.admit(visitor, limit: limit, now: now)
                switch registry.admit(visitor, limit: limit, now: now, userAgent: { "" }) {
                case .admitted(let handle, let isNew):
                    guard case .admitted(let serial, isNew) = expected else {
                        Issue.record("admitted instead of \(expected)")
                        return
                    }
                    open.append((handle, serial))
                    counts["admitted", default: 0] += 1
                case .tooMany(let retry):
                    #expect(expected == .tooMany)
                    #expect((1...30).contains(retry))
                    counts["full", default: 0] += 1
                case .removed:
                    #expect(expected == .removed)
                    counts["removed", default: 0] += 1
                }
            case 9..<11:
                guard let stream = open.randomElement(using: &generator) else { continue }
                let id = ViewerCredential.new(issuedAt: now, using: &generator).viewerID
                registry.cookieIssued(id, to: stream.handle)
                model.issue(id, to: stream.serial)
                cookies.append(id)
                if cookies.count > 12 { cookies.removeFirst() }
            case 11..<18:
                guard let index = open.indices.randomElement(using: &generator) else { continue }
                let stream = open.remove(at: index)
                registry.streamClosed(stream.handle, bytes: 1, now: now)
                model.close(stream.serial, now: now)
                closed.append(stream)
            case 18:
                // A late report about a record without open streams, or one that is gone, changes nothing.
                guard let stream = closed.randomElement(using: &generator),
                    !open.contains(where: { $0.serial == stream.serial })
                else { continue }
                registry.streamClosed(stream.handle, bytes: 1, now: now)
                model.close(stream.serial, now: now)
            default:
                guard Int.random(in: 0..<10, using: &generator) == 0,
                    let stream = open.randomElement(using: &generator),
                    let id = registry.viewerID(stream.handle), id.hasPrefix("vw_")
                else { continue }
                registry.applyKicks([KickedViewer(viewerID: id, addressID: nil)])
                model.kick(stream.serial)
                counts["kicked", default: 0] += 1
            }
            model.advance(now)
            #expect(registry.presentCount(now: now) == model.present.count)
            #expect(registry.recordCount == model.records.count)
            #expect(registry.openStreamCount == open.count)
            let summaries = registry.present(now: now).map { "\($0.address) \($0.requests) \($0.openStreams)" }
            let expected = model.present.map { "\($0.address.text) \($0.requests) \($0.streams)" }
            #expect(summaries.sorted() == expected.sorted())
        }
        #expect(counts["admitted", default: 0] > 100)
        #expect(counts["full", default: 0] > 20)
    }
}
