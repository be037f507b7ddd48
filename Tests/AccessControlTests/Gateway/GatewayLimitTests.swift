import AccessControl
import DaypassTestSupport
import SessionModel
import Testing

@Suite("Window counters")
struct WindowCounterTests {
    private func demand(_ owner: UInt64, window: UInt32 = 10, maximum: Int = 3, address: UInt64 = 0) -> CounterDemand {
        CounterDemand(
            key: CounterKey(limit: 1, windowSeconds: window, owner: owner, address: address),
            maximum: maximum
        )
    }

    @Test("agree with a naive model: all or nothing, exact in every window", arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var counters = WindowCounters()
        let demands = (1...4)
            .map { number in
                self.demand(
                    UInt64(number),
                    window: generator.pick([1, 5, 10]),
                    maximum: Int.random(in: 1...6, using: &generator),
                    address: number.isMultiple(of: 2) ? 9 : 0
                )
            }
        var passed: [[Int64]] = Array(repeating: [], count: demands.count)
        var now: Int64 = 1_000_000
        for _ in 0..<4000 {
            now += generator.pick([0, 1, 100, 900, 4000])
            let chosen = (0..<demands.count).filter { _ in Bool.random(using: &generator) }
            let time = Timestamp(millisecondsSinceEpoch: now)
            let states = chosen.map { index -> Int in
                let length = Int64(demands[index].key.windowSeconds) * 1000
                return demands[index].maximum - passed[index].count { $0 / length == now / length }
            }
            let state = counters.take(chosen.map { demands[$0] }, now: time)
            #expect((state == nil) == chosen.isEmpty)
            let mayPass = states.allSatisfy { $0 > 0 }
            if let state {
                #expect((state.retryAfter == nil) == mayPass)
                #expect(state.remaining == (mayPass ? (states.min() ?? 0) - 1 : 0))
                if mayPass { for index in chosen { passed[index].append(now) } }
            }
        }
        // No stretch as long as a window lets more than twice the maximum pass.
        for (times, demand) in zip(passed, demands) {
            let length = Int64(demand.key.windowSeconds) * 1000
            for (index, start) in times.enumerated() {
                #expect(times[index...].prefix { $0 < start + length }.count <= 2 * demand.maximum)
            }
        }
    }

    @Test("of a day survive a crash exactly when they are small; short windows are not kept")
    func durable() {
        var counters = WindowCounters()
        let day = self.demand(1, window: 86_400, maximum: 2)
        _ = counters.take([day, self.demand(2)], now: Fixture.start)
        #expect(counters.needsReservation([day, self.demand(2)]))
        let kept = counters.drainReservations()
        #expect(kept.map(\.key) == [day.key])
        #expect(kept.map(\.count) == [1])
        #expect(counters.drainReservations().isEmpty)
        counters.reserved(kept, failed: true)
        #expect(counters.needsReservation([day]))
        #expect(counters.drainReservations() == kept)
        counters.reserved(kept)
        #expect(!counters.needsReservation([day]))
        var restarted = WindowCounters()
        restarted.restore(kept)
        #expect(restarted.take([day], now: Fixture.start)?.remaining == 0)
        #expect(restarted.take([day], now: Fixture.start)?.retryAfter != nil)
    }

    @Test("never pass more than a quota over any crashes, and lose at most a twentieth at each", arguments: 1...6)
    func crashes(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let day = self.demand(1, window: 86_400, maximum: 200)
        var counters = WindowCounters()
        var (store, passed, crashes): ([CounterState], Int, Int) = ([], 0, 0)
        while true {
            guard counters.take([day], now: Fixture.start)?.retryAfter == nil else { break }
            if counters.needsReservation([day]) || Bool.random(using: &generator) {
                let wanted = counters.drainReservations()
                if !wanted.isEmpty { store = wanted }
                counters.reserved(wanted)
            }
            #expect(!counters.needsReservation([day]))
            passed += 1
            guard Int.random(in: 0..<40, using: &generator) == 0 else { continue }
            crashes += 1
            counters = WindowCounters()
            counters.restore(store)
        }
        #expect(passed <= 200)
        #expect(passed >= 200 - crashes * 11)
        // An orderly end loses nothing.
        #expect(counters.durableCounts().map(\.key) == [day.key])
    }

