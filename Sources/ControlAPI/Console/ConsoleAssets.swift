import SessionModel

/// The console's files, all of them part of the binary: one document for every page, a stylesheet, modules, an icon.
///
/// The pages load nothing from elsewhere and have no inline script or style, so that `contentSecurityPolicy` can forbid
/// both. What they show comes from the same calls everybody else makes.
enum ConsoleAssets {
    /// A file with the tag that tells its versions apart.
    struct File: Sendable {
        let contentType: String
        let body: String
        let etag: String

        init(_ contentType: String, _ body: String) {
            self.contentType = contentType
            self.body = body
            let digest = SecretDigest(of: body).bytes.prefix(12)
            self.etag = "\"" + digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\""
        }
    }

    /// The `Content-Security-Policy` of every file.
    static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    /// The file at a path under `/console`; every path that is no file's is a page, and all pages are one document.
    static func file(at path: String) -> File? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2)
        if parts.first == "assets" {
            return parts.count == 2 ? parts.last.flatMap { self.assets[String($0)] } : nil
        }
        return parts.isEmpty || self.pages.contains(String(parts.first ?? "")) && parts.count <= 2 ? self.document : nil
    }

    private static let pages: Set<String> = [
        "", "tenants", "keys", "usage", "refusals", "organizations", "wallet-sessions", "wallet-audit", "chains",
        "audit",
    ]

    private static let assets: [String: File] = {
        let modules = [
            "app.js": appModule, "api.js": apiModule, "dom.js": domModule, "forms.js": formsModule,
            "home.js": homeModule, "tenants.js": tenantsModule, "keys.js": keysModule,
            "key-forms.js": keyFormsModule, "usage.js": usageModule, "chart.js": chartModule,
            "events.js": eventsModule, "organizations.js": organizationsModule,
            "organization-forms.js": organizationFormsModule, "wallet-sessions.js": walletSessionsModule,
            "chains.js": chainsModule,
        ]
        var files = modules.mapValues { File("text/javascript; charset=utf-8", $0) }
        files["console.css"] = File("text/css; charset=utf-8", stylesheet)
        files["icon.svg"] = File("image/svg+xml", icon)
        return files
    }()

    private static let document = File(
        "text/html; charset=utf-8",
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex">
        <title>Daypass console</title>
        <link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/console/assets/console.css">
        <script type="module" src="/console/assets/app.js"></script>
        </head>
        <body>
        <noscript><p class="problem">The console needs JavaScript. Without it, use the command line: <code>daypass \
        api --help</code>.</p></noscript>
        <div id="app"></div>
        </body>
        </html>

        """
    )

    /// The ticket of every page of Daypass.
    private static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#6d67f5" d="M4 6h24a2 2 0 0 1 2 2v5a2.5 \
        2.5 0 0 0 0 6v5a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2v-5a2.5 2.5 0 0 0 0-6V8a2 2 0 0 1 2-2z"/><path stroke="#fff" \
        stroke-width="2" stroke-dasharray="3 2.5" d="M20 7v18"/></svg>

        """
}
