import DaypassCLI
import Foundation
import SessionModel
import Testing

@Suite struct DeclarationFileTests {
    private func parse(_ text: String) throws -> JSONValue {
        try DeclarationFile.parse(Data(text.utf8), name: "tenants.yaml")
    }

    private func problem(_ text: String) -> String? {
        do {
            _ = try self.parse(text)
            return nil
        } catch let failure as CommandFailure {
            return failure.status == .invalidArguments ? failure.message : nil
        } catch {
            return nil
        }
    }

    @Test func yamlIsReadByItsCoreSchema() throws {
        let value = try self.parse(
            """
            # Two tenants.
            tenants:
              - slug: acme
                hosts: [api.acme.example, "b.example"]
                upstream: http://127.0.0.1:4000
                sessionMinutes: 15
                default: true
                routes:
                  - {methods: [GET], path: "/files/**", scope: 'files:read'}
                  - methods:
                      - POST
                    path: /quotes/{id}
                    scope: quotes:write
            plans: []
            words: [yes, on, 0x10, 1e3, 007, -5, ~, null, '5', "true", 1.5, 2026-01-01, <<]
            """
        )
        let routes: JSONValue = [
            ["methods": ["GET"], "path": "/files/**", "scope": "files:read"],
            ["methods": ["POST"], "path": "/quotes/{id}", "scope": "quotes:write"],
        ]
        #expect(
            value == [
                "tenants": [
                    [
                        "slug": "acme", "hosts": ["api.acme.example", "b.example"],
                        "upstream": "http://127.0.0.1:4000", "sessionMinutes": 15, "default": true, "routes": routes,
                    ]
                ],
                "plans": [],
                "words": [
                    "yes", "on", "0x10", "1e3", "007", -5, .null, .null, "5", "true", "1.5", "2026-01-01", "<<",
                ],
            ]
        )
    }

    @Test func jsonIsReadAsWhatItIs() throws {
        let text = #"{"plans":[{"name":"a & b","limits":[]}]}"#
        #expect(try self.parse(text).text == text)
        // What is not quite JSON may still be YAML.
        #expect(try self.parse("{plans: [], }") == ["plans": []])
    }

    @Test(arguments: [
        "a: &x [1]\nb: *x", "a: [&x 1, *x]", "a: {b: &x 1}", "? &x a\n: 1", "- &x a", "&x a: 1", "a:\n  &x b: 1",
        "a:\t&x 1", "{\"a\":&x 1}", "# &x\na: 1", "a: '# ' \nb: &x 1", "a: \u{85}&x 1",
    ])
    func anchorsAreRefusedBeforeAnythingIsExpanded(text: String) throws {
        #expect(try #require(self.problem(text)).contains("anchors and aliases"), "\(text)")
    }

    /// Expanded, it would hold 9 to the power of 39 words.
    @Test(.timeLimit(.minutes(5))) func aBombCostsNothing() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<40 {
            text +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }
        text += "? *a39\n: 1\n"
        #expect(self.problem(text) != nil)
    }

    @Test(arguments: [
        ("", "has nothing in it"), ("# only a comment", "has nothing in it"), ("- a", "top level"),
        ("word", "top level"),
        ("[]", "top level"), ("a: [", "line 2"), ("a: 1\na: 2", "stands there twice"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: *x", "line 1"), ("dryRun: true", "--dry-run"), ("[a]: 1", "a name must be a word"),
        ("a:\n\t- b", "line 2"),
    ])
    func whatCannotBeReadSaysWhy(text: String, reason: String) throws {
        let problem = try #require(self.problem(text), "\(text)")
        #expect(problem.contains(reason), "\(problem)")
        #expect(problem.hasPrefix("tenants.yaml"))
    }

    @Test func depthIsBounded() throws {
        func nested(_ depth: Int) -> String {
            "a: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(self.problem(nested(15)) == nil)
        #expect(try #require(self.problem(nested(16))).contains("nested too deeply"))
        #expect(self.problem(nested(100_000)) != nil)
        #expect(self.problem("a:\n" + String(repeating: "- ", count: 100_000)) != nil)
    }

    @Test func otherEncodingsAreRefused() {
        #expect(throws: CommandFailure.self) {
            try DeclarationFile.parse(Data([0x61, 0x3A, 0x20, 0xFF]), name: "x")
        }
    }
}
