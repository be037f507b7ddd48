import Testing
import TunnelProtocol

@Suite struct StreamTableTests {
    @Test(arguments: 0..<20)
    func behavesLikeADictionary(seed: Int) {
        var random = SeededGenerator(UInt64(seed))
        var table = StreamTable<Int>(filler: -1)
        var model: [UInt32: Int] = [:]
        var highest: UInt32 = 0
        for step in 0..<3_000 {
            if random.below(2) == 0, model.count < 300 {
                // Some seeds count up by one, some jump, some collide on purpose.
                highest += seed % 3 == 0 ? 1 : seed % 3 == 1 ? UInt32(1 + random.below(50)) : 1_024
                table.insert(highest, step)
                model[highest] = step
            } else if let key = model.keys.sorted().randomElement(using: &random) {
                #expect(table.remove(key) == model.removeValue(forKey: key))
            }
            #expect(table.count == model.count)
            let probe = UInt32(random.below(Int(highest) + 2))
            #expect(table.index(of: probe).map { table.values[$0] } == model[probe])
        }
        #expect(table.sortedKeys == model.keys.sorted())
        for (key, value) in model { #expect(table.index(of: key).map { table.values[$0] } == value) }
        #expect(table.index(of: 0) == nil && table.remove(0) == nil)
    }
}
