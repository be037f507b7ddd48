import Dispatch
import Foundation
import Synchronization

/// What can happen to a running tunnel from outside.
enum RunInput: Equatable, Sendable {
    /// A letter was pressed.
    case key(Character)
    /// The terminal has another size.
    case resized
    /// The process runs again after Ctrl-Z.
    case continued
}

/// Listens to signals and keys; a second Ctrl-C (or SIGTERM) ends the process at once.
///
/// One per process and for its whole life: each source keeps itself. Of unread keys the newest 64 are kept.
final class InputSources: Sendable {
    /// Keys and changes of the terminal; for one consumer.
    let inputs: AsyncStream<RunInput>
    /// Ctrl-C, SIGTERM, SIGHUP.
    let stop = StopRequest()
    private let continuation: AsyncStream<RunInput>.Continuation
    private let queue = DispatchQueue(label: "daypass.input")

    /// Starts to listen; keys only if `readingKeys`.
    init(readingKeys: Bool) {
        (self.inputs, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
        for number in [SIGINT, SIGTERM, SIGHUP] { self.listen(number) { $0.stop(number) } }
        if readingKeys {
            self.listen(SIGWINCH) { $0.continuation.yield(.resized) }
            self.listen(SIGTSTP) { $0.suspend() }
            self.listenForKeys()
        }
    }

    private func listen(_ number: Int32, _ handler: @escaping @Sendable (InputSources) -> Void) {
        // Dispatch sees a signal only if its default action is off.
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: self.queue)
        source.setEventHandler {
            // The cycle through `source` is what keeps it.
            if !source.isCancelled { handler(self) }
        }
        source.activate()
    }

    private func listenForKeys() {
        let parser = Mutex(KeyParser())
        let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: self.queue)
        source.setEventHandler {
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = buffer.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else {
                // End of input or a terminal that went away: no more keys, the tunnel stays.
                if count == 0 || errno != EINTR { source.cancel() }
                return
            }
            for key in parser.withLock({ $0.keys(in: buffer.prefix(count)) }) { self.continuation.yield(.key(key)) }
        }
        source.activate()
    }

    private func stop(_ number: Int32) {
        guard !self.stop.request(number) else { return }
        Terminal.shared.restore()
        _exit(128 + number)
    }

    /// Ctrl-Z: the terminal is given back while the process is stopped.
    private func suspend() {
        Terminal.shared.restore()
        kill(getpid(), SIGSTOP)
        // Runs on here after SIGCONT.
        self.continuation.yield(.continued)
    }
}
