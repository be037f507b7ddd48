import SessionModel

extension ViewerRegistry {
    /// Moves time on: viewers last seen more than 30 seconds ago are no longer present; returns the time to use.
    ///
    /// Callers read the clock before they take the lock, so slightly older times are normal and count as the latest
    /// one. When the clock was set back by more, the records follow it.
    mutating func advance(to now: Timestamp) -> Timestamp {
        if now < self.latest {
            guard now + .seconds(1) < self.latest else { return self.latest }
            for index in self.records.indices {
                self.records[index].lastSeen = min(self.records[index].lastSeen, now)
            }
        }
        self.latest = now
        while self.lingering.first != SlotLinks.none,
            self.records[Int(self.lingering.first)].lastSeen + Self.presence < now
        {
            self.move(self.lingering.first, to: .absent)
        }
        return now
    }

    /// The record a visitor has, or would take over.
    func lookUp(_ visitor: Visitor) -> Int32? {
        guard let viewerID = visitor.viewerID else { return self.addresses[visitor.address] }
        if let slot = self.browsers[viewerID] { return slot }
        guard let slot = self.addresses[visitor.address], let cookie = IssuedCookie(viewerID),
            self.records[Int(slot)].issued.contains(cookie)
        else { return nil }
        return slot
    }

    /// Renames an address record to the browser whose issued cookie came back.
    mutating func take(over slot: Int32, by visitor: Visitor) {
        guard let viewerID = visitor.viewerID, !self.records[Int(slot)].isBrowser else { return }
        self.addresses[self.records[Int(slot)].address] = nil
        self.browsers[viewerID] = slot
        self.records[Int(slot)].formerID = self.records[Int(slot)].id
        self.records[Int(slot)].id = viewerID
        self.records[Int(slot)].isBrowser = true
        self.records[Int(slot)].issued = []
    }

    /// Adds a record that is in no list yet, forgetting the viewer seen longest ago when the registry is full.
    ///
    /// Only called when fewer than `capacity` viewers are present.
    mutating func insert(_ visitor: Visitor, now: Timestamp) -> Int32 {
        if self.recordCount == self.capacity { self.forget(self.absent.first) }
        let slot: Int32
        if let reused = self.free.popLast() {
            slot = reused
        } else {
            slot = Int32(self.records.count)
            self.links.append()
        }
        let generation = Int(slot) < self.records.count ? self.records[Int(slot)].generation &+ 1 : 0
        let record = Record(
            id: visitor.viewerID ?? self.addressID(visitor.address),
            address: visitor.address,
            isBrowser: visitor.viewerID != nil,
            userAgent: "",
            firstSeen: now,
            lastSeen: now,
            generation: generation
        )
        if Int(slot) < self.records.count {
            self.records[Int(slot)] = record
        } else {
            self.records.append(record)
        }
        if record.isBrowser { self.browsers[record.id] = slot } else { self.addresses[record.address] = slot }
        return slot
    }

    private mutating func forget(_ slot: Int32) {
        let record = self.records[Int(slot)]
        if record.isBrowser { self.browsers[record.id] = nil } else { self.addresses[record.address] = nil }
        self.move(slot, to: .free)
        self.records[Int(slot)].issued = []
        self.free.append(slot)
    }

    /// Puts `slot` at the end of the list for `presence`, out of the one it is in.
    mutating func move(_ slot: Int32, to presence: Record.Presence) {
        switch self.records[Int(slot)].presence {
        case .streaming:
            // The order among streaming viewers has no meaning.
            if presence == .streaming { return }
            self.streaming.remove(slot, in: &self.links)
        case .lingering: self.lingering.remove(slot, in: &self.links)
        case .absent: self.absent.remove(slot, in: &self.links)
        case .free: break
        }
        self.records[Int(slot)].presence = presence
        switch presence {
        case .streaming: self.streaming.append(slot, in: &self.links)
        case .lingering: self.lingering.append(slot, in: &self.links)
        case .absent: self.absent.append(slot, in: &self.links)
        case .free: break
        }
    }

    func isPresent(_ slot: Int32) -> Bool {
        switch self.records[Int(slot)].presence {
        case .streaming, .lingering: true
        case .absent, .free: false
        }
    }

    func handle(_ slot: Int32) -> ViewerHandle {
        ViewerHandle(slot: slot, generation: self.records[Int(slot)].generation)
    }

    func slot(_ handle: ViewerHandle) -> Int32? {
        guard self.records.indices.contains(Int(handle.slot)) else { return nil }
        let index = Int(handle.slot)
        guard self.records[index].generation == handle.generation, self.records[index].presence != .free else {
            return nil
        }
        return handle.slot
    }

    /// The record with this identifier, or the browser that had it before its cookie came back.
    ///
    /// Searches all records for address identifiers: for the owner's rare actions only.
    func find(_ viewerID: String) -> Int32? {
        if let slot = self.browsers[viewerID] { return slot }
        let slots = self.records.indices.lazy.filter { self.records[$0].presence != .free }
        let index =
            slots.first { !self.records[$0].isBrowser && self.records[$0].id == viewerID }
            ?? slots.first { self.records[$0].formerID == viewerID }
        return index.map { Int32($0) }
    }

    func summary(_ slot: Int32) -> ViewerSummary {
        let record = self.records[Int(slot)]
        return ViewerSummary(
            id: record.id,
            label: "",
            address: record.address.text,
            userAgent: record.userAgent,
            firstSeen: record.firstSeen,
            lastSeen: record.openStreams > 0 ? self.latest : record.lastSeen,
            requests: record.requests,
            bytes: record.bytes,
            openStreams: record.openStreams
        )
    }

    func secondsUntilRoom(now: Timestamp) -> Int {
        let longest = Int(Self.presence.components.seconds)
        guard self.lingering.first != SlotLinks.none else { return longest }
        let leaves = self.records[Int(self.lingering.first)].lastSeen + Self.presence
        return max(1, min(longest, Int(((leaves - now).wholeMilliseconds + 1000) / 1000)))
    }

    /// `text` cut to `maximumUserAgent` bytes at the end of a character.
    static func shortened(_ text: String) -> String {
        guard text.utf8.count > self.maximumUserAgent else { return text }
        var result = ""
        for character in text {
            guard result.utf8.count + character.utf8.count <= self.maximumUserAgent else { break }
            result.append(character)
        }
        return result
    }
}
