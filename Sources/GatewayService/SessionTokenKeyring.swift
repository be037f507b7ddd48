package import AccessControl
import Foundation
import JWTKit
package import SessionModel
package import SessionStore
import Synchronization

/// The Ed25519 keys of session tokens: signs with the current one, verifies with any that is published.
///
/// A key is *next* (published, so that verifiers can fetch it), then *current*, then *retired*: it signs no more, and stays
/// as long as its last token can be used or renewed. Which one signs depends on the time alone, so nothing has to happen at
/// the moment of change. Shared and locked; signing and verifying happen outside the lock and never wait, so an event loop
/// may do both.
package final class SessionTokenKeyring: Sendable {
    private struct Entry {
        var record: SigningKeyRecord
        var publicKey: [UInt8]
        var algorithm: any JWTAlgorithm
    }

    /// How long a key stays after it signed its last token: the longest life of one, the time it can be renewed after, and
    /// how far clocks may be apart.
    package static let memory =
        Tenant.sessionLifetimes.upperBound + .seconds(SessionClaims.renewalGrace + SessionClaims.clockSkew)

    private let clock: WallClock
    /// Oldest first.
    private let entries = Mutex<[Entry]>([])

    /// An empty ring, which can neither sign nor verify.
    package init(clock: @escaping WallClock) { self.clock = clock }

    /// Replaces all keys by `records`.
    ///
    /// Throws `StoreFailure` when one is no Ed25519 key; then the ring stays as it was.
    package func load(_ records: [SigningKeyRecord]) async throws {
        let collection = JWTKeyCollection()
        var entries: [Entry] = []
        for record in records.sorted(by: { ($0.signsFrom, $0.id) < ($1.signsFrom, $1.id) }) {
            let key: EdDSA.PrivateKey
            do {
                let encoded = base64URL(record.privateKey.bytes)
                key = try EdDSA.PrivateKey(d: encoded, curve: .ed25519)
            } catch {
                throw StoreFailure("The signing key \(record.id) is not an Ed25519 key. Restore a backup.")
            }
            let id = JWKIdentifier(string: record.id)
            await collection.add(eddsa: key, kid: id)
            entries.append(
                Entry(
                    record: record,
                    publicKey: Array(key.publicKey.rawRepresentation),
                    // The collection answers with its default key for identifiers it does not know; this one it knows.
                    algorithm: try await collection.getKey(for: id)
                )
            )
        }
        self.entries.withLock { [entries] in $0 = entries }
    }

    /// Draws a key that begins to sign at `signsFrom`.
    package static func makeKey(id: String, now: Timestamp, signsFrom: Timestamp) throws -> SigningKeyRecord {
        let bytes = Array(try EdDSA.PrivateKey(curve: .ed25519).rawRepresentation)
        return SigningKeyRecord(id: id, privateKey: SecretBytes(bytes), createdAt: now, signsFrom: signsFrom)
    }

    /// The identifiers of the keys that verify.
    package var keyIDs: Set<String> { self.entries.withLock { Set($0.map(\.record.id)) } }

    /// The keys that verify, newest first.
    package var summaries: [SigningKeySummary] {
        let now = self.clock()
        return self.entries.withLock { $0.reversed().map { SigningKeySummary($0.record, now: now) } }
    }

    /// A token that says `claims`, signed with the current key.
    ///
    /// Throws `service_unavailable` when there is no key.
    package func sign(_ claims: SessionClaims) throws -> String {
        let now = self.clock()
        // When the clock was set back to before all of them, the oldest one is as good as any.
        let entry = self.entries.withLock { entries in entries.last { $0.record.signsFrom <= now } ?? entries.first }
        guard let entry else { throw DaypassError(.serviceUnavailable) }
        let input = UnverifiedToken.signingInput(keyID: entry.record.id, claims: claims)
        let signature = try entry.algorithm.sign(input)
        return String(decoding: input, as: UTF8.self) + "." + base64URL(signature)
    }

    /// Whether the token was signed with the key it names; no other key is tried.
    package func isGood(_ token: UnverifiedToken) -> Bool {
        let entry = self.entries.withLock { entries in entries.first { $0.record.id == token.keyID } }
        guard let entry else { return false }
        return (try? entry.algorithm.verify(token.signature, signs: token.signingInput)) ?? false
    }

    /// The public keys, newest first, as a JSON Web Key Set (RFC 7517, RFC 8037).
    package var jwks: JSONValue {
        let keys = self.entries.withLock { entries in
            entries.reversed()
                .map { entry in
                    JSONValue.object([
                        .init("kty", "OKP"), .init("crv", "Ed25519"), .init("x", .string(base64URL(entry.publicKey))),
                        .init("kid", .string(entry.record.id)), .init("alg", "EdDSA"), .init("use", "sig"),
                    ])
                }
        }
        return .object([.init("keys", .array(keys))])
    }

    /// Drops the keys whose last token has ended; true when there were any.
    package func dropEnded() -> Bool {
        let now = self.clock()
        return self.entries.withLock { entries in
            let before = entries.count
            entries.removeAll { $0.record.signsUntil.map { $0 + Self.memory < now } ?? false }
            return entries.count != before
        }
    }
}

extension SigningKeySummary {
    /// What the admin sees of a key at `now`.
    init(_ record: SigningKeyRecord, now: Timestamp) {
        self.init(
            id: record.id,
            state: record.state(now: now),
            createdAt: record.createdAt,
            signsFrom: record.signsFrom
        )
    }
}

/// Base64url without padding (RFC 7515, section 2).
private func base64URL(_ bytes: [UInt8]) -> String {
    let text = Data(bytes).base64EncodedString()
    return String(
        text.compactMap { character -> Character? in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": nil
            default: character
            }
        }
    )
}
