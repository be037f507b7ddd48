import ArgumentParser
import DaypassCLI
import DaypassServer
import Foundation
import SessionModel

/// `daypass rotate-key`: another server key, with the server stopped.
struct RotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Replace the key of a server that is stopped.",
        discussion: """
            Draws a new server.key and encrypts anew, in one transaction, what the old one encrypted: the data keys of wallet \
            sessions' delegations and of session keys, URLs of chains, passwords, keys that sign session tokens. Everything \
            goes on working but the cookies of viewers and owners, who sign in again. If it is cut short, the next start \
            completes it or forgets it.

            Back up the new server.key afterwards: backups of the database made from now on need it, older ones the old one.

            EXAMPLES
              daypass rotate-key --data /var/lib/daypass
            """
    )

    @Option(
        help: ArgumentHelp("The server's data folder. Default: as for daypass serve.", valueName: "folder")
    )
    var data: String?

    func run() async throws {
        let state = try StateDirectory(environment: ProcessInfo.processInfo.environment)
        let path = self.data ?? state.serverData
        // Nothing is made here: a folder that is misspelt must not become a server's.
        guard FileManager.default.fileExists(atPath: "\(path)/server.key") else {
            throw DaypassError(.validationError, "\(path) is not the data folder of a server: it has no server.key.")
        }
        print(try ServerKey.rotate(dataPath: path))
    }
}
