import Foundation
import SessionModel

/// Shows a running tunnel: as a screen with keys, as plain lines, or as one line of JSON.
struct TunnelPresenter: Sendable {
    let tunnel: OpenTunnel
    let monitor: TunnelMonitor
    /// Calls with the owner's credential.
    let owner: ControlClient
    let inputs: InputSources
    let context: CommandContext
    let options: TunnelOptions

    private static let frameInterval = Duration.milliseconds(200)
    private static let lineInterval = Duration.milliseconds(50)
    private static let pollInterval = Duration.seconds(2)

    // MARK: Lines

    /// Prints what happens until cancelled.
    ///
    /// Throws `CommandFailure` when `--output` cannot be written.
    func runLines() async throws {
        var isAnnounced = false
        while !Task.isCancelled {
            if !isAnnounced, self.monitor.screen.isReady {
                isAnnounced = true
                try self.writeOutput()
                self.announce()
            }
            let lines = self.monitor.takeLines()
            for line in lines { self.context.note(line) }
            try? await Task.sleep(for: Self.lineInterval)
        }
    }

    /// Standard output gets what a program or a person would keep, standard error what happens.
    private func announce() {
        if self.options.server.json { return self.context.print(self.tunnel.connectedJSON) }
        let facts = self.monitor.screen.facts
        self.context.print("Tunnel ready.")
        self.context.print("Public URL  \(TerminalText.safe(facts.publicURL))")
        self.context.print("Shares      \(TerminalText.safe(facts.target))")
        if let credentials = facts.credentials {
            self.context.print("User        \(TerminalText.safe(credentials.username))")
            self.context.print("Password    \(TerminalText.safe(credentials.password))")
        }
        self.context.print("Ends        \(TerminalText.safe(self.tunnel.saved.expiresAt))")
        self.context.print("Owner URL   \(TerminalText.safe(facts.ownerURL))")
    }

    private func writeOutput() throws {
        guard let path = self.options.output else { return }
        try PrivateFile.write(Data((self.tunnel.connectedJSON + "\n").utf8), to: path)
    }

    // MARK: Screen

    /// Draws the screen and obeys keys until cancelled; the terminal is given back afterwards.
    func runScreen() async {
        Terminal.shared.takeOver()
        defer { Terminal.shared.restore() }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.drawFrames() }
            tasks.addTask { await self.pollSession() }
            tasks.addTask { await self.obeyKeys() }
        }
    }

    private func drawFrames() async {
        let code = QRCode(self.tunnel.saved.publicUrl)
        var isAnnounced = false
        while !Task.isCancelled {
            if !isAnnounced, self.monitor.screen.isReady {
                isAnnounced = true
                do {
                    try self.writeOutput()
                } catch {
                    let message = (error as? CommandFailure)?.message ?? "The output file cannot be written."
                    self.say(message, isProblem: true)
                }
            }
            self.draw(code)
            try? await Task.sleep(for: Self.frameInterval)
        }
    }

    private func draw(_ code: QRCode?) {
        let size = Terminal.shared.size
        let lines = self.monitor.screen.rendered(
            columns: size.columns,
            rows: size.rows,
            now: .wallClock(),
            style: self.context.style,
            code: code
        )
        Terminal.shared.draw(lines)
    }

    private func pollSession() async {
        guard let slug = Slug(self.tunnel.saved.slug) else { return }
        while !Task.isCancelled {
            if let answer = try? await self.owner.session(.slug(slug)) {
                self.monitor.update { screen, _ in screen.apply(answer) }
            }
            try? await Task.sleep(for: Self.pollInterval)
        }
    }

    private func obeyKeys() async {
        let code = QRCode(self.tunnel.saved.publicUrl)
        for await input in self.inputs.inputs {
            switch input {
            case .resized: self.draw(code)
            case .continued:
                Terminal.shared.takeOver()
                self.draw(code)
            case .key(let key):
                await self.obey(key)
                self.draw(code)
            }
        }
    }

    private func obey(_ key: Character) async {
        let environment = self.context.environment
        switch key {
        case "L": self.open(self.tunnel.saved.publicUrl, environment)
        case "O": self.open(self.tunnel.saved.ownerUrl, environment)
        case "C":
            let url = self.tunnel.saved.publicUrl
            Terminal.shared.send(Desktop.clipboardSequence(url))
            _ = Desktop.copy(url, environment: environment)
            self.say("Copied the public URL.")
        case "P": await self.change("pause", done: "Paused: viewers are turned away.")
        case "R": await self.change("resume", done: "Resumed.")
        case "Q":
            self.monitor.beginClosing()
            self.inputs.stop.request(SIGINT)
        default: break
        }
    }

    private func open(_ url: String, _ environment: [String: String]) {
        if Desktop.open(url, environment: environment) {
            self.say("Opened in the browser.")
        } else {
            self.say("There is no browser here. Open the URL above.", isProblem: true)
        }
    }

    private func change(_ verb: String, done: String) async {
        guard let slug = Slug(self.tunnel.saved.slug) else { return }
        do {
            _ = try await self.owner.change(slug, verb)
            let answer = try await self.owner.session(.slug(slug))
            self.monitor.update { screen, _ in screen.apply(answer) }
            self.say(done)
        } catch let failure as CommandFailure {
            self.say(failure.message.split(separator: "\n").first.map(String.init) ?? "", isProblem: true)
        } catch {
            self.say("The server could not be asked.", isProblem: true)
        }
    }

    private func say(_ text: String, isProblem: Bool = false) {
        self.monitor.update { screen, now in screen.say(text, isProblem: isProblem, now: now) }
    }

    // MARK: The end

    /// The last words, after the screen is gone.
    func sayGoodbye(isInteractive: Bool) {
        guard !self.options.server.json else { return }
        for line in self.monitor.takeLines() where !isInteractive { self.context.note(line) }
        let screen = self.monitor.screen
        self.context.note(
            "Tunnel closed after \(screen.requests) \(screen.requests == 1 ? "request" : "requests"), "
                + "\(HumanText.bytes(screen.bytesOut)) out, \(HumanText.bytes(screen.bytesIn)) in. "
                + "The link no longer works."
        )
    }
}
