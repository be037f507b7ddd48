import SessionModel

extension ControlOperation.QueryParameter {
    /// The parameter as the document has it for one call.
    func description(for operation: ControlOperation) -> JSONValue {
        let (schema, text) = self.schema(for: operation)
        return ["name": .string(self.rawValue), "in": "query", "description": .string(text), "schema": schema]
    }

    private func schema(for operation: ControlOperation) -> (JSONValue, String) {
        switch self {
        case .after:
            (
                OpenAPISchemas.reference(operation == .listKeys ? "APIKeyId" : "SessionId"),
                "The last identifier of the page before."
            )
        case .limit:
            (
                [
                    "type": "integer", "minimum": .integer(operation.pageSize.range.lowerBound),
                    "maximum": .integer(operation.pageSize.range.upperBound),
                    "default": .integer(operation.pageSize.standard),
                ],
                "How many entries to answer at most."
            )
        case .offset:
            (
                [
                    "type": "integer", "minimum": 0, "maximum": .integer(WalletBounds.pageOffset.upperBound),
                    "default": 0,
                ], "How many entries to skip."
            )
        case .before:
            (["type": "integer", "minimum": 1], "Only records before this place in the ledger. All by default.")
        case .session: (OpenAPISchemas.reference("SessionId"), "Only events of this session.")
        case .tenant: (OpenAPISchemas.reference("Slug"), "Only this tenant.")
        case .key: (OpenAPISchemas.reference("APIKeyId"), "Only this key.")
        case .code: (OpenAPISchemas.reference("GatewayErrorCode"), "Only refusals with this code.")
        case .from: (OpenAPISchemas.time, "From this bucket on, in UTC. 24 hours before `until` by default.")
        case .until: (OpenAPISchemas.time, "Up to this time, in UTC. Now by default.")
        case .interval:
            (
                OpenAPISchemas.oneOf(UsageQuery.Interval.allCases.map(\.rawValue)),
                "How long the buckets are: hours (31 days at most) or days (400). Hours by default."
            )
        }
    }
}
