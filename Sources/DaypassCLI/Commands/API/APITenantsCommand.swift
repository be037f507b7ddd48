package import ArgumentParser
package import SessionModel

/// `daypass api tenants`.
package struct APITenantsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tenants",
        abstract: "List, show, suspend and delete tenants; daypass api apply makes them.",
        discussion: """
            EXAMPLES
              daypass api tenants list
              daypass api tenants suspend acme
            """,
        subcommands: [List.self, Show.self, Delete.self, Suspend.self, Activate.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass api tenants list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List tenants.")

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let tenants = try await client.gateway(.get, "tenants")["tenants"] ?? []
                if self.server.json { return context.print(tenants.text) }
                var table = TextTable("TENANT", "STATUS", "ROUTES", "BASE PATH", "HOSTS", "UPSTREAM")
                for tenant in tenants.list {
                    let hosts = tenant.texts("hosts") + (tenant["default"] == true ? ["(default)"] : [])
                    table.add(
                        tenant.words("slug"),
                        tenant.words("status"),
                        String(tenant.list("routes").count),
                        tenant.words("basePath"),
                        hosts.prefix(1).joined() + (hosts.count > 1 ? " +\(hosts.count - 1)" : ""),
                        tenant.words("upstream")
                    )
                }
                context.print(table, isEmpty: tenants.list.isEmpty, "There are no tenants.")
            }
        }
    }

    /// `daypass api tenants show`.
    package struct Show: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Show a tenant with its routes.")

        @Argument(help: "The tenant's slug.", transform: GatewayArgument.tenant)
        package var tenant: Slug

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let tenant = try await client.gateway(.get, "tenants/\(self.tenant)")
                if self.server.json { return context.print(tenant.text) }
                context.print(facts: [
                    ("Tenant", tenant.words("slug")), ("Status", tenant.words("status")),
                    ("Hosts", tenant.texts("hosts").joined(separator: ", ")), ("Base path", tenant.words("basePath")),
                    ("Upstream", tenant.words("upstream")),
                    ("Modules", tenant.texts("modules").joined(separator: ", ")),
                    ("Sessions", "\(tenant.number("sessionMinutes")) min"),
                    ("Default", tenant["default"] == true ? "yes: also served on the edge's own host" : ""),
                ])
                context.print("")
                APIRoutesCommand.print(tenant.list("routes"), context)
            }
        }
    }

    /// `daypass api tenants delete`.
    package struct Delete: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Remove a tenant with its keys, at once.")

        @Argument(help: "The tenant's slug.", transform: GatewayArgument.tenant)
        package var tenant: Slug

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let answer = try await client.gateway(.delete, "tenants/\(self.tenant)")
                context.print(self.server.json ? answer.text : "Deleted \(self.tenant) and its keys.")
            }
        }
    }

    /// `daypass api tenants suspend`.
    package struct Suspend: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Refuse a tenant's requests from now on.",
            discussion: """
                EXAMPLES
                  daypass api tenants suspend acme
                  daypass api tenants suspend acme --as past_due
                """
        )

        @Argument(help: "The tenant's slug.", transform: GatewayArgument.tenant)
        package var tenant: Slug

        @Option(
            name: .customLong("as"),
            help: ArgumentHelp("Why, which decides about the refusal's code.", valueName: "status"),
            completion: .list(Self.statuses.map(\.rawValue)),
            transform: Self.status
        )
        package var status = TenantStatus.suspended

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        private static let statuses = TenantStatus.allCases.filter { $0 != .active }

        private static func status(_ text: String) throws -> TenantStatus {
            guard let status = Self.statuses.first(where: { $0.rawValue == text }) else {
                throw ValidationError("It takes \(Self.statuses.map(\.rawValue).joined(separator: ", ")).")
            }
            return status
        }

        package func run() async throws { try await setStatus(self.status, of: self.tenant, self.server) }
    }

    /// `daypass api tenants activate`.
    package struct Activate: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Serve a suspended tenant again.")

        @Argument(help: "The tenant's slug.", transform: GatewayArgument.tenant)
        package var tenant: Slug

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws { try await setStatus(.active, of: self.tenant, self.server) }
    }

    private static func setStatus(_ status: TenantStatus, of tenant: Slug, _ server: ServerOptions) async throws {
        try await AdminAccess.with(server) { client, context in
            let body: JSONValue = ["status": .string(status.rawValue)]
            let answer = try await client.gateway(.post, "tenants/\(tenant)/status", body: body)
            let words = TerminalText.safe(answer.words("status").replacing("_", with: " "))
            context.print(server.json ? answer.text : "\(tenant) is \(words).")
        }
    }
}

/// `daypass api routes`.
package struct APIRoutesCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "routes",
        abstract: "List a tenant's routes; daypass api apply changes them.",
        discussion: """
            EXAMPLE
              daypass api routes list acme
            """,
        subcommands: [List.self]
    )

    /// Filled by the parser.
    package init() {}

    /// `daypass api routes list`.
    package struct List: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List what may be called, and with what.")

        @Argument(help: "The tenant's slug.", transform: GatewayArgument.tenant)
        package var tenant: Slug

        @OptionGroup package var server: ServerOptions

        /// Filled by the parser.
        package init() {}

        package func run() async throws {
            try await AdminAccess.with(self.server) { client, context in
                let routes = try await client.gateway(.get, "routes/\(self.tenant)")["routes"] ?? []
                if self.server.json { return context.print(routes.text) }
                APIRoutesCommand.print(routes.list, context)
            }
        }
    }

    /// Writes routes as a table; what has its default is left out of the last column.
    static func print(_ routes: [JSONValue], _ context: CommandContext) {
        var table = TextTable("METHODS", "PATH", "SCOPE", "ALSO")
        for route in routes {
            let also = [
                ("module", route.words("module")), ("limits", route.words("limitClass")),
                ("session", route.words("session")), ("idempotency", route.words("idempotency")),
            ]
            table.add(
                route.texts("methods").joined(separator: " "),
                route.words("path"),
                route.words("scope"),
                also.filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            )
        }
        context.print(table, isEmpty: routes.isEmpty, "There are no routes: every request is refused.")
    }
}
