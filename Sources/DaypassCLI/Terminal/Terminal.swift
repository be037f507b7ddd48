import Dispatch
import Foundation
import Synchronization

/// The terminal this process was started on, taken over for the interactive screen and always given back.
///
/// One per process, because the terminal is: `Terminal.shared`. Safe from any thread. The screen is the alternate one, so
/// that what was on the terminal is there again afterwards.
package final class Terminal: Sendable {
    /// The process's terminal.
    package static let shared = Terminal()

    private struct State {
        var saved: termios?
        var isDrawing = false
    }

    private let state = Mutex(State())
    private let output = DispatchQueue(label: "daypass.terminal")

    private init() {
        // Covers every way out through exit(), also ArgumentParser's.
        atexit { Terminal.shared.restore() }
    }

    /// Whether both input and output are a terminal that can move its cursor.
    package static func isInteractive(environment: [String: String]) -> Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && environment["TERM"].map { $0 != "dumb" } ?? false
    }

    /// Columns and rows now; when the terminal does not say, `COLUMNS` and `LINES`, else 80 × 24.
    package var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            let environment = ProcessInfo.processInfo.environment
            func number(_ name: String, _ fallback: Int) -> Int {
                environment[name].flatMap(Int.init).flatMap { (1...1000).contains($0) ? $0 : nil } ?? fallback
            }
            return (number("COLUMNS", 80), number("LINES", 24))
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Takes the terminal: keys arrive one by one and unseen, the alternate screen is shown.
    ///
    /// Ctrl-C stays a signal.
    package func takeOver() {
        self.state.withLock { state in
            guard state.saved == nil else { return }
            var settings = termios()
            guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return }
            state.saved = settings
            settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
            Self.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l")
        }
    }

    /// Gives the terminal back as it was; nothing happens if it was not taken.
    package func restore() {
        self.state.withLock { state in
            guard var saved = state.saved else { return }
            state.saved = nil
            Self.write("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l")
            tcsetattr(STDIN_FILENO, TCSADRAIN, &saved)
        }
    }

    /// Shows a frame, unless the one before is still being written: a stopped terminal (Ctrl-S) holds up nothing.
    package func draw(_ lines: [String]) {
        let isFree = self.state.withLock { state in
            guard state.saved != nil, !state.isDrawing else { return false }
            state.isDrawing = true
            return true
        }
        guard isFree else { return }
        // Cleared before it is written: at the right edge the cursor stands on the last character.
        let clearLine = "\u{1B}[2K"
        let frame =
            "\u{1B}[?2026h\u{1B}[H" + lines.map { clearLine + $0 }.joined(separator: "\r\n")
            + "\u{1B}[J\u{1B}[?2026l"
        self.output.async {
            if self.state.withLock({ $0.saved != nil }) { Self.write(frame) }
            self.state.withLock { $0.isDrawing = false }
        }
    }

    /// Writes an escape sequence that is not part of a frame, such as one for the clipboard.
    package func send(_ sequence: String) {
        self.output.async { Self.write(sequence) }
    }

    private static func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
