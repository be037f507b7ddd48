package import NIOCore

// Credit, the process-wide budget, and what happens when somebody does not read.
extension TunnelConnectionStateMachine {
    /// Frames held on one stream above which it is reset: a stream of single bytes costs far more than its bytes.
    static let heldFrameLimit = 16_384

    /// Assumed before the first pong.
    static let assumedRoundTrip = TimeAmount.milliseconds(100)

    /// The owner's downstream took bytes of a stream.
    ///
    /// - Parameters:
    ///   - bytes: How many; more than are held counts as all of them.
    ///   - stream: Which stream; one that is gone is ignored.
    ///   - now: The current time.
    package mutating func consumed(_ bytes: Int, on stream: UInt32, now: NIODeadline) {
        guard self.phase == .open, let index = self.streams.index(of: stream) else { return }
        let before = self.streams.values[index].window.unconsumed
        let counted = self.streams.values[index].window.consumed(bytes)
        guard counted > 0 else { return }
        let held = self.streams.values[index].heldFrames
        self.streams.values[index].heldFrames = held * (before - counted) / before
        if self.version == .v1, !self.streams.values[index].remoteEnded,
            self.streams.values[index].window.grantIsDue
        {
            self.grant(stream, at: index, now: now)
        }
        self.giveBack(counted, now: now)
        if self.streams.values[index].isFinished { self.settle(stream, at: index, wasFinished: true) }
    }

    /// Returns bytes to the connection's window and the process's budget.
    mutating func giveBack(_ bytes: Int, now: NIODeadline) {
        guard bytes > 0 else { return }
        self.budget.count(-self.receiveWindow.consumed(bytes))
        guard self.version == .v1, self.receiveWindow.sharedGrantIsDue else { return }
        let roundTrip = self.liveness.roundTrip ?? Self.assumedRoundTrip
        let limiting = self.receiveWindow.grantIsDue && self.receiveWindow.wasLimiting(now: now, roundTrip: roundTrip)
        self.grantConnection(growingTo: limiting ? self.receiveWindow.size * 2 : 0, now: now)
    }

    private mutating func grant(_ stream: UInt32, at index: Int, now: NIODeadline) {
        let size = self.streams.values[index].window.size
        var newSize = size
        let roundTrip = self.liveness.roundTrip ?? Self.assumedRoundTrip
        if self.budget.allowsGrowth, self.streams.values[index].window.wasLimiting(now: now, roundTrip: roundTrip) {
            newSize = max(size, min(size * 2, self.configuration.maximumStreamWindow))
        }
        if newSize > size {
            // A stream's window means nothing when the connection's is smaller.
            self.grantConnection(growingTo: newSize * 2, now: now, evenIfNotDue: false)
        }
        let credit = self.streams.values[index].window.grant(growingTo: newSize, now: now)
        self.sender.enqueueControl(TunnelFrame(stream: stream, .window(UInt32(credit))))
    }

    /// Gives connection credit back, growing the window where the budget allows.
    private mutating func grantConnection(growingTo wanted: Int, now: NIODeadline, evenIfNotDue: Bool = true) {
        let size = self.receiveWindow.size
        var newSize = size
        if self.budget.allowsGrowth { newSize = max(size, min(wanted, self.configuration.maximumConnectionWindow)) }
        guard newSize > size || evenIfNotDue else { return }
        let credit = self.receiveWindow.grant(growingTo: newSize, now: now)
        if credit > 0 { self.sender.enqueueControl(TunnelFrame(stream: 0, .window(UInt32(credit)))) }
    }

    /// Bytes were counted on a stream; somebody may hold too much now.
    ///
    /// - Returns: The stream to give up, if any.
    mutating func streamToGiveUp(after stream: UInt32, at index: Int, now: NIODeadline) -> UInt32? {
        if self.streams.values[index].heldFrames > Self.heldFrameLimit { return stream }
        if self.version == .v0, self.streams.values[index].window.unconsumed > self.configuration.bufferLimitV0 {
            return stream
        }
        if self.budget.isExhausted { return self.largestHolder() }
        guard self.version == .v1 else { return nil }
        // What arrived just now may have left less of the window than is pending.
        if self.receiveWindow.sharedGrantIsDue { self.grantConnection(growingTo: 0, now: now) }
        guard self.receiveWindow.unconsumed > self.receiveWindow.size / 2 else { return nil }
        // Streams that are not read eat the connection's window: widen it, so that the others go on, or give up the
        // stream that holds most.
        if self.receiveWindow.size < self.configuration.maximumConnectionWindow, self.budget.allowsGrowth {
            self.grantConnection(growingTo: self.receiveWindow.size * 2, now: now)
        } else if self.receiveWindow.unconsumed > self.receiveWindow.size / 8 * 7 {
            return self.largestHolder()
        }
        return nil
    }

    private func largestHolder() -> UInt32? {
        var largest: UInt32?
        var most = 0
        for (index, key) in self.streams.keys.enumerated() where key != 0 {
            let held = self.streams.values[index].window.unconsumed
            if held > most {
                most = held
                largest = key
            }
        }
        return largest
    }
}
