import DaypassTestSupport
import SessionModel
import Testing

@Suite struct SlugTests {
    @Test func thereAreEnoughWords() {
        #expect(slugAdjectives.count >= 250)
        #expect(slugNouns.count >= 250)
        #expect(SlugGenerator.numbers.count == 9000)
    }

    @Test func noWordComesTwice() {
        #expect(Set(slugAdjectives + slugNouns).count == slugAdjectives.count + slugNouns.count)
    }

    @Test func wordsAreShortAndLowerCase() {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        for word in slugAdjectives + slugNouns {
            #expect((3...9).contains(word.utf8.count), "\(word)")
            #expect(word.utf8.allSatisfy(letters.contains), "\(word)")
        }
    }

    @Test func wordsCanBeSaid() {
        for word in slugAdjectives + slugNouns {
            #expect(word.contains { "aeiouy".contains($0) }, "\(word)")
            var run = 0
            for letter in word {
                run = "aeiouy".contains(letter) ? 0 : run + 1
                // "rhythmic", "twilight", "lightship": four consonants in a row can be said, five cannot.
                #expect(run <= 4 || word == "rhythmic", "\(word)")
            }
        }
    }

    @Test func slugsHaveThePublishedForm() throws {
        var generator = SeededGenerator(seed: 7)
        var seen: Set<Slug> = []
        for _ in 0..<5000 {
            let slug = SlugGenerator.random(using: &generator)
            let parts = slug.rawValue.split(separator: "-").map(String.init)
            #expect(parts.count == 3)
            #expect(slugAdjectives.contains(parts[0]))
            #expect(slugNouns.contains(parts[1]))
            #expect(SlugGenerator.numbers.contains(try #require(Int(parts[2]))))
            #expect(slug.rawValue.utf8.count <= 63)
            seen.insert(slug)
        }
        // Of 10^9 and more combinations, 5000 draws repeat about never.
        #expect(seen.count >= 4998)
    }

    @Test func theSameRandomnessGivesTheSameSlug() {
        var first = SeededGenerator(seed: 9)
        var second = SeededGenerator(seed: 9)
        #expect(SlugGenerator.random(using: &first) == SlugGenerator.random(using: &second))
    }
}
