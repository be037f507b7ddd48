import ControlAPI
import SessionModel
import Testing

@Suite("The OpenAPI document")
struct OpenAPITests {
    private func document() throws -> JSONValue {
        let address = try #require(PublicAddress(url: "http://localhost:3002"))
        return OpenAPIDocument(configuration: ControlAPIConfiguration(publicAddress: address)).json
    }

    @Test("describes every route, and only routes")
    func routes() throws {
        guard case .object(let paths)? = try self.document()["paths"] else { throw DaypassError(.internalError) }
        let described = paths.flatMap { path in path.value.names.map { "\($0.uppercased()) \(path.name)" } }
        let routed = ControlOperation.allCases.map { "\($0.method.rawValue) \($0.path)" }
        #expect(described.sorted() == routed.sorted())
        // And what is described is reached.
        let table = RouteTable()
        for operation in ControlOperation.allCases {
            let path = operation.path.replacing(/\{([a-zA-Z]+)\}/) { "x-\($0.1)" }
            let names = operation.path.matches(of: /\{([a-zA-Z]+)\}/).map { String($0.1) }
            let values = try names.map { (try #require(PathParameters.Name(rawValue: $0)), "x-\($0)") }
            #expect(
                table.match(method: operation.method.rawValue, path: path)
                    == .operation(operation, PathParameters(Dictionary(uniqueKeysWithValues: values)))
            )
        }
    }

    @Test("has every schema and answer it refers to, and uses every one it has")
    func references() throws {
        let document = try self.document()
        var used: Set<String> = []
        func collect(_ value: JSONValue) {
            switch value {
            case .object(let members):
                for member in members {
                    if member.name == "$ref", let reference = member.value.string { used.insert(reference) }
                    collect(member.value)
                }
            case .array(let elements):
                for element in elements { collect(element) }
            default: break
            }
        }
        collect(document)
        var present: Set<String> = []
        for group in ["schemas", "responses"] {
            for name in document["components"]?[group]?.names ?? [] { present.insert("#/components/\(group)/\(name)") }
        }
        #expect(used == present)
    }

    @Test("allows no properties that are not described")
    func closedObjects() throws {
        func check(_ value: JSONValue, at place: String) {
            switch value {
            case .object(let members):
                if value["type"] == "object", value["properties"] != nil {
                    #expect(value["additionalProperties"] == false, "\(place)")
                }
                for member in members { check(member.value, at: "\(place).\(member.name)") }
            case .array(let elements):
                for element in elements { check(element, at: place) }
            default: break
            }
        }
        check(try self.document(), at: "$")
    }

    @Test("its examples match their schemas")
    func examples() throws {
        let document = try self.document()
        let contract = OpenAPIContract(document)
        guard case .object(let schemas)? = document["components"]?["schemas"] else {
            throw DaypassError(.internalError)
        }
        var count = 0
        for schema in schemas {
            for example in schema.value["examples"]?.elements ?? [] {
                #expect(contract.problems(example, schema.value, at: schema.name) == [])
                count += 1
            }
        }
        #expect(count >= 6)
    }

    @Test("accepts exactly the lifetimes that the server accepts", arguments: [1, 59, 90, 3600, 100_000, 604_800])
    func lifetimes(maximum: Int) throws {
        let address = try #require(PublicAddress(url: "http://localhost:3002"))
        let configuration = ControlAPIConfiguration(publicAddress: address, maximumLifetime: .seconds(maximum))
        let document = OpenAPIDocument(configuration: configuration).json
        let schema = try #require(document["components"]?["schemas"]?["NewSession"]?["properties"]?["expiresIn"])
        let expression = try Regex(try #require(schema["pattern"]?.string))
        for unit in SessionLifetime.units {
            let edge = maximum / unit.seconds
            for count in Set([0, 1, 2, 9, 10, 11, 99, 100, 101, edge - 1, edge, edge + 1, edge * 10]) where count >= 0 {
                let text = "\(count)\(unit.letter)"
                let accepts =
                    (try? NewSession(json: ["expiresIn": .string(text)], maximumLifetime: .seconds(maximum))) != nil
                #expect((text.firstMatch(of: expression) != nil) == accepts, "\(text) of \(maximum)s")
            }
        }
    }

    @Test("is served")
    func served() async throws {
        let api = try ControlHarness()
        let answer = try await api.call("GET", "/openapi.json", peer: "203.0.113.9")
        #expect(answer.status == 200)
        #expect(answer.body == OpenAPIDocument(configuration: api.configuration).json.text)
    }
}
