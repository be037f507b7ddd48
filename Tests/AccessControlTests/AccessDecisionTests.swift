import AccessControl
import SessionModel
import Testing

@Suite("Access decisions")
struct AccessDecisionTests {
    private let now = Fixture.start + .seconds(10)
    private let address = ClientAddress(v4: (198, 51, 100, 7))

    /// A session in which every check would fail, and how to mend each.
    private struct Situation {
        var record: SessionRecord
        var request: AccessRequest
        var path = "/admin"
        var rateSeconds: Int? = 7

        /// Makes `check` pass.
        mutating func mend(_ check: AccessCheck) {
            switch check {
            case .open: self.record.closedAt = nil
            case .notExpired: self.record.expiresAt = Fixture.start + .seconds(3600)
            case .credentials: self.request.daypassPassword = "secret"
            case .notKicked: self.record.kickedViewers = []
            case .path: self.path = "/public"
            case .viewerLimit: self.record.policy.maxConcurrentViewers = 5
            case .notPaused: self.record.isPaused = false
            case .rate: self.rateSeconds = nil
            }
        }
    }

    private func everythingWrong() throws -> Situation {
        var record = try Fixture.record(
            policy: SessionPolicy(maxConcurrentViewers: 0, blockPaths: ["/admin"], password: "secret"),
            isPaused: true,
            kicked: [KickedViewer(viewerID: Fixture.credential().viewerID, addressID: nil)],
            closedAt: Fixture.start
        )
        record.expiresAt = self.now
        let request = AccessRequest(address: self.address, credential: Fixture.credential(), daypassPassword: "wrong")
        return Situation(record: record, request: request)
    }

    private func decide(
        _ situation: Situation,
        viewers: inout ViewerRegistry
    ) -> (AccessDecision, AccessExplanation, DaypassError?) {
        let policy = CompiledPolicy(record: situation.record, signer: Fixture.signer)
        return Array(situation.path.utf8)
            .withUnsafeBytes { path in
                let explanation = policy.explain(
                    situation.request,
                    path: path,
                    now: self.now,
                    viewers: viewers,
                    rate: { situation.rateSeconds }
                )
                let cut = policy.refusalOfOpenStream(situation.request, path: path, now: self.now)
                let decision = policy.decide(
                    situation.request,
                    path: path,
                    now: self.now,
                    viewers: &viewers,
                    userAgent: { "test" },
                    rate: { situation.rateSeconds }
                )
                return (decision, explanation, cut)
            }
    }

    @Test("make the checks in the order of the specification, for viewers and for the owner", arguments: [false, true])
    func order(isOwner: Bool) throws {
        let codes: [(AccessCheck, ErrorCode, isForViewersOnly: Bool)] = [
            (.open, .sessionClosed, false), (.notExpired, .sessionExpired, false),
            (.credentials, .passwordRequired, true), (.notKicked, .viewerRemoved, true), (.path, .pathBlocked, true),
            (.viewerLimit, .tooManyViewers, true), (.notPaused, .tunnelPaused, true), (.rate, .rateLimited, false),
        ]
        #expect(codes.map(\.0) == AccessCheck.order)
        var situation = try self.everythingWrong()
        situation.request.isOwner = isOwner
        var mended: [AccessCheck] = []
        var viewers = ViewerRegistry(slug: situation.record.slug, signer: Fixture.signer)
        for (check, code, isForViewersOnly) in codes {
            defer {
                situation.mend(check)
                mended.append(check)
            }
            if isForViewersOnly, isOwner { continue }
            let (decision, explanation, cut) = self.decide(situation, viewers: &viewers)
            guard case .refused(let error, let failedAttempt) = decision else {
                Issue.record("allowed although \(check) fails")
                continue
            }
            #expect(error.code == code)
            #expect(failedAttempt == (check == .credentials))
            // An open stream is judged alike, except that the rate does not matter to it.
            #expect(cut?.code == (check == .rate ? nil : code))
            #expect(explanation.refusal == error)
            for step in explanation.steps {
                if step.check == check {
                    #expect(step.outcome == .failed)
                } else if mended.contains(step.check) {
                    let isSkipped = isOwner && codes.contains { $0.0 == step.check && $0.isForViewersOnly }
                    #expect(step.outcome == (isSkipped ? .skipped : .passed))
                } else {
                    #expect(step.outcome == .skipped)
                }
                #expect(!step.reason.isEmpty)
                #expect(!step.reason.contains("secret"))
            }
            #expect(explanation.steps.map(\.check) == AccessCheck.order)
        }
        let (decision, explanation, cut) = self.decide(situation, viewers: &viewers)
        guard case .allowed(let handle) = decision else {
            Issue.record("refused although nothing is wrong: \(decision)")
            return
        }
        #expect((handle == nil) == isOwner)
        #expect(explanation.refusal == nil)
        #expect(cut == nil)
        #expect(viewers.openStreamCount == (isOwner ? 0 : 1))
    }

