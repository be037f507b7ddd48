package import SessionModel

/// Who asks for admission: the browser's identity, if it has a valid cookie, and where it comes from.
package struct Visitor: Equatable, Sendable {
    /// The identifier in the viewer's valid cookie; nil without one.
    package var viewerID: String?
    /// The client's address.
    package var address: ClientAddress

    /// Names a visitor.
    package init(viewerID: String?, address: ClientAddress) {
        self.viewerID = viewerID
        self.address = address
    }
}

/// Names a record of a `ViewerRegistry`: how an open stream reports back without a search.
package struct ViewerHandle: Hashable, Sendable {
    let slot: Int32
    let generation: UInt32
}

/// The viewers of one session (spec: tunnel sessions, 3.3).
///
/// A viewer is a browser with a valid cookie or, without one, a client address. It is *present* while it has a stream
/// open, or was seen in the last 30 seconds; present viewers count towards the limit, and the limit never turns a
/// present viewer away. A navigation without cookie is admitted under its address, whose record remembers the
/// cookies issued to it; the first of these that comes back takes the record over, so that a person counts once, and
/// so does a client that refuses cookies.
///
/// Bounded: at most `capacity` records; the viewer seen longest ago that is not present makes room for a new one.
/// All operations take constant time on average, apart from the lists. Confine it, or guard it with a lock.
package struct ViewerRegistry: Sendable {
    /// What came of asking for admission.
    package enum Admission: Equatable, Sendable {
        /// Admitted, with one stream counted as open; `isNew` when the viewer was not present before.
        case admitted(ViewerHandle, isNew: Bool)
        /// As many viewers as allowed are present; trying again after this many seconds makes sense.
        case tooMany(retryAfterSeconds: Int)
        /// The cookie was issued to an address viewer that has since been kicked.
        case removed
    }

    /// How long a viewer counts as present after it was last seen.
    package static let presence = Duration.seconds(30)
    /// How many issued cookies an address record remembers; the oldest is forgotten first.
    package static let maximumIssued = 64
    /// The longest user agent that is kept, in bytes.
    package static let maximumUserAgent = 256

    struct Record: Sendable {
        enum Presence { case streaming, lingering, absent, free }

        var id: String
        /// The `ip_…` identifier this record had before a cookie took it over.
        var formerID: String?
        var address: ClientAddress
        var isBrowser: Bool
        var userAgent: String
        var firstSeen: Timestamp
        var lastSeen: Timestamp
        var requests = 0
        var bytes = 0
        var openStreams = 0
        var issued: [IssuedCookie] = []
        var isKicked = false
        var presence = Presence.free
        var generation: UInt32 = 0
    }

    let capacity: Int
    let addressID: @Sendable (ClientAddress) -> String
    var records: [Record] = []
    var links = SlotLinks()
    var streaming = SlotList()
    var lingering = SlotList()
    var absent = SlotList()
    var free: [Int32] = []
    var browsers: [String: Int32] = [:]
    var addresses: [ClientAddress: Int32] = [:]
    private var appliedKicks: Set<String> = []
    var latest = Timestamp(millisecondsSinceEpoch: .min)

    /// A registry without viewers; `signer` and `slug` give addresses their identifiers.
    package init(slug: Slug, signer: ViewerCookieSigner, capacity: Int = 20_000) {
        precondition(capacity >= 1 && capacity < Int(Int32.max), "a registry needs a capacity")
        self.capacity = capacity
        self.addressID = { signer.addressID(of: $0, slug: slug) }
    }

    /// How many records are kept, present or not.
    package var recordCount: Int { self.streaming.count + self.lingering.count + self.absent.count }

    /// How many streams are open now.
    package private(set) var openStreamCount = 0

    /// Lets a visitor in and counts one stream as open, or says why not.
    ///
    /// `limit` is the policy's `maxConcurrentViewers`; 0 turns away even present viewers. `userAgent` is only asked for
    /// when the viewer was not present. Nothing changes unless the answer is `admitted`.
    package mutating func admit(
        _ visitor: Visitor,
        limit: Int,
        now: Timestamp,
        userAgent: () -> String
    ) -> Admission {
        let now = self.advance(to: now)
        let known = self.lookUp(visitor)
        if let slot = known, self.records[Int(slot)].isKicked { return .removed }
        let isPresent = known.map { self.isPresent($0) } ?? false
        guard limit > 0 else { return .tooMany(retryAfterSeconds: Int(Self.presence.components.seconds)) }
        if !isPresent, self.streaming.count + self.lingering.count >= min(limit, self.capacity) {
            return .tooMany(retryAfterSeconds: self.secondsUntilRoom(now: now))
        }
        let slot = known ?? self.insert(visitor, now: now)
        self.take(over: slot, by: visitor)
        if !isPresent { self.records[Int(slot)].userAgent = Self.shortened(userAgent()) }
        self.records[Int(slot)].address = visitor.address
        self.records[Int(slot)].lastSeen = now
        self.records[Int(slot)].requests &+= 1
        self.records[Int(slot)].openStreams += 1
        self.openStreamCount += 1
        self.move(slot, to: .streaming)
        return .admitted(self.handle(slot), isNew: !isPresent)
    }

    /// Remembers that a cookie for `viewerID` was issued in answer to a request admitted as `handle`; only address
    /// viewers keep such memories.
    package mutating func cookieIssued(_ viewerID: String, to handle: ViewerHandle) {
        guard let slot = self.slot(handle), !self.records[Int(slot)].isBrowser, let cookie = IssuedCookie(viewerID)
        else {
            return
        }
        if self.records[Int(slot)].issued.count == Self.maximumIssued { self.records[Int(slot)].issued.removeFirst() }
        self.records[Int(slot)].issued.append(cookie)
    }

    /// Reports that a stream admitted as `handle` has ended after sending `bytes` of body to the viewer; once per
    /// admission.
    package mutating func streamClosed(_ handle: ViewerHandle, bytes: Int = 0, now: Timestamp) {
        let now = self.advance(to: now)
        guard let slot = self.slot(handle), self.records[Int(slot)].openStreams > 0 else { return }
        self.records[Int(slot)].bytes &+= bytes
        self.records[Int(slot)].openStreams -= 1
        self.records[Int(slot)].lastSeen = now
        self.openStreamCount -= 1
        if self.records[Int(slot)].openStreams == 0 {
            self.move(slot, to: self.records[Int(slot)].isKicked ? .absent : .lingering)
        }
    }

    /// Adds bytes sent on a stream that stays open.
    package mutating func sent(_ bytes: Int, to handle: ViewerHandle) {
        guard let slot = self.slot(handle) else { return }
        self.records[Int(slot)].bytes &+= bytes
    }

    /// How many viewers are present.
    package mutating func presentCount(now: Timestamp) -> Int {
        _ = self.advance(to: now)
        return self.streaming.count + self.lingering.count
    }

    /// The present viewers, most recently seen first.
    package mutating func present(now: Timestamp) -> [ViewerSummary] {
        _ = self.advance(to: now)
        let slots = self.streaming.slots(in: self.links) + self.lingering.slots(in: self.links)
        return slots.map { self.summary($0) }
            .sorted { left, right in
                left.lastSeen == right.lastSeen ? left.id < right.id : left.lastSeen > right.lastSeen
            }
    }

    /// The identifier of the viewer behind `handle`; nil when its record is gone.
    package func viewerID(_ handle: ViewerHandle) -> String? {
        self.slot(handle).map { self.records[Int($0)].id }
    }

    /// What to store in order to kick the viewer with this identifier, which may also be the address identifier that a
    /// browser had before its cookie came back; nil when no such viewer is remembered.
    package func kickable(_ viewerID: String, now: Timestamp) -> KickedViewer? {
        guard let slot = self.find(viewerID) else { return nil }
        let record = self.records[Int(slot)]
        return KickedViewer(viewerID: record.id, addressID: self.addressID(record.address), kickedAt: now)
    }

    /// Takes over the kicks of a new revision of the session, all of them; those already applied are skipped.
    ///
    /// Cookies issued to a kicked address viewer are refused, even if they come back only now; a kicked viewer stops
    /// being present with its last stream.
    package mutating func applyKicks(_ kicked: [KickedViewer]) {
        for viewer in kicked where self.appliedKicks.insert(viewer.viewerID).inserted {
            guard let slot = self.find(viewer.viewerID) else { continue }
            self.records[Int(slot)].isKicked = true
            if self.records[Int(slot)].openStreams == 0 { self.move(slot, to: .absent) }
        }
    }
}

/// A cookie's viewer identifier, shortened to 62 of its 82 bits; identifiers are signed, so nobody can look for two
/// that collide.
struct IssuedCookie: Hashable, Sendable {
    private let bits: UInt64

    init?(_ viewerID: String) {
        guard ViewerCredential.isViewerID(viewerID), let bits = UInt64(viewerID.dropFirst(3).prefix(12), radix: 36)
        else {
            return nil
        }
        self.bits = bits
    }
}
