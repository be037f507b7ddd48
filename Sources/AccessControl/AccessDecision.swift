package import SessionModel

/// What is known about a request, or about a stream that is open, when access is decided.
package struct AccessRequest: Equatable, Sendable {
    /// Whether it carries a valid owner cookie.
    package var isOwner: Bool
    /// The client's address.
    package var address: ClientAddress
    /// The verified contents of the viewer's cookie, if there is a valid one.
    package var credential: ViewerCredential?
    /// The value of `Authorization`; only needed when the policy `readsAuthorization`.
    package var basicHeader: String?
    /// The value of `X-Daypass-Password`; only needed when the policy `readsPassword`.
    package var daypassPassword: String?

    /// States what is known.
    package init(
        isOwner: Bool = false,
        address: ClientAddress,
        credential: ViewerCredential? = nil,
        basicHeader: String? = nil,
        daypassPassword: String? = nil
    ) {
        self.isOwner = isOwner
        self.address = address
        self.credential = credential
        self.basicHeader = basicHeader
        self.daypassPassword = daypassPassword
    }
}

/// Whether a request may pass.
package enum AccessDecision: Equatable, Sendable {
    /// It may. The handle is nil for the owner, who is not counted among the viewers; otherwise report the end of the
    /// stream to the registry.
    case allowed(ViewerHandle?)
    /// It may not. `failedAttempt` is true when a wrong credential was offered, which counts towards the attempt
    /// limiter.
    case refused(DaypassError, failedAttempt: Bool)
}

/// The checks in the order they are made (spec: tunnel sessions, 3.1).
///
/// That the session exists is known before.
package enum AccessCheck: String, Sendable, CaseIterable {
    case open
    case notExpired = "not_expired"
    case credentials
    case notKicked = "not_kicked"
    case path
    case viewerLimit = "viewer_limit"
    case notPaused = "not_paused"
    case rate

    /// All checks, first to last.
    package static let order = AccessCheck.allCases
}

/// One check of an explained decision.
package struct AccessStep: Equatable, Sendable {
    /// What came of it.
    package enum Outcome: String, Sendable {
        case passed
        case failed
        /// Not made: it does not apply, or an earlier check failed.
        case skipped
    }

    /// Which check.
    package let check: AccessCheck
    /// What came of it.
    package let outcome: Outcome
    /// Why, in words without secrets.
    package let reason: String
}

/// A decision with the checks that led to it, without its effects.
package struct AccessExplanation: Equatable, Sendable {
    /// Every check, in order.
    package let steps: [AccessStep]
    /// The refusal, or nil when the request would pass.
    package let refusal: DaypassError?
}

extension CompiledPolicy {
    /// Decides about a new request; when it is allowed the viewer is admitted and one stream counts as open.
    ///
    /// `path` is the request target as the local app will get it, `userAgent` is asked for new viewers only, and `rate`
    /// takes from the limiters, last and only if nothing else stands against the request: the whole seconds to wait, or
    /// nil. When `rate` refuses, the admission is taken back but the viewer stays present.
    package func decide(
        _ request: AccessRequest,
        path: UnsafeRawBufferPointer,
        now: Timestamp,
        viewers: inout ViewerRegistry,
        userAgent: () -> String,
        rate: () -> Int?
    ) -> AccessDecision {
        var handle: ViewerHandle?
        for check in AccessCheck.order {
            let result = self.run(check, request, path: path, now: now, rate: rate) {
                let visitor = Visitor(viewerID: request.credential?.viewerID, address: request.address)
                let limit = self.record.policy.maxConcurrentViewers
                let admission = viewers.admit(visitor, limit: limit, now: now, userAgent: userAgent)
                if case .admitted(let admitted, _) = admission { handle = admitted }
                return admission
            }
            if case .failed(let error, _, let failedAttempt) = result {
                if let handle { viewers.streamClosed(handle, now: now) }
                return .refused(error, failedAttempt: failedAttempt)
            }
        }
        return .allowed(handle)
    }

    /// Why a stream that is open must be cut now that the policy, the kicks, the pause or the time have changed.
    ///
    /// Nil when it may go on. The viewer limit cuts nobody, unless it is 0; the rate does not matter.
    package func refusalOfOpenStream(
        _ request: AccessRequest,
        path: UnsafeRawBufferPointer,
        now: Timestamp
    ) -> DaypassError? {
        for check in AccessCheck.order {
            let result = self.run(check, request, path: path, now: now, rate: { nil }, admit: { nil })
            if case .failed(let error, _, _) = result { return error }
        }
        return nil
    }

