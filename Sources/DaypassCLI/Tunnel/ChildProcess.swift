import Dispatch
import Foundation
import Synchronization

/// The command `daypass run` starts: in a process group of its own, so that signals reach all it starts in turn.
///
/// Its input is empty, because a background group that reads the terminal is stopped by it; its output goes where ours
/// goes. Safe from any thread.
final class ChildProcess: Sendable {
    private let pid: pid_t
    private let exit = Mutex(Exit())

    private struct Exit {
        var code: Int32?
        var waiters: [@Sendable (Int32) -> Void] = []
    }

    /// Starts a command, found on the PATH.
    ///
    /// With `outputToError` its standard output goes to standard error, so that ours holds nothing but JSON. Throws
    /// `CommandFailure` when it cannot be started.
    init(_ command: [String], outputToError: Bool, environment: [String: String]) throws {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // We ignore some signals to see them through Dispatch; the command starts with none ignored or blocked.
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if outputToError { posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) }

        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid = pid_t()
        let result = posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &variables)
        guard result == 0 else {
            throw CommandFailure(
                .localServiceUnavailable,
                "Cannot start \(TerminalText.safe(command[0])): \(String(cString: strerror(result)))."
            )
        }
        self.pid = pid
        DispatchQueue(label: "daypass.child").async { [self] in self.waitForExit() }
    }

    /// Its exit code once it has ended; 128 and the signal's number if a signal ended it.
    var exitCode: Int32 {
        get async {
            await withCheckedContinuation { continuation in
                self.onExit { continuation.resume(returning: $0) }
            }
        }
    }

    /// The same, for a task that may lose interest: throws `CancellationError` when it is cancelled.
    func exitCodeUnlessCancelled() async throws -> Int32 {
        let (codes, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        self.onExit { continuation.yield($0) }
        guard let code = await codes.first(where: { _ in true }) else { throw CancellationError() }
        return code
    }

    private func onExit(_ action: @escaping @Sendable (Int32) -> Void) {
        let code = self.exit.withLock { exit in
            if exit.code == nil { exit.waiters.append(action) }
            return exit.code
        }
        if let code { action(code) }
    }

    /// Sends a signal to the whole group, unless the command has ended.
    func signal(_ number: Int32) {
        self.exit.withLock { exit in
            if exit.code == nil { kill(-self.pid, number) }
        }
    }

    /// Ends it: the signal, after `grace` SIGTERM, after another `grace` SIGKILL; returns its exit code.
    func end(with number: Int32, grace: Duration) async -> Int32 {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for next in [number, SIGTERM, SIGKILL] {
                    self.signal(next)
                    guard (try? await Task.sleep(for: grace)) != nil else { return }
                }
            }
            let code = await self.exitCode
            tasks.cancelAll()
            return code
        }
    }

    private func waitForExit() {
        // Waits without reaping, so that the process's number cannot belong to another one while `signal` uses it.
        var info = siginfo_t()
        while waitid(P_PID, id_t(self.pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
        let (code, waiters) = self.exit.withLock { exit in
            var status: Int32 = 0
            while waitpid(self.pid, &status, 0) < 0 && errno == EINTR {}
            let signal = status & 0x7F
            let code = signal == 0 ? (status >> 8) & 0xFF : 128 + signal
            exit.code = code
            defer { exit.waiters = [] }
            return (code, exit.waiters)
        }
        for waiter in waiters { waiter(code) }
    }
}
