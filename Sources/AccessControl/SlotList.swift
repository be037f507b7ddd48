/// The links of slots that sit in doubly linked lists.
///
/// Several lists may share one store, each slot being in at most one of them. All operations take constant time.
struct SlotLinks: Sendable {
    static let none: Int32 = -1

    fileprivate var previous: [Int32] = []
    fileprivate var next: [Int32] = []

    /// Makes room for one more slot.
    mutating func append() {
        self.previous.append(Self.none)
        self.next.append(Self.none)
    }
}

/// One list over a `SlotLinks`, oldest first.
struct SlotList: Sendable {
    private(set) var first = SlotLinks.none
    private(set) var last = SlotLinks.none
    private(set) var count = 0

    /// Puts `slot`, which is in no list, at the end.
    mutating func append(_ slot: Int32, in links: inout SlotLinks) {
        links.previous[Int(slot)] = self.last
        links.next[Int(slot)] = SlotLinks.none
        if self.last == SlotLinks.none { self.first = slot } else { links.next[Int(self.last)] = slot }
        self.last = slot
        self.count += 1
    }

    /// Takes `slot`, which is in this list, out of it.
    mutating func remove(_ slot: Int32, in links: inout SlotLinks) {
        let previous = links.previous[Int(slot)]
        let next = links.next[Int(slot)]
        if previous == SlotLinks.none { self.first = next } else { links.next[Int(previous)] = next }
        if next == SlotLinks.none { self.last = previous } else { links.previous[Int(next)] = previous }
        self.count -= 1
    }

    /// The slots from the oldest to the newest.
    func slots(in links: SlotLinks) -> [Int32] {
        var slots: [Int32] = []
        slots.reserveCapacity(self.count)
        var slot = self.first
        while slot != SlotLinks.none {
            slots.append(slot)
            slot = links.next[Int(slot)]
        }
        return slots
    }
}

/// A dictionary of at most `capacity` entries that forgets the least recently used one to make room.
struct BoundedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let capacity: Int
    private var slots: [Key: Int32] = [:]
    private var entries: [(key: Key, value: Value)] = []
    private var free: [Int32] = []
    private var links = SlotLinks()
    private var order = SlotList()

    init(capacity: Int) {
        precondition(capacity > 0 && capacity <= Int(Int32.max), "a table needs a capacity")
        self.capacity = capacity
    }

    var count: Int { self.order.count }

    /// The keys of all entries, in no particular order.
    var keys: Dictionary<Key, Int32>.Keys { self.slots.keys }

    /// Reads an entry without making it recent.
    subscript(peek key: Key) -> Value? {
        self.slots[key].map { self.entries[Int($0)].value }
    }

    /// Changes the entry of `key` in place, which becomes the most recently used; starts from `initial` when there is
    /// none.
    mutating func update<Result>(
        _ key: Key,
        default initial: @autoclosure () -> Value,
        _ body: (inout Value) -> Result
    ) -> Result {
        let slot: Int32
        if let known = self.slots[key] {
            slot = known
            if self.order.last != slot {
                self.order.remove(slot, in: &self.links)
                self.order.append(slot, in: &self.links)
            }
        } else {
            slot = self.insert(key, initial())
        }
        return body(&self.entries[Int(slot)].value)
    }

    /// Forgets the entry of `key`, if there is one.
    mutating func remove(_ key: Key) {
        guard let slot = self.slots.removeValue(forKey: key) else { return }
        self.order.remove(slot, in: &self.links)
        self.free.append(slot)
    }

    private mutating func insert(_ key: Key, _ value: Value) -> Int32 {
        if self.order.count == self.capacity { self.remove(self.entries[Int(self.order.first)].key) }
        let slot: Int32
        if let reused = self.free.popLast() {
            slot = reused
            self.entries[Int(slot)] = (key, value)
        } else {
            slot = Int32(self.entries.count)
            self.entries.append((key, value))
            self.links.append()
        }
        self.slots[key] = slot
        self.order.append(slot, in: &self.links)
        return slot
    }
}
