/// A small map from stream numbers to values: open addressing over arrays, made for numbers that count up.
///
/// Consecutive numbers fall into consecutive places, so that a look-up is one comparison. Indices are valid until the
/// next insertion or removal. Inlinable because both ends of the tunnel look a stream up for every frame.
package struct StreamTable<Value> {
    /// The number in each place, 0 where there is none.
    @usableFromInline
    package var keys: [UInt32]
    /// The value in each place; `filler` where there is none.
    @usableFromInline
    package var values: [Value]
    /// How many there are.
    @usableFromInline
    package var count = 0
    @usableFromInline
    let filler: Value

    /// An empty table.
    ///
    /// - Parameter filler: What lies in unused places; holds no reference worth releasing.
    @inlinable
    package init(filler: Value) {
        self.filler = filler
        self.keys = Array(repeating: 0, count: 8)
        self.values = Array(repeating: filler, count: 8)
    }

    /// Where a stream is, nil when it is not there.
    @inlinable
    package func index(of key: UInt32) -> Int? {
        let mask = self.keys.count &- 1
        var place = Int(key) & mask
        while true {
            let found = self.keys[place]
            if found == key { return key == 0 ? nil : place }
            if found == 0 { return nil }
            place = (place &+ 1) & mask
        }
    }

    /// Adds a stream that is not there yet.
    @inlinable
    package mutating func insert(_ key: UInt32, _ value: Value) {
        precondition(key != 0, "stream 0 is the connection")
        if self.count * 2 >= self.keys.count { self.grow() }
        let place = self.freePlace(for: key)
        self.keys[place] = key
        self.values[place] = value
        self.count += 1
    }

    /// Removes a stream and gives its value back.
    @inlinable
    @discardableResult
    package mutating func remove(_ key: UInt32) -> Value? {
        guard var hole = self.index(of: key) else { return nil }
        let value = self.values[hole]
        self.count -= 1
        let mask = self.keys.count - 1
        var place = (hole + 1) & mask
        // Close the gap: an entry moves back when its own place is not between the gap and where it lies.
        while self.keys[place] != 0 {
            let home = Int(self.keys[place]) & mask
            if (place - home) & mask >= (place - hole) & mask {
                self.keys[hole] = self.keys[place]
                self.values.swapAt(hole, place)
                hole = place
            }
            place = (place + 1) & mask
        }
        self.keys[hole] = 0
        self.values[hole] = self.filler
        return value
    }

    /// All numbers, in increasing order.
    @inlinable
    package var sortedKeys: [UInt32] { self.keys.filter { $0 != 0 }.sorted() }

    @inlinable
    func freePlace(for key: UInt32) -> Int {
        let mask = self.keys.count - 1
        var place = Int(key) & mask
        while self.keys[place] != 0 { place = (place + 1) & mask }
        return place
    }

    @inlinable
    mutating func grow() {
        let keys = self.keys
        let values = self.values
        self.keys = Array(repeating: 0, count: keys.count * 2)
        self.values = Array(repeating: self.filler, count: keys.count * 2)
        for (index, key) in keys.enumerated() where key != 0 {
            let place = self.freePlace(for: key)
            self.keys[place] = key
            self.values[place] = values[index]
        }
    }
}

extension StreamTable: Sendable where Value: Sendable {}
