//! daypass: the one executable: the commands of DaypassCLI and, for `serve`, the server of DaypassServer.

import ArgumentParser
import DaypassCLI
import Foundation

/// The `daypass` binary: every command, and nothing else.
@main
struct Daypass: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daypass",
        abstract: "Lend out an app on your machine for a while, under a policy, and take it back at once.",
        discussion: """
            A session gives an app on your machine a public link. You decide who may see what, change it while it runs, \
            see who is looking, and close it: the link stops working at once.

            EXAMPLES
              daypass serve                               run a server on this machine
              daypass http 3000                           share the app on port 3000
              daypass http 3000 --standalone              the same, without a server
              daypass http 3000 --password winter --max-viewers 5 --block /admin
              daypass list                                what is open
              daypass close quiet-lime-4217               take it back

            EXIT CODES
              0   success
              1   a failure none of the others fits
              10  invalid arguments
              11  local service unavailable
              12  control API unavailable
              13  authentication failed
              14  session expired
              15  policy refused
              16  rate limited

            FILES
              ~/.local/state/daypass          sessions opened from here, server data
              ~/.config/daypass/config.json   {"server": "https://…", "token": "…"}
              or below $XDG_STATE_HOME and $XDG_CONFIG_HOME where these are set.

            Shell completions: daypass --generate-completion-script bash|zsh|fish
            """,
        version: "daypass \(DaypassVersion.current)",
        subcommands: [
            ServeCommand.self, HTTPCommand.self, RunCommand.self, ListCommand.self, StatusCommand.self,
            OpenCommand.self,
            CloseCommand.self, PauseCommand.self, ResumeCommand.self, PolicyCommand.self, ViewersCommand.self,
            KickCommand.self, APICommand.self, WalletCommand.self, TokensCommand.self, AuditCommand.self,
            RotateKeyCommand.self, VersionCommand.self,
        ]
    )

    static func main() async {
        Allocator.keepFreedMemory()
        let code = await CommandEnvironment.$standaloneLauncher.withValue(InProcessServer()) {
            await CommandLineRunner.run(Self.self)
        }
        Foundation.exit(code)
    }
}
