import ArgumentParser
import DaypassCLI
import SessionModel
import Testing

@Suite struct APICommandTests {
    private func parse<Command: ParsableCommand>(_: Command.Type, _ arguments: [String]) throws -> Command {
        let command = try APICommand.parseAsRoot(arguments)
        return try #require(command as? Command)
    }

    @Test func aPublishableKeyNamesWhatWasGivenAndNothingElse() throws {
        let command = try self.parse(
            APIKeysCommand.Create.self,
            [
                "keys", "create", "--tenant", "acme", "--scope", "a:b", "--scope", "c", "--origin",
                "https://shop.example",
                "--name", "shop", "--expires", "90d",
            ]
        )
        let expected = """
            {"tenant":"acme","name":"shop","kind":"publishable","mode":"live","scopes":["a:b","c"],\
            "webOrigins":["https://shop.example"],"expiresIn":"90d"}
            """
        #expect(command.body.text == expected)
        // The server's reader takes it.
        #expect(try NewAPIKey(json: command.body.without("tenant")).lifetime == .seconds(90 * 86_400))
    }

    @Test func aSecretTestKeyIsAskedForByFlags() throws {
        let command = try self.parse(
            APIKeysCommand.Create.self,
            ["keys", "create", "--tenant", "acme", "--scope", "a", "--secret", "--test", "--plan", "gold"]
        )
        let request = try NewAPIKey(json: command.body.without("tenant"))
        #expect((request.kind, request.mode, request.plan.rawValue) == (.secret, .test, "gold"))
    }

    @Test func anUpdateChangesOnlyWhatIsNamed() throws {
        let command = try self.parse(
            APIKeysCommand.Update.self,
            ["keys", "update", "key_000000000001", "--origin", "https://a.example", "--channels", "both"]
        )
        #expect(command.body.text == #"{"webOrigins":["https://a.example"],"channels":"both"}"#)
        #expect(throws: (any Error).self) { try APICommand.parseAsRoot(["keys", "update", "key_000000000001"]) }
    }

    @Test func explainTakesItsSecretsFromWhereNobodySeesThem() throws {
        let arguments = ["explain", "--origin", "https://shop.example", "post", "/quotes"]
        let environment = ["DAYPASS_API_KEY": "from-environment", "DAYPASS_SESSION_TOKEN": ""]
        func body(_ more: [String]) throws -> JSONValue {
            try self.parse(APIExplainCommand.self, arguments + more)
                .body(environment: environment, secret: { "from-input" })
        }
        #expect(
            try body([]).text
                == #"{"method":"POST","path":"/quotes","origin":"https://shop.example","key":"from-environment"}"#
        )
        #expect(try body(["--key", "-"])["key"] == "from-input")
        #expect(try body(["--key", "given"])["key"] == "given")
        #expect(try body(["--session-token", "-"])["sessionToken"] == "from-input")
        #expect(try body(["--tenant", "acme", "--address", "203.0.113.9"])["tenant"] == "acme")
        #expect(throws: (any Error).self) { try body(["--key", "-", "--session-token", "-"]) }
    }

    @Test func anExplanationSaysTheDecisionTheCheckAndWhatIsLeft() throws {
        let answer = """
            {"decision":"refused","code":"RATE_LIMITED","message":"Too many.","decidedBy":"limits","tenant":"acme",\
            "keyId":"key_000000000001","channel":"browser","path":"/api/v1/quotes","route":"/quotes","steps":[\
            {"check":"session","outcome":"skipped","reason":"no session is needed"},\
            {"check":"limits","outcome":"failed","reason":"RATE_LIMITED: a limit is used up"},\
            {"check":"idempotency","outcome":"skipped","reason":"an earlier check decided"}],"limits":[\
            {"class":"reads","windowSeconds":60,"maximum":30,"per":"visitor","remaining":0,\
            "resetsAt":"2026-03-04T15:31:00.000Z"}]}
            """
        let lines = APIExplainCommand.lines(
            try JSONParser.parse(Array(answer.utf8)),
            method: "GET",
            now: Timestamp(millisecondsSinceEpoch: 1_772_638_200_000),
            Style(hasColour: false)
        )
        #expect(
            lines == [
                #"Refused by the check "limits": RATE_LIMITED."#, "Too many.", "",
                "Request       GET /api/v1/quotes, from a web page", "Tenant        acme",
                "Key           key_000000000001", "Route         /quotes", "",
                "CHECK    RESULT  WHY", "session  -       no session is needed",
                "limits   failed  RATE_LIMITED: a limit is used up", "Not asked any more: idempotency.", "",
                "LIMIT  PER      LEFT     WINDOW  BEGINS ANEW", "reads  visitor  0 of 30  1 min   in 1 min",
            ]
        )
    }

    @Test func anEmptyAnswerIsNoReasonToFail() {
        let now = Timestamp(millisecondsSinceEpoch: 0)
        #expect(!APIExplainCommand.lines(.null, method: "GET", now: now, Style(hasColour: false)).isEmpty)
    }

    @Test(arguments: [
        ["tenants", "show", "A"], ["tenants", "delete", "../keys"], ["tenants", "suspend", "acme", "--as", "active"],
        ["keys", "show", "key_1"], ["keys", "revoke", "key_000000000001/rotate"],
        ["keys", "create", "--tenant", "acme"],
        ["plans", "delete", "Gold"], ["routes", "list"], ["sessions", "revoke", "sess_1"], ["usage", "--by", "week"],
        ["usage", "--since", "yesterday"], ["refusals", "--code", "NOPE"], ["refusals", "--limit", "501"],
        ["audit", "--limit", "0"], ["explain", "GET"], ["apply"],
    ])
    func whatCannotBeMeantIsRefusedBeforeAnybodyIsAsked(arguments: [String]) {
        #expect {
            try APICommand.parseAsRoot(arguments)
        } throws: { error in
            let outcome = CommandLineRunner.outcome(of: error, root: APICommand.self)
            return outcome.code == ExitStatus.invalidArguments.rawValue && !outcome.isAnswer
        }
    }
}

extension JSONValue {
    fileprivate func without(_ name: String) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { $0.name != name })
    }
}