    @Test("strangers cannot push out the counters of keys")
    func bounded() {
        var counters = WindowCounters(ownedCapacity: 4, openCapacity: 10)
        for _ in 0..<3 { _ = counters.take([self.demand(1)], now: Fixture.start) }
        for address in 1...1000 as ClosedRange<UInt64> {
            _ = counters.take([self.demand(2, address: address)], now: Fixture.start)
        }
        #expect(counters.count == 11)
        #expect(counters.take([self.demand(1)], now: Fixture.start)?.retryAfter != nil)
    }

    @Test("a clock set back over a boundary gives nothing twice, and locks nobody out")
    func clock() {
        var counters = WindowCounters()
        let boundary = Timestamp(millisecondsSinceEpoch: 20_000)
        for _ in 0..<3 { _ = counters.take([self.demand(1)], now: boundary) }
        #expect(counters.take([self.demand(1)], now: boundary + .milliseconds(-5))?.retryAfter != nil)
        #expect(counters.take([self.demand(1)], now: boundary + .seconds(-15))?.retryAfter == nil)
    }
}

@Suite("Idempotency keys")
struct IdempotencyTests {
    private func id(_ number: Int) throws -> IdempotencyID {
        IdempotencyID(
            key: try #require(APIKeyID("key_000000000001")),
            session: nil,
            route: "POST /a",
            text: "\(number)"
        )
    }

    @Test("agree with a naive model", arguments: [1, 2, 3, 4] as [UInt64])
    func model(seed: UInt64) throws {
        struct Entry {
            var ticket: UInt64
            var since: Timestamp
            var print: [UInt8]?
            var answer: StoredAnswer?
        }
        var generator = SeededGenerator(seed: seed)
        var machine = IdempotencyStateMachine()
        var model: [Int: Entry] = [:]
        var now = Fixture.start
        for _ in 0..<4000 {
            now = now + .seconds(generator.pick([0, 1, 600, 7200]))
            let number = Int.random(in: 0..<6, using: &generator)
            let id = try self.id(number)
            if let entry = model[number], entry.print != nil, now >= entry.since + .seconds(86_400) {
                model[number] = nil
            }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                switch machine.begin(id, now: now) {
                case .first(let ticket):
                    #expect(model[number] == nil)
                    model[number] = Entry(ticket: ticket, since: now)
                case .inProgress: #expect(model[number].map { $0.print == nil } == true)
                case .readBody: #expect(model[number]?.print != nil)
                case .full: Issue.record("full")
                }
            case 1:
                let print = [UInt8(generator.pick([1, 2]))]
                let found = machine.compare(id, fingerprint: print, now: now)
                guard let entry = model[number], let first = entry.print else {
                    #expect(found == .gone)
                    continue
                }
                #expect(found == (first == print ? entry.answer.map { .replay($0) } ?? .answerNotKept : .reused))
            case 2:
                guard let entry = model[number], entry.print == nil else { continue }
                let status = generator.pick([201, 404, 500, 503])
                let answer = generator.pick([StoredAnswer(status: status, head: [1], body: [2, 3]), nil])
                machine.finish(id, ticket: entry.ticket, fingerprint: [1], status: status, answer: answer)
                model[number]?.print = [1]
                model[number]?.answer = answer
                if status >= 500 { model[number] = nil }
            default:
                guard let entry = model[number] else { continue }
                machine.abandon(id, ticket: entry.ticket)
                if entry.print == nil { model[number] = nil }
            }
        }
    }

    @Test("are bounded in number and bytes; what runs is never forgotten")
    func bounded() throws {
        var machine = IdempotencyStateMachine(
            capacity: 2,
            byteBudget: IdempotencyStateMachine.maximumAnswer,
            keyCapacity: 2
        )
        let large = StoredAnswer(status: 200, head: [], body: Array(repeating: 0, count: 200 << 10))
        guard case .first(let one) = machine.begin(try self.id(1), now: Fixture.start),
            case .first(let two) = machine.begin(try self.id(2), now: Fixture.start)
        else {
            Issue.record("not first")
            return
        }
        #expect(machine.begin(try self.id(3), now: Fixture.start) == .full)
        machine.finish(try self.id(1), ticket: one, fingerprint: [1], status: 200, answer: large)
        machine.finish(try self.id(2), ticket: two, fingerprint: [1], status: 200, answer: large)
        #expect(machine.count == 1)
        #expect(machine.storedBytes == large.body.count)
        #expect(machine.compare(try self.id(1), fingerprint: [1], now: Fixture.start) == .gone)
    }
}