    @Test("429 and 503 say when to come back")
    func retryAfter() throws {
        var situation = try self.everythingWrong()
        var viewers = ViewerRegistry(slug: situation.record.slug, signer: Fixture.signer)
        for check in AccessCheck.order {
            let (decision, _, _) = self.decide(situation, viewers: &viewers)
            guard case .refused(let error, _) = decision else {
                Issue.record("allowed")
                return
            }
            let hasRetry = [.viewerLimit, .notPaused, .rate].contains(check)
            #expect((error.retryAfterSeconds != nil) == hasRetry)
            if check == .rate { #expect(error.retryAfterSeconds == 7) }
            situation.mend(check)
        }
    }

    @Test("refused by pause or rate, no stream stays open")
    func takenBack() throws {
        var situation = try self.everythingWrong()
        for check in AccessCheck.order where check != .notPaused { situation.mend(check) }
        var viewers = ViewerRegistry(slug: situation.record.slug, signer: Fixture.signer)
        #expect(self.decide(situation, viewers: &viewers).0 != .allowed(nil))
        #expect(viewers.openStreamCount == 0)
        situation.mend(.notPaused)
        situation.rateSeconds = 3
        _ = self.decide(situation, viewers: &viewers)
        #expect(viewers.openStreamCount == 0)
        #expect(viewers.presentCount(now: self.now) == 1)
    }

    @Test("the rate is asked only when nothing else stands against the request")
    func rateLast() throws {
        var situation = try self.everythingWrong()
        var viewers = ViewerRegistry(slug: situation.record.slug, signer: Fixture.signer)
        for check in AccessCheck.order {
            let policy = CompiledPolicy(record: situation.record, signer: Fixture.signer)
            var asked = 0
            let path = Array(situation.path.utf8)
            _ = path.withUnsafeBytes { path in
                policy.decide(
                    situation.request,
                    path: path,
                    now: self.now,
                    viewers: &viewers,
                    userAgent: { "" },
                    rate: {
                        asked += 1
                        return 1
                    }
                )
            }
            #expect(asked == (check == .rate ? 1 : 0))
            situation.mend(check)
        }
    }

    @Test("a limit below the number present keeps new viewers out and cuts nobody; 0 cuts all")
    func loweredLimit() throws {
        var situation = try self.everythingWrong()
        for check in AccessCheck.order { situation.mend(check) }
        var viewers = ViewerRegistry(slug: situation.record.slug, signer: Fixture.signer)
        for letter in ["a", "b", "c"] as [Character] {
            situation.request.credential = Fixture.credential(letter)
            guard case .allowed = self.decide(situation, viewers: &viewers).0 else {
                Issue.record("refused")
                return
            }
        }
        situation.record.policy.maxConcurrentViewers = 1
        let inside = self.decide(situation, viewers: &viewers)
        #expect(inside.2 == nil)
        guard case .allowed = inside.0 else {
            Issue.record("a viewer who is in was turned away")
            return
        }
        situation.request.credential = Fixture.credential("d")
        guard case .refused(let error, _) = self.decide(situation, viewers: &viewers).0 else {
            Issue.record("let in although full")
            return
        }
        #expect(error.code == .tooManyViewers)
        situation.record.policy.maxConcurrentViewers = 0
        situation.request.credential = Fixture.credential("a")
        let cut = self.decide(situation, viewers: &viewers)
        #expect(cut.2?.code == .tooManyViewers)
        #expect(cut.0 != .allowed(nil))
    }
}
