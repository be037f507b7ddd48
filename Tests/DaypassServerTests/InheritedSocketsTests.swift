import DaypassServer
import Testing

/// Sockets handed over by a service manager (sd_listen_fds(3)).
@Suite struct InheritedSocketsTests {
    private func sockets(_ variables: [String: String]) -> InheritedSockets {
        InheritedSockets(environment: { variables[$0] }, processID: 42)
    }

    @Test func theOnlySocketServesWhateverItIsCalled() {
        #expect(self.sockets(["LISTEN_PID": "42", "LISTEN_FDS": "1"]).socket(named: "edge") == 3)
        #expect(
            self.sockets(["LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "daypass.socket"])
                .socket(named: "edge")
                == 3
        )
    }

    @Test func ofSeveralTheNamedOneServes() {
        let sockets = self.sockets(["LISTEN_PID": "42", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "control:edge"])
        #expect(sockets.names == ["control", "edge", ""])
        #expect(sockets.socket(named: "edge") == 4)
        #expect(sockets.socket(named: "other") == nil)
    }

    @Test(arguments: [
        [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "41", "LISTEN_FDS": "1"], ["LISTEN_PID": "42", "LISTEN_FDS": "0"],
        ["LISTEN_PID": "42", "LISTEN_FDS": "-1"], ["LISTEN_PID": "42", "LISTEN_FDS": "999999999"],
        ["LISTEN_PID": "42", "LISTEN_FDS": "x"], ["LISTEN_PID": "42"],
    ])
    func anythingElseIsNone(variables: [String: String]) {
        #expect(self.sockets(variables).socket(named: "edge") == nil)
    }
}
