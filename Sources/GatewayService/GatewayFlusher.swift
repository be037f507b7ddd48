package import Logging
import ServiceLifecycle
import SessionModel
import SessionStore
import Synchronization

/// Writes what requests leave behind: counts of limits as soon as the gate asks, usage and last use every second.
///
/// Counts are written by group commit: whoever asks while a transaction runs is served by the next one. What could not be
/// written is kept, within bounds, and tried again. Start it before the edge and stop it after: on graceful shutdown
/// everything is written once more, and from then on nobody gets a reservation. It also removes what is over, every minute.
package final class GatewayFlusher: Service {
    /// Callers of `persistCounts` that wait at once; more are refused.
    package static let maximumWaiters = 10_000
    /// Buckets of usage, and keys used, that are kept while the store fails.
    package static let maximumUnwritten = 200_000

    /// How long it is until a leak of the same key is noted again.
    package static let leakInterval = Duration.seconds(86_400)

    private struct Bucket: Hashable {
        var start: Timestamp
        var tenant: Slug
        var key: APIKeyID?
        var code: GatewayErrorCode?
    }

    private struct State {
        var isClosed = false
        var waiters: [@Sendable (Bool) -> Void] = []
        var usage: [Bucket: Int] = [:]
        var uses: [APIKeyID: Timestamp] = [:]
        /// Leaked keys and when that was last noted.
        var leaks: [APIKeyID: Timestamp] = [:]
        var isFailing = false
    }

    private let manager: GatewayManager
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger
    private let state = Mutex(State())
    private let counting = AsyncLock()
    private let demands: AsyncStream<Void>
    private let demand: AsyncStream<Void>.Continuation

    /// A flusher for `manager`'s gate and store that waits by `waiting` (a continuous clock, replaced in tests).
    package init(manager: GatewayManager, waiting: any Clock<Duration> = ContinuousClock(), logger: Logger) {
        self.manager = manager
        self.sleep = { duration in try await waiting.sleep(for: duration) }
        self.logger = logger
        // One demand is as good as many: each round takes all waiters.
        (self.demands, self.demand) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Asks that everything the gate counted until now is written; `resume` gets true once it is, false when it cannot be.
    ///
    /// Never blocks, so an event loop may call it. `resume` is called exactly once, on any thread, at once when there are
    /// too many waiters or the flusher has stopped.
    package func persistCounts(then resume: @escaping @Sendable (Bool) -> Void) {
        let isAccepted = self.state.withLock { state in
            guard !state.isClosed, state.waiters.count < Self.maximumWaiters else { return false }
            state.waiters.append(resume)
            return true
        }
        if isAccepted { self.demand.yield() } else { resume(false) }
    }

    /// Runs until graceful shutdown or cancellation, and writes everything before it returns.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in self.demands { await self.writeCounts() }
                }
                group.addTask { await self.runRounds() }
                await group.waitForAll()
            }
        }
        self.state.withLock { $0.isClosed = true }
        await self.flush()
        await self.counting.withLock { await self.writeFinalCounts() }
    }

    private func runRounds() async {
        let configuration = self.manager.configuration
        var sincePrune = configuration.pruneInterval
        while true {
            if sincePrune >= configuration.pruneInterval {
                sincePrune = .zero
                await self.attempt("Removing what is over from the gateway's store failed") {
                    try await self.manager.prune()
                }
            }
            do { try await self.sleep(configuration.flushInterval) } catch { return }
            sincePrune += configuration.flushInterval
            await self.flush()
        }
    }

    /// Writes everything once.
    package func flush() async {
        await self.writeCounts()
        await self.writeUsage()
        await self.writeUses()
        await self.noteLeaks()
    }

    private func writeCounts() async {
        await self.counting.withLock {
            // The waiters first: what they want written was counted before they asked.
            let waiters = self.state.withLock { state in
                let waiters = state.waiters
                state.waiters = []
                return waiters
            }
            let counts = self.manager.gate.drainCounts()
            var isWritten = true
            if !counts.isEmpty {
                isWritten = await self.attempt("Writing counts of limits failed") {
                    try await self.manager.store.write(counts: counts)
                }
                self.manager.gate.markPersisted(counts, failed: !isWritten)
            }
            for resume in waiters { resume(isWritten) }
        }
    }

    /// Gives back what was reserved ahead; without it a restart costs callers that much, as a crash does.
    private func writeFinalCounts() async {
        let counts = self.manager.gate.finalCounts()
        guard !counts.isEmpty else { return }
        await self.attempt("Writing counts of limits failed") { try await self.manager.store.write(counts: counts) }
    }

    private func writeUsage() async {
        let drained = self.manager.gate.drainUsage()
        let usage = self.state.withLock { state in
            for count in drained {
                let bucket = Bucket(start: count.start, tenant: count.tenant, key: count.key, code: count.code)
                if let known = state.usage[bucket] {
                    state.usage[bucket] = known + count.count
                } else if state.usage.count < Self.maximumUnwritten {
                    state.usage[bucket] = count.count
                }
            }
            let usage = state.usage
            state.usage = [:]
            return usage
        }
        guard !usage.isEmpty else { return }
        let counts = usage.map { bucket, count in
            UsageCount(start: bucket.start, tenant: bucket.tenant, key: bucket.key, code: bucket.code, count: count)
        }
        let isWritten = await self.attempt("Writing the usage of the gateway failed") {
            try await self.manager.store.add(usage: counts)
        }
        if !isWritten { self.state.withLock { $0.usage.merge(usage) { $0 + $1 } } }
    }

    private func writeUses() async {
        let drained = self.manager.gate.drainLastUsed()
        let uses = self.state.withLock { state in
            for (key, at) in drained where state.uses[key] != nil || state.uses.count < Self.maximumUnwritten {
                state.uses[key] = max(state.uses[key] ?? at, at)
            }
            let uses = state.uses
            state.uses = [:]
            return uses
        }
        guard !uses.isEmpty else { return }
        let isWritten = await self.attempt("Writing when keys were last used failed") {
            try await self.manager.store.noteLastUse(uses.map { KeyUse(key: $0.key, at: $0.value) })
        }
        if !isWritten { self.state.withLock { $0.uses.merge(uses) { max($0, $1) } } }
    }

    private func noteLeaks() async {
        let leaked = self.manager.gate.drainLeaked()
        guard !leaked.isEmpty else { return }
        let now = self.manager.clock()
        let fresh = self.state.withLock { state in
            state.leaks = state.leaks.filter { now < $0.value + Self.leakInterval }
            // A page with a leaked key calls as often as it likes; the audit trail needs to know once.
            let fresh = leaked.filter { state.leaks[$0] == nil }.prefix(Self.maximumUnwritten - state.leaks.count)
            for id in fresh { state.leaks[id] = now }
            return Array(fresh)
        }
        guard !fresh.isEmpty else { return }
        let isNoted = await self.attempt("Noting leaked keys failed") { try await self.manager.noteLeaks(of: fresh) }
        if !isNoted { self.state.withLock { state in for id in fresh { state.leaks[id] = nil } } }
    }

    /// Runs `body`; logs the first failure of a row of them, and the end of the row.
    @discardableResult
    private func attempt(_ message: Logger.Message, _ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            let wasFailing = self.state.withLock { state in
                defer { state.isFailing = false }
                return state.isFailing
            }
            if wasFailing { self.logger.notice("The gateway's store works again") }
            return true
        } catch {
            let wasFailing = self.state.withLock { state in
                defer { state.isFailing = true }
                return state.isFailing
            }
            if !wasFailing { self.logger.warning(message, metadata: ["error": "\(error)"]) }
            return false
        }
    }
}
