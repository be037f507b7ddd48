import ControlAPI
import SessionModel

/// Checks answers against the OpenAPI document: the status must be documented for the call, and the body must match the
/// documented schema.
///
/// Knows the part of JSON Schema that the document uses, and says so when it meets another.
struct OpenAPIContract {
    private let document: JSONValue
    private let routes = RouteTable()

    init(_ document: JSONValue) { self.document = document }

    /// What an answer has that the document does not.
    func problems(of answer: ControlAnswer, method: String, path: String) -> [String] {
        guard case .operation(let operation, _) = self.routes.match(method: method, path: path) else {
            let schema = "\(path)/".hasPrefix("/v1/") ? "OrganizationError" : "Error"
            return self.problems(self.reference("#/components/schemas/\(schema)"), answer)
        }
        let described = self.document["paths"]?[operation.path]?[operation.method.rawValue.lowercased()]
        guard var response = described?["responses"]?[String(answer.status)] else {
            return ["status \(answer.status) is not documented"]
        }
        if case .string(let reference)? = response["$ref"] { response = self.reference(reference) }
        guard let contentType = answer.contentType else {
            return response["content"] == nil && answer.body.isEmpty ? [] : ["the body is missing"]
        }
        guard let content = response["content"]?[contentType] else {
            return ["content type \(contentType) is not documented for \(answer.status)"]
        }
        var problems: [String] = []
        if case .object(let headers)? = response["headers"] {
            for header in headers where header.value["required"] == true && answer.fields[header.name] == nil {
                problems.append("the field \(header.name) is missing")
            }
        }
        guard answer.contentType == "application/json", let schema = content["schema"] else { return problems }
        return problems + self.problems(schema, answer)
    }

    private func problems(_ schema: JSONValue, _ answer: ControlAnswer) -> [String] {
        guard let value = try? JSONParser.parse(Array(answer.body.utf8)) else {
            // The document itself is nested more deeply than requests may be.
            return answer.status == 200 && answer.body.hasPrefix("{\"openapi\"") ? [] : ["the body is not JSON"]
        }
        return self.problems(value, schema, at: "$")
    }

    private func reference(_ reference: String) -> JSONValue {
        reference.split(separator: "/").dropFirst().reduce(self.document) { $0[String($1)] ?? .null }
    }

    /// What is wrong with a value by a schema.
    func problems(_ value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
        guard case .object(let keywords) = schema else { return ["\(place): there is no schema"] }
        return keywords.flatMap { self.problems(value, $0.name, $0.value, schema, at: place) }
    }

    private func problems(
        _ value: JSONValue,
        _ keyword: String,
        _ argument: JSONValue,
        _ schema: JSONValue,
        at place: String
    ) -> [String] {
        switch (keyword, argument) {
        case ("$ref", .string(let target)): return self.problems(value, self.reference(target), at: place)
        case ("type", .string(let type)): return Self.isType(value, type) ? [] : ["\(place): is not \(type)"]
        case ("type", .array(let types)):
            return types.contains { Self.isType(value, $0.string ?? "") } ? [] : ["\(place): has the wrong type"]
        case ("enum", .array(let values)): return values.contains(value) ? [] : ["\(place): is not in the list"]
        case ("const", _): return value == argument ? [] : ["\(place): is not the constant"]
        case ("oneOf", .array(let schemas)):
            let matches = schemas.filter { self.problems(value, $0, at: place).isEmpty }.count
            return matches == 1 ? [] : ["\(place): matches \(matches) alternatives"]
        case ("required", .array(let names)):
            return names.compactMap(\.string).filter { value[$0] == nil }.map { "\(place): lacks \($0)" }
        case ("properties", .object(let properties)):
            guard case .object(let members) = value else { return [] }
            return members.flatMap { member -> [String] in
                guard let property = properties.first(where: { $0.name == member.name }) else {
                    return ["\(place): has the unknown member \(member.name)"]
                }
                return self.problems(member.value, property.value, at: "\(place).\(member.name)")
            }
        case ("items", _):
            return value.elements.enumerated()
                .flatMap {
                    self.problems($0.element, argument, at: "\(place)[\($0.offset)]")
                }
        case ("pattern", .string(let pattern)):
            guard case .string(let text) = value else { return [] }
            guard let expression = try? Regex(pattern) else { return ["\(place): the pattern is broken"] }
            return text.firstMatch(of: expression) == nil ? ["\(place): does not match \(pattern)"] : []
        case ("minimum", .integer(let bound)):
            if case .integer(let number) = value { return number >= bound ? [] : ["\(place): is too small"] }
            return []
        case ("maximum", .integer(let bound)):
            if case .integer(let number) = value { return number <= bound ? [] : ["\(place): is too large"] }
            return []
        case ("minLength", .integer(let bound)):
            return (value.string?.unicodeScalars.count ?? bound) >= bound ? [] : ["\(place): is too short"]
        case ("maxLength", .integer(let bound)):
            return (value.string?.unicodeScalars.count ?? 0) <= bound ? [] : ["\(place): is too long"]
        case ("maxItems", .integer(let bound)): return value.elements.count <= bound ? [] : ["\(place): is too long"]
        case ("minItems", .integer(let bound)): return value.elements.count >= bound ? [] : ["\(place): is too short"]
        case ("additionalProperties", _), ("description", _), ("examples", _), ("default", _), ("format", _): return []
        default: return ["\(place): the keyword \(keyword) is not known to this check"]
        }
    }

    private static func isType(_ value: JSONValue, _ type: String) -> Bool {
        switch (value, type) {
        case (.null, "null"), (.bool, "boolean"), (.integer, "integer"), (.integer, "number"), (.fraction, "number"),
            (.string, "string"), (.array, "array"), (.object, "object"):
            true
        default: false
        }
    }
}
