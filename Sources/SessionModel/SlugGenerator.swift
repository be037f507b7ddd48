/// Draws slugs of the published form `adjective-noun-number` (spec: tunnel sessions, 1, "Formats").
package enum SlugGenerator {
    /// The numbers that end a slug.
    package static let numbers = 1000...9999

    /// Draws a slug, every combination equally likely.
    ///
    /// The caller checks that it is free and draws again if not.
    package static func random(using generator: inout some RandomNumberGenerator) -> Slug {
        let adjective = slugAdjectives[Int.random(in: slugAdjectives.indices, using: &generator)]
        let noun = slugNouns[Int.random(in: slugNouns.indices, using: &generator)]
        let number = Int.random(in: Self.numbers, using: &generator)
        guard let slug = Slug("\(adjective)-\(noun)-\(number)") else {
            preconditionFailure("the word lists hold only DNS labels of 3 to 9 letters")
        }
        return slug
    }
}
