import NIOCore
import Testing
import TunnelTransport

@Suite struct TunnelLoadMeterTests {
    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .milliseconds(milliseconds) }

    @Test func aSteadyFlowIsMeasured() {
        var meter = TunnelLoadMeter()
        for tick in 0..<100 {
            meter.count(100_000)
            _ = meter.bytesPerSecond(now: self.at(Int64(tick) * 10))
        }
        #expect(abs(meter.bytesPerSecond(now: self.at(990)) - 10_000_000) < 500_000)
    }

    @Test func whatIsOverIsForgotten() {
        var meter = TunnelLoadMeter()
        _ = meter.bytesPerSecond(now: self.at(0))
        meter.count(10_000_000)
        #expect(meter.bytesPerSecond(now: self.at(100)) > 10_000_000)
        #expect(meter.bytesPerSecond(now: self.at(400)) == 0)
    }

    @Test func askingOftenTeachesNothing() {
        var meter = TunnelLoadMeter()
        _ = meter.bytesPerSecond(now: self.at(0))
        meter.count(1_000_000)
        #expect(meter.bytesPerSecond(now: self.at(1)) == 0)
        #expect(meter.bytesPerSecond(now: self.at(20)) > 1_000_000)
    }
}