extension IdempotencyTests {
    @Test("of one API key never push out another's")
    func shares() throws {
        var machine = IdempotencyStateMachine(capacity: 40, keyCapacity: 10)
        func id(_ key: String, _ number: Int) throws -> IdempotencyID {
            IdempotencyID(key: try #require(APIKeyID(key)), session: nil, route: "POST /a", text: "\(number)")
        }
        func run(_ id: IdempotencyID) {
            guard case .first(let ticket) = machine.begin(id, now: Fixture.start) else { return }
            let answer = StoredAnswer(status: 200, head: [1], body: [2])
            machine.finish(id, ticket: ticket, fingerprint: [1], status: 200, answer: answer)
        }
        for number in 0..<5 { run(try id("key_000000000001", number)) }
        for number in 0..<100 { run(try id("key_000000000002", number)) }
        #expect(machine.count == 15)
        #expect(machine.storedBytes == 30)
        for number in 0..<5 {
            #expect(machine.begin(try id("key_000000000001", number), now: Fixture.start) == .readBody)
        }
        #expect(machine.begin(try id("key_000000000002", 99), now: Fixture.start) == .readBody)
        // What runs is not pushed out either: then the key has to wait.
        for number in 200..<210 { _ = machine.begin(try id("key_000000000002", number), now: Fixture.start) }
        #expect(machine.begin(try id("key_000000000002", 210), now: Fixture.start) == .full)
        #expect(machine.begin(try id("key_000000000001", 9), now: Fixture.start) != .full)
        machine.expire(now: Fixture.start + .seconds(86_400))
        #expect(machine.count == 11)
    }
}

extension IdempotencyTests {
    @Test("leave nothing behind when they go, however they go")
    func bookkeeping() throws {
        var machine = IdempotencyStateMachine(capacity: 200, keyCapacity: 50)
        var now = Fixture.start
        for number in 0..<20_000 {
            now = now + .seconds(number.isMultiple(of: 3) ? 700 : 0)
            // Key 0 stays far below its share, the others push themselves and each other out.
            let key = number.isMultiple(of: 40) ? 0 : 1 + number % 7
            let id = IdempotencyID(
                key: try #require(APIKeyID("key_00000000000\(key)")),
                session: nil,
                route: "POST /a",
                text: "\(number)"
            )
            guard case .first(let ticket) = machine.begin(id, now: now) else { continue }
            let answer = StoredAnswer(status: 200, head: [1], body: [2])
            machine.finish(id, ticket: ticket, fingerprint: [1], status: 200, answer: answer)
        }
        #expect(machine.count <= 200)
        #expect(machine.orderCount <= 2 * (2 * 200 + 65) + 8 * (2 * 50 + 65))
        machine.expire(now: now + .seconds(100_000))
        #expect(machine.count == 0)
        #expect(machine.storedBytes == 0)
    }

    @Test("of one caller are not another's")
    func callers() {
        #expect(IdempotencyID.caller([[1], [2]]) != IdempotencyID.caller([[1, 2], []]))
        #expect(IdempotencyID.caller([nil, [1]]) != IdempotencyID.caller([[], [1]]))
        #expect(IdempotencyID.caller([[1], nil]) == IdempotencyID.caller([[1], nil]))
    }
}

@Suite("Routes")
struct RouteTableTests {
    @Test(
        "the most specific wins, and letter case never turns a literal into a parameter",
        arguments: [
            ("/a", 0), ("/a/x", 1), ("/a/b", 2), ("/a/x/c", 4), ("/a/b/c", 3), ("/a/b/d", 3), ("/a/b/d/e", 5),
            ("/a/B", nil),
            ("/A", nil), ("/z", 6), ("/z/z", nil), ("/a/", 5),
        ] as [(String, Int?)]
    )
    func specific(path: String, expected: Int?) throws {
        let patterns = ["/a", "/a/{x}", "/a/b", "/a/b/{y}", "/a/{x}/c", "/a/**", "/{z}"]
        let scope = try #require(Scope("s"))
        let table = RouteTable(
            try patterns.map { APIRoute(methods: [.get], pattern: try #require(RoutePattern($0)), scope: scope) }
        )
        let found = Array(path.utf8).withUnsafeBytes { table.match($0, method: .get) }
        #expect(found == expected.map { .route($0) } ?? .none)
    }
}
