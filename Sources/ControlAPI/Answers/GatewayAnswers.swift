import AccessControl
import SessionModel

/// The shapes in which what belongs to the API gateway is answered; tenants, plans and keys write themselves.
enum GatewayAnswers {
    /// A new or rotated key: the only answer with its secret.
    static func created(_ created: CreatedAPIKey) -> JSONValue {
        guard case .object(let members) = created.record.json else { return created.record.json }
        return .object(members + [.init("secret", .string(created.secret))])
    }

    /// The keys that verify session tokens.
    static func signingKeys(_ keys: [SigningKeySummary]) -> ControlAnswer {
        let list = keys.map { key -> JSONValue in
            [
                "id": .string(key.id), "state": .string(key.state.rawValue),
                "createdAt": .string(key.createdAt.iso8601), "signsFrom": .string(key.signsFrom.iso8601),
            ]
        }
        return ControlAnswer(200, ["signingKeys": .array(list)])
    }

    /// One thing that a declaration changes.
    static func change(_ line: GatewayChangeLine) -> JSONValue {
        [
            "kind": .string(line.kind.rawValue), "subject": .string(line.subject),
            "fields": .array(line.fields.map { .string($0) }),
        ]
    }

    /// One count of requests.
    static func count(_ count: UsageCount) -> JSONValue {
        [
            "start": .string(count.start.iso8601), "tenant": .string(count.tenant.rawValue),
            "key": self.text(count.key?.text), "code": self.text(count.code?.rawValue), "count": .integer(count.count),
        ]
    }

    /// One refused request.
    static func refusal(_ refusal: GatewayRefusal) -> JSONValue {
        [
            "at": .string(refusal.at.iso8601), "tenant": .string(refusal.tenant.rawValue),
            "key": self.text(refusal.key?.text), "code": .string(refusal.code.rawValue),
            "message": .string(refusal.message), "method": .string(refusal.method), "path": .string(refusal.path),
            "webOrigin": self.text(refusal.webOrigin), "address": .string(refusal.address),
            "requestId": .string(refusal.requestID),
        ]
    }

    /// One audit event about the gateway.
    static func event(_ event: AuditEvent) -> JSONValue {
        [
            "at": .string(event.at.iso8601), "actor": .string(event.actor.name),
            "address": .string(event.actor.address), "action": .string(event.action.rawValue),
            "tenant": self.text(event.tenant?.rawValue), "summary": .string(event.summary),
        ]
    }

    /// A decision with what led to it; `path` is the target that was judged.
    static func explanation(_ explanation: GatewayExplanation, path: [UInt8]) -> JSONValue {
        let verdict = explanation.verdict
        var members: [JSONValue.Member] = []
        switch verdict.outcome {
        case .preflight: members.append(.init("decision", "preflight"))
        case .mint, .forward: members.append(.init("decision", "allowed"))
        case .refused(let error, _):
            members += [
                .init("decision", "refused"), .init("code", .string(error.code.rawValue)),
                .init("message", .string(error.message)),
            ]
        }
        members += [
            .init("decidedBy", self.text(verdict.decidedBy?.rawValue)),
            .init("tenant", .string(verdict.tenant.rawValue)), .init("keyId", self.text(verdict.key?.text)),
            .init("channel", .string(verdict.channel.rawValue)),
            .init("path", .string(String(decoding: path.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self))),
            .init("route", self.text(explanation.route?.text)),
            .init("steps", .array(explanation.steps.map(self.step))),
            .init("limits", .array(explanation.limits.map(self.limit))),
        ]
        return .object(members)
    }

    private static func step(_ step: GatewayStep) -> JSONValue {
        [
            "check": .string(step.check.rawValue), "outcome": .string(step.outcome.rawValue),
            "reason": .string(step.reason),
        ]
    }

    private static func limit(_ state: GatewayLimitState) -> JSONValue {
        let end = Timestamp(millisecondsSinceEpoch: 1000 * state.state.resetsAt)
        return [
            "class": .string(state.limit.limitClass.rawValue), "windowSeconds": .integer(state.limit.windowSeconds),
            "maximum": .integer(state.limit.maximum), "per": .string(state.limit.per.rawValue),
            "remaining": .integer(max(0, state.state.remaining)), "resetsAt": .string(end.iso8601),
        ]
    }

    private static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
