import SessionModel

extension EdgePages {
    /// The owner's room: the link, how the session is doing, who is looking, and the buttons that change it.
    ///
    /// Complete as it is sent; `room.js` then keeps it up to date from `/.wormkey/api/session?slug=…` and posts JSON
    /// to `/.wormkey/api/{pause,resume,kick,close}?slug=…` with the page's CSRF token.
    package static func room(_ model: RoomModel) -> String {
        let slug = escape(model.slug.rawValue)
        return document(
            title: "Room of \(model.slug)",
            head: """
                <meta name="daypass-slug" content="\(slug)">
                <meta name="daypass-csrf" content="\(escape(model.csrfToken))">
                <script src="/.wormkey/assets/room.js" defer></script>

                """,
            body: """
                <main class="room">
                <header>
                <p class="brand">Daypass</p>
                <h1>\(slug)</h1>
                <p id="status" class="status" data-status="\(model.status.rawValue)" role="status">\
                \(statusWords(model.status))</p>
                </header>
                <noscript><p class="problem">The buttons of this page need JavaScript. Without it, use the command \
                line: <code>daypass pause</code>, <code>resume</code>, <code>kick</code>, <code>close</code>.</p></noscript>
                <p id="problem" class="problem" role="alert" hidden></p>
                \(linkSection(model))
                \(controlSection(model))
                \(viewerSection(model))
                \(policySection(model))
                \(closeDialog)
                </main>
                """
        )
    }

    private static func linkSection(_ model: RoomModel) -> String {
        let url = escape(model.publicURL)
        return """
            <section aria-labelledby="link-title">
            <h2 id="link-title">Public link</h2>
            <div class="link">
            <a id="public-url" href="\(url)" target="_blank" rel="noopener">\(url)</a>
            <button id="copy" type="button" class="button" disabled>Copy</button>
            </div>
            <p id="expiry-line" class="quiet"\(model.status == .closed ? " hidden" : "")>\
            <span id="expiry-label">\(model.status == .expired ? "Ended" : "Ends")</span> <time id="expiry" \
            datetime="\(model.expiresAt.iso8601)">\(minuteText(model.expiresAt))</time> \
            <span id="countdown"></span></p>
            </section>
            """
    }

    private static func controlSection(_ model: RoomModel) -> String {
        let isOpen = model.status != .closed && model.status != .expired
        let isPaused = model.status == .paused
        return """
            <section id="controls" aria-labelledby="controls-title"\(isOpen ? "" : " hidden")>
            <h2 id="controls-title">Control</h2>
            <div class="buttons">
            <button id="pause" type="button" class="button" disabled\(isPaused ? " hidden" : "")>Pause</button>
            <button id="resume" type="button" class="button" disabled\(isPaused ? "" : " hidden")>Resume</button>
            <button id="close" type="button" class="button danger" disabled>Close for good…</button>
            </div>
            <p class="quiet">Pausing keeps the link and turns everybody away until you resume. Closing ends it for good.</p>
            </section>
            """
    }

    private static func viewerSection(_ model: RoomModel) -> String {
        let rows = model.viewers.map { viewer in
            """
            <tr><th scope="row">\(escape(viewer.label.isEmpty ? viewer.address : viewer.label)) \
            <span class="quiet">\(escape(viewer.userAgent))</span></th>\
            <td data-label="Last seen">\(minuteText(viewer.lastSeen))</td>\
            <td data-label="Requests">\(viewer.requests)</td><td data-label="Sent">\(viewer.bytes) B</td>\
            <td data-label="Open">\(viewer.openStreams)</td><td></td></tr>
            """
        }
        return """
            <section aria-labelledby="viewers-title">
            <h2 id="viewers-title">Viewers <span id="viewer-count" class="count">\(model.viewers.count)</span></h2>
            <p id="no-viewers" class="quiet"\(model.viewers.isEmpty ? "" : " hidden")>Nobody is looking right now.</p>
            <table id="viewers"\(model.viewers.isEmpty ? " hidden" : "")>
            <thead><tr><th scope="col">Viewer</th><th scope="col">Last seen</th><th scope="col">Requests</th>\
            <th scope="col">Sent</th><th scope="col">Open</th><th scope="col"><span class="unseen">Remove</span></th>\
            </tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            </section>
            """
    }

    private static func policySection(_ model: RoomModel) -> String {
        let blocked = model.blockPaths.map { "<code>\(escape($0))</code>" }.joined(separator: " ")
        return """
            <section aria-labelledby="policy-title">
            <h2 id="policy-title">Policy</h2>
            <dl>
            <dt>Who may enter</dt><dd id="fact-entry">\(entryWords(model))</dd>
            <dt>Viewers at once</dt><dd id="fact-limit">\(model.maxConcurrentViewers)</dd>
            <dt>Blocked paths</dt><dd id="fact-blocked">\(blocked.isEmpty ? "none" : blocked)</dd>
            <dt>Removed viewers</dt><dd id="fact-removed">\(model.removedViewers)</dd>
            <dt>Agent connections</dt><dd id="fact-tunnels">\(model.tunnelConnections)</dd>
            </dl>
            <p class="quiet">Change it with <code>daypass policy \(escape(model.slug.rawValue)) …</code></p>
            </section>
            """
    }

    private static let closeDialog = """
        <dialog id="close-dialog" aria-labelledby="close-title">
        <h2 id="close-title">Close this session for good?</h2>
        <p>Everybody is cut off at once and the link never works again.</p>
        <div class="buttons">
        <button id="close-cancel" type="button" class="button plain" autofocus>Keep it open</button>
        <button id="close-confirm" type="button" class="button danger">Close for good</button>
        </div>
        </dialog>
        """

    /// The same words as `statusWords` in `room.js`.
    private static func statusWords(_ status: SessionStatus) -> String {
        switch status {
        case .waiting: "Waiting for the agent"
        case .connected: "Connected"
        case .paused: "Paused"
        case .closed: "Closed"
        case .expired: "Expired"
        }
    }

    /// The same words as `entryWords` in `room.js`.
    private static func entryWords(_ model: RoomModel) -> String {
        if model.authMode == .basic { return "whoever has the link, the user name and the password" }
        switch (model.isPublic, model.hasPassword) {
        case (true, false): return "whoever has the link"
        case (_, true): return "whoever has the link and the password"
        case (false, false): return "nobody but you"
        }
    }

    /// `2026-03-04 15:30 UTC`; the page's script turns it into the reader's own time.
    private static func minuteText(_ time: Timestamp) -> String {
        let text = time.iso8601
        guard let middle = text.firstIndex(of: "T") else { return text }
        return "\(text[..<middle]) \(text[text.index(after: middle)...].prefix(5)) UTC"
    }
}
