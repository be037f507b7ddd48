import ProxySemantics
import Testing

@Suite struct HTTP1ExchangeStateMachineTests {
    @Test func `a complete exchange leads to the next request`() {
        var machine = HTTP1ExchangeStateMachine()
        machine.requestHeadReceived(keepAlive: true)
        #expect(machine.isReceivingRequest && machine.awaitsResponse && !machine.isIdle)
        machine.requestEnded()
        let keepsAlive = machine.responseStarted(allowsKeepAlive: true)
        #expect(keepsAlive)
        #expect(!machine.awaitsResponse)
        #expect(machine.responseEnded() == .nextRequest)
        #expect(machine.isIdle)
    }

    @Test func `an answer before the request's end closes, after listening for a while`() {
        var machine = HTTP1ExchangeStateMachine()
        machine.requestHeadReceived(keepAlive: true)
        let keepsAlive = machine.responseStarted(allowsKeepAlive: true)
        #expect(!keepsAlive)
        #expect(machine.responseEnded() == .lingeringClose)
        #expect(!machine.isIdle)
    }

    @Test(arguments: [(false, true), (true, false), (false, false)])
    func `either side can ask for the connection to close`(_ viewer: Bool, response: Bool) {
        var machine = HTTP1ExchangeStateMachine()
        machine.requestHeadReceived(keepAlive: viewer)
        machine.requestEnded()
        let keepsAlive = machine.responseStarted(allowsKeepAlive: response)
        #expect(!keepsAlive)
        #expect(machine.responseEnded() == .close)
    }

    @Test func `a request that ends while the answer is sent does not bring keep-alive back`() {
        var machine = HTTP1ExchangeStateMachine()
        machine.requestHeadReceived(keepAlive: true)
        let keepsAlive = machine.responseStarted(allowsKeepAlive: true)
        #expect(!keepsAlive)
        machine.requestEnded()
        #expect(machine.responseEnded() == .close)
    }

    @Test(arguments: [true, false])
    func `a duplex stream closes when both sides have ended`(_ inputFirst: Bool) {
        var machine = HTTP1ExchangeStateMachine()
        machine.requestHeadReceived(keepAlive: true)
        machine.requestEnded()
        machine.webSocketAccepted()
        #expect(machine.isDuplex)
        #expect((inputFirst ? machine.duplexInputEnded() : machine.duplexOutputEnded()) == .wait)
        #expect(machine.isDuplex)
        #expect((inputFirst ? machine.duplexOutputEnded() : machine.duplexInputEnded()) == .close)
        #expect(!machine.isDuplex)
    }

    @Test func `after the connection is gone nothing happens`() {
        var machine = HTTP1ExchangeStateMachine()
        machine.requestHeadReceived(keepAlive: true)
        machine.closed()
        let keepsAlive = machine.responseStarted(allowsKeepAlive: true)
        #expect(!keepsAlive)
        #expect(machine.responseEnded() == .wait)
        #expect(!machine.isIdle && !machine.isDuplex && !machine.awaitsResponse)
    }

    @Test func `a second request during an exchange is a mistake of the caller`() async {
        await #expect(processExitsWith: .failure) {
            var machine = HTTP1ExchangeStateMachine()
            machine.requestHeadReceived(keepAlive: true)
            machine.requestHeadReceived(keepAlive: true)
        }
    }
}
