import DaypassTestSupport
import Testing
import WalletService

/// Who is served next when more is asked than can be asked at once.
@Suite struct CallQueueTests {
    private typealias Queue = CallQueue<String, Int>

    @Test func slotsComeFirst() {
        var queue = Queue(slots: 2, places: 8)
        #expect(queue.enter(1, of: "a") == .taken)
        #expect(queue.enter(2, of: "a") == .taken)
        #expect(queue.enter(3, of: "a") == .waiting)
        #expect(queue.leave() == 3)
        #expect(queue.leave() == nil)
        #expect(queue.enter(4, of: "b") == .taken)
        #expect(queue.enter(5, of: "b") == .waiting)
    }

    @Test func callersTakeTurns() {
        var queue = Queue(slots: 1, places: 40)
        _ = queue.enter(0, of: "a")
        for waiter in 1...5 { #expect(queue.enter(waiter, of: "a") == .waiting) }
        for waiter in 11...12 { #expect(queue.enter(waiter, of: "b") == .waiting) }
        #expect(queue.enter(21, of: "c") == .waiting)
        #expect((0..<8).map { _ in queue.leave() } == [1, 11, 21, 2, 12, 3, 4, 5])
        #expect(queue.leave() == nil)
    }

    @Test func oneCallerHasAQuarterOfThePlaces() {
        var queue = Queue(slots: 1, places: 8)
        _ = queue.enter(0, of: "a")
        for caller in ["a", "b", "c", "d"] {
            #expect(queue.enter(1, of: caller) == .waiting)
            #expect(queue.enter(2, of: caller) == .waiting)
            #expect(queue.enter(3, of: caller) == .refused)
        }
        #expect(queue.enter(1, of: "e") == .refused)
        #expect(queue.leave() == 1)
        #expect(queue.enter(1, of: "e") == .waiting)
    }

    /// Nothing is lost, served twice or served out of its caller's order, and slots are never more than there are.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func agreesWithANaiveModel(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var queue = Queue(slots: 3, places: 16)
        var underWay = 0
        var waiting: [(caller: String, waiter: Int)] = []
        for waiter in 0..<20_000 {
            if Bool.random(using: &generator) || underWay == 0 {
                let caller = "abcdef".randomElement(using: &generator).map(String.init) ?? ""
                let own = waiting.count { $0.caller == caller }
                switch queue.enter(waiter, of: caller) {
                case .taken:
                    #expect(underWay < 3 && waiting.isEmpty)
                    underWay += 1
                case .waiting:
                    #expect(underWay == 3 && waiting.count < 16 && own < 4)
                    waiting.append((caller, waiter))
                case .refused: #expect(underWay == 3 && (waiting.count == 16 || own == 4))
                }
            } else if let next = queue.leave() {
                let index = try #require(waiting.firstIndex { $0.waiter == next })
                #expect(waiting[..<index].allSatisfy { $0.caller != waiting[index].caller })
                waiting.remove(at: index)
            } else {
                #expect(waiting.isEmpty)
                underWay -= 1
            }
        }
    }
}
