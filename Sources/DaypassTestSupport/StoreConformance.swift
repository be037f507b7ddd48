import SessionModel

/// A store did not do what every store must do.
package struct ConformanceFailure: Error, CustomStringConvertible {
    /// What was expected, and what came.
    package let description: String
}

/// Checks on one store, which fail by throwing `ConformanceFailure`.
protocol StoreConformance: Sendable {}

extension StoreConformance {
    /// Throws unless `actual` is `expected`.
    func expect<Value: Equatable>(_ actual: Value, _ expected: Value, _ what: String, line: Int = #line) throws {
        guard actual == expected else {
            throw ConformanceFailure(description: "\(what) (line \(line)): expected \(expected), got \(actual)")
        }
    }

    /// Throws unless `body` throws a `DaypassError` with `code`.
    func expect(
        _ code: ErrorCode,
        _ what: String,
        line: Int = #line,
        _ body: () async throws -> Void
    ) async throws {
        try await self.expect("\(code)", what, line: line, { ($0 as? DaypassError)?.code == code }, of: body)
    }

    /// Throws unless `body` throws an error that `isExpected`; `code` says in words which.
    func expect(
        _ code: String,
        _ what: String,
        line: Int,
        _ isExpected: (any Error) -> Bool,
        of body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch {
            guard isExpected(error) else {
                throw ConformanceFailure(description: "\(what) (line \(line)): expected \(code), got \(error)")
            }
            return
        }
        throw ConformanceFailure(description: "\(what) (line \(line)): expected \(code), got no error")
    }
}
