package import SessionModel

extension EdgePages {
    /// The form that asks a viewer for the session's password.
    ///
    /// It posts `password` and `return` (the path the viewer wanted) as a URL-encoded body to
    /// `/.wormkey/unlock?slug=…`; a nameless field with the slug lets password managers tell sessions apart. The
    /// password never stands in a URL. Check the returned path with `safeReturnPath`.
    ///
    /// - Parameters:
    ///   - slug: The session asked for.
    ///   - returnPath: Path and query the viewer wanted, as the browser knows them (`/s/{slug}` included).
    ///   - failed: Whether this answers a wrong password.
    ///   - requestID: Shown for asking the server's operator.
    /// - Returns: The complete HTML document.
    package static func passwordForm(slug: Slug, returnPath: String, failed: Bool, requestID: String) -> String {
        let problem =
            failed
            ? "<p id=\"problem\" class=\"problem\" role=\"alert\">That is not the password. Try again.</p>\n" : ""
        let described = failed ? " aria-invalid=\"true\" aria-describedby=\"problem\"" : ""
        return document(
            title: "Password needed",
            body: """
                <main class="notice">
                <p class="code"><code>\(escape(slug.rawValue))</code></p>
                <h1>Password needed</h1>
                <p class="lead">The owner of this link has set a password. Ask whoever sent you the link for it.</p>
                <form method="post" action="/.wormkey/unlock?slug=\(escape(slug.rawValue))">
                <input type="hidden" name="return" value="\(escape(returnPath))">
                <input type="text" value="\(escape(slug.rawValue))" autocomplete="username" hidden>
                <label for="password">Password</label>
                <input id="password" name="password" type="password" autocomplete="current-password" required
                maxlength="256" autofocus autocapitalize="none" spellcheck="false"\(described)>
                \(problem)<button class="button" type="submit">Open</button>
                </form>
                \(footer(requestID: requestID))
                </main>
                """
        )
    }
}
