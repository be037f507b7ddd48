/// A method a route may name; every other method is refused.
package enum APIMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"

    /// Whether it only reads (RFC 9110, section 9.2.1).
    package var isSafe: Bool { self == .get || self == .head }

    /// Reads a method, which is case-sensitive.
    package init?(bytes: UnsafeRawBufferPointer) {
        for method in Self.allCases where bytes.elementsEqual(method.rawValue.utf8) {
            self = method
            return
        }
        return nil
    }
}

/// Who needs a session token on a route.
package enum SessionRule: String, Sendable, CaseIterable {
    /// Nobody.
    case never
    /// Callers on the browser channel.
    case browser
    /// Everybody; the server channel, which has no sessions, cannot call it.
    case always
}

/// Whether requests of a route carry an `Idempotency-Key`.
package enum IdempotencyRule: String, Sendable, CaseIterable {
    /// The header means nothing to the gateway.
    case off
    /// With the header, a repeated request is answered with the stored answer.
    case optional
    /// As `optional`, and requests without it are refused.
    case required
}

/// A path pattern: segments after the base path, such as `/asset-groups/{id}` or `/files/**`.
///
/// `{name}` stands for exactly one segment that is not empty, a final `**` for any number of segments, none included.
/// Names in braces are for people. Everything else is compared as it is, in letter case too.
package struct RoutePattern: Hashable, Sendable, CustomStringConvertible {
    /// The most segments of a pattern.
    package static let maximumSegments = 32

    /// One part of a pattern.
    package enum Segment: Hashable, Sendable {
        /// This text.
        case literal(String)
        /// Any one segment.
        case parameter
        /// Everything that is left, at the end of a pattern only.
        case rest
    }

    /// The parts in order; empty for `/`, the base path itself.
    package let segments: [Segment]
    /// The pattern as written.
    package let text: String

    /// Reads a pattern; nil when it is malformed.
    package init?(_ text: String) {
        guard text.utf8.first == UInt8(ascii: "/"), text.utf8.count <= 1024 else { return nil }
        var segments: [Segment] = []
        if text != "/" {
            let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= Self.maximumSegments else { return nil }
            for (index, part) in parts.enumerated() {
                if part == "**" {
                    guard index == parts.count - 1 else { return nil }
                    segments.append(.rest)
                } else if part.hasPrefix("{"), part.hasSuffix("}"), part.utf8.count > 2 {
                    guard isPlainSegment(part.dropFirst().dropLast()) else { return nil }
                    segments.append(.parameter)
                } else {
                    guard isPlainSegment(part) else { return nil }
                    segments.append(.literal(String(part)))
                }
            }
        }
        self.segments = segments
        self.text = text
    }

    /// Whether every path one of them matches is matched by the other too: names in braces do not count.
    package func hasSameShape(as other: RoutePattern) -> Bool { self.segments == other.segments }

    package var description: String { self.text }
}

/// What may be called on a tenant's API, and what a caller needs for it.
package struct APIRoute: Equatable, Sendable {
    /// The methods; `GET` includes `HEAD`.
    package var methods: [APIMethod]
    /// The paths, after the base path.
    package var pattern: RoutePattern
    /// The scope a key needs.
    package var scope: Scope
    /// The module the tenant needs, if any.
    package var module: PolicyName?
    /// Which limits count; nil means `reads` or `writes`, by the method.
    package var limitClass: PolicyName?
    /// Who needs a session; nil means `browser` for writes and `never` for reads.
    package var session: SessionRule?
    /// Whether requests carry an `Idempotency-Key`.
    package var idempotency: IdempotencyRule

    /// A route; what is left out has the defaults of the specification.
    package init(
        methods: [APIMethod],
        pattern: RoutePattern,
        scope: Scope,
        module: PolicyName? = nil,
        limitClass: PolicyName? = nil,
        session: SessionRule? = nil,
        idempotency: IdempotencyRule = .off
    ) {
        self.methods = methods
        self.pattern = pattern
        self.scope = scope
        self.module = module
        self.limitClass = limitClass
        self.session = session
        self.idempotency = idempotency
    }

    /// Whether the route is for requests with `method`: `GET` includes `HEAD`.
    package func takes(_ method: APIMethod) -> Bool {
        self.methods.contains(method) || method == .head && self.methods.contains(.get)
    }

    /// The session rule for a request with `method`.
    package func sessionRule(for method: APIMethod) -> SessionRule {
        self.session ?? (method.isSafe ? .never : .browser)
    }

    /// The limit class of a request with `method`.
    package func effectiveClass(for method: APIMethod) -> PolicyName {
        self.limitClass ?? (method.isSafe ? .reads : .writes)
    }
}