    /// Makes the same checks as `decide` and says what came of each, leaving `viewers` and the limiters as they are:
    /// pass a `rate` that only looks.
    package func explain(
        _ request: AccessRequest,
        path: UnsafeRawBufferPointer,
        now: Timestamp,
        viewers: ViewerRegistry,
        rate: () -> Int?
    ) -> AccessExplanation {
        var viewers = viewers
        var refusal: DaypassError?
        let steps = AccessCheck.order.map { check in
            guard refusal == nil else {
                return AccessStep(check: check, outcome: .skipped, reason: "an earlier check failed")
            }
            let result = self.run(check, request, path: path, now: now, rate: rate) {
                let visitor = Visitor(viewerID: request.credential?.viewerID, address: request.address)
                let limit = self.record.policy.maxConcurrentViewers
                return viewers.admit(visitor, limit: limit, now: now, userAgent: { "" })
            }
            switch result {
            case .passed(let reason):
                return AccessStep(check: check, outcome: .passed, reason: reason.description)
            case .skipped(let reason):
                return AccessStep(check: check, outcome: .skipped, reason: reason.description)
            case .failed(let error, let reason, _):
                refusal = error
                return AccessStep(check: check, outcome: .failed, reason: "\(error.code.rawValue): \(reason)")
            }
        }
        return AccessExplanation(steps: steps, refusal: refusal)
    }
}

extension CompiledPolicy {
    private enum Result {
        case passed(StaticString)
        case skipped(StaticString)
        case failed(DaypassError, StaticString, failedAttempt: Bool)

        static func failed(_ code: ErrorCode, _ reason: StaticString, retryAfter: Int? = nil) -> Result {
            .failed(DaypassError(code, retryAfterSeconds: retryAfter), reason, failedAttempt: false)
        }
    }

    /// Seconds after which a client should try a paused session again.
    private static let pauseRetry = 30

    /// Makes one check.
    ///
    /// `admit` asks the registry; it answers nil for a stream that is already open.
    private func run(
        _ check: AccessCheck,
        _ request: AccessRequest,
        path: UnsafeRawBufferPointer,
        now: Timestamp,
        rate: () -> Int?,
        admit: () -> ViewerRegistry.Admission?
    ) -> Result {
        switch check {
        case .open:
            return self.record.closedAt == nil
                ? .passed("the session is open") : .failed(.sessionClosed, "the owner closed the session")
        case .notExpired:
            return now < self.record.expiresAt
                ? .passed("the session has not expired") : .failed(.sessionExpired, "the session's time is over")
        case .rate:
            guard let seconds = rate() else { return .passed("within the rate limits") }
            return .failed(.rateLimited, "too many requests", retryAfter: seconds)
        case .credentials, .notKicked, .path, .viewerLimit, .notPaused:
            guard !request.isOwner else { return .skipped("the owner may always enter") }
            return self.runForViewer(check, request, path: path, admit: admit)
        }
    }

    private func runForViewer(
        _ check: AccessCheck,
        _ request: AccessRequest,
        path: UnsafeRawBufferPointer,
        admit: () -> ViewerRegistry.Admission?
    ) -> Result {
        switch check {
        case .credentials:
            let outcome = self.credentialsDecision(
                basicHeader: request.basicHeader,
                daypassPassword: request.daypassPassword,
                viewerCredential: request.credential
            )
            switch outcome {
            case .allowed:
                let needsAny = self.readsAuthorization || self.readsPassword
                return .passed(needsAny ? "the credentials are right" : "the link alone is enough")
            case .refused(let code, let failedAttempt):
                let reason: StaticString = failedAttempt ? "a credential is wrong" : "a credential is missing"
                return .failed(DaypassError(code), reason, failedAttempt: failedAttempt)
            }
        case .notKicked:
            return self.isKicked(request.credential, address: request.address)
                ? .failed(.viewerRemoved, "the owner removed this viewer or one at its address")
                : .passed("not removed by the owner")
        case .path:
            return self.isBlocked(path: path)
                ? .failed(.pathBlocked, "the path is blocked") : .passed("the path is not blocked")
        case .viewerLimit:
            return self.limitResult(admit())
        case .notPaused:
            return self.record.isPaused
                ? .failed(.tunnelPaused, "the owner paused the session", retryAfter: Self.pauseRetry)
                : .passed("not paused")
        case .open, .notExpired, .rate:
            preconditionFailure("not a check of viewers")
        }
    }

    private func limitResult(_ admission: ViewerRegistry.Admission?) -> Result {
        switch admission {
        case .admitted(_, isNew: true): .passed("there is room for one more viewer")
        case .admitted(_, isNew: false): .passed("the viewer is already in")
        case .tooMany(let seconds): .failed(.tooManyViewers, "as many viewers as allowed are in", retryAfter: seconds)
        case .removed: .failed(.viewerRemoved, "the cookie was issued to a viewer the owner removed")
        case nil:
            self.record.policy.maxConcurrentViewers > 0
                ? .passed("the viewer is already in") : .failed(.tooManyViewers, "nobody but the owner is allowed in")
        }
    }
}
