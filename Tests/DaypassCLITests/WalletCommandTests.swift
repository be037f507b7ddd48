import ArgumentParser
import DaypassCLI
import Foundation
import SessionModel
import Testing

@Suite struct WalletCommandTests {
    private func parse<Command: ParsableCommand>(_: Command.Type, _ arguments: String...) throws -> Command {
        try #require(try WalletCommand.parseAsRoot(arguments) as? Command)
    }

    private static let organization = "org_a1b2c3d4e5f6"
    private static let address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

    @Test func bodiesAreWhatTheServersReadersTake() throws {
        let organization = try self.parse(
            WalletOrganizationsCommand.Create.self,
            "orgs",
            "create",
            "--name",
            "Treasury",
            "--allow-wildcard"
        )
        #expect(
            try NewOrganization(json: organization.body)
                == NewOrganization(name: "Treasury", allowsWildcardTargets: true)
        )
        let update = try self.parse(
            WalletOrganizationsCommand.Update.self,
            "orgs",
            "update",
            Self.organization,
            "--no-allow-delegatecall"
        )
        #expect(try OrganizationUpdate(json: update.body) == OrganizationUpdate(allowsDelegateCalls: false))
        let token = try self.parse(
            WalletTokensCommand.Create.self,
            "tokens",
            "create",
            "--org",
            Self.organization,
            "--scope",
            "read",
            "--scope",
            "execute",
            "--expires",
            "30d",
            "--label",
            "bot"
        )
        #expect(
            try NewOrganizationToken(json: token.body)
                == NewOrganizationToken(label: "bot", scopes: [.read, .execute], lifetime: .seconds(30 * 86_400))
        )
        let wallet = try self.parse(
            WalletWalletsCommand.Register.self,
            "wallets",
            "register",
            "--org",
            Self.organization,
            "--name",
            "Payroll",
            "--address",
            Self.address
        )
        #expect(
            try NewWallet(json: wallet.body)
                == NewWallet(name: "Payroll", kind: .kernel, address: WalletAddress(Self.address))
        )
        let opaque = try self.parse(
            WalletWalletsCommand.Register.self,
            "wallets",
            "register",
            "--org",
            Self.organization,
            "--name",
            "Vault",
            "--kind",
            "opaque"
        )
        #expect(try NewWallet(json: opaque.body) == NewWallet(name: "Vault", kind: .opaque, address: nil))
    }

    @Test func urlsOfChainsMayComeFromStandardInput() throws {
        let command = try self.parse(
            WalletChainsCommand.Set.self,
            "chains",
            "set",
            "84532",
            "--name",
            "Base Sepolia",
            "--node",
            "-",
            "--bundler",
            "https://bundler.example"
        )
        let body = try command.body { "https://node.example/key" }
        #expect(try WalletChain(id: command.chain, json: body).node?.secretText == "https://node.example/key")
        #expect(throws: (any Error).self) {
            try self.parse(WalletChainsCommand.Set.self, "chains", "set", "1", "--node", "-", "--bundler", "-")
        }
    }

    @Test(arguments: [
        ["orgs", "update", "org_a1b2c3d4e5f6"], ["orgs", "show", "ten_1"], ["tokens", "list"],
        ["tokens", "create", "--org", "org_a1b2c3d4e5f6", "--scope", "admin"],
        ["tokens", "create", "--org", "org_a1b2c3d4e5f6"], ["tokens", "revoke", "x", "--org", "org_a1b2c3d4e5f6"],
        ["wallets", "register", "--org", "org_a1b2c3d4e5f6", "--name", "x"],
        ["wallets", "register", "--org", "org_a1b2c3d4e5f6", "--name", "x", "--address", "0x1"],
        ["chains", "set", "0"], ["chains", "set", "01"], ["chains", "set", "x"],
        ["sessions", "show", "sess_1", "--org", "org_a1b2c3d4e5f6"], ["sessions", "revoke", "ws_a1b2c3d4e5f6"],
        ["audit", "list", "--limit", "0"], ["audit", "list", "--before", "0"], ["spends"], ["calls"], ["explain"],
    ])
    func whatCannotBeMeantIsRefused(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try WalletCommand.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(CommandLineRunner.outcome(of: error, root: WalletCommand.self).code == 10)
    }

    @Test(
        arguments: [
            (400, .invalidArguments), (401, .authenticationFailed), (403, .policyRefused),
            (404, .invalidArguments), (409, .invalidArguments), (413, .controlUnavailable), (429, .rateLimited),
            (500, .controlUnavailable), (503, .controlUnavailable),
        ] as [(Int, DaypassCLI.ExitStatus)]
    )
    func refusalsOfOrganizationsCallsHaveTheirExitCodes(status: Int, exit: DaypassCLI.ExitStatus) throws {
        let body = """
            {"code":\(status * 100),"message":"No.","details":[{"path":"installs[0]","message":"is bad"}],"requestId":"req_1"}
            """
        let failure = ControlClient.failure(
            status: status,
            body: Data(body.utf8),
            retryAfter: status == 429 ? 3 : nil,
            server: .local
        )
        #expect(failure.status == exit)
        #expect(failure.message.hasPrefix("No.\n  installs[0]: is bad"))
        #expect(failure.message.contains("Try again in 3 s.") == (status == 429))
    }
}
