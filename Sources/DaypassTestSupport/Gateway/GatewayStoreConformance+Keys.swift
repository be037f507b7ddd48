import SessionModel
import SessionStore

extension GatewayStoreConformance {
    func keepsKeys() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        try await self.put(tenant)
        let plain = samples.key(of: tenant.slug)
        var full = samples.key(of: tenant.slug)
        full.name = "naïve 'name' \u{1}\u{1F511} with \"quotes\""
        full.kind = .secret
        full.mode = .test
        full.channels = .server
        full.scopes = []
        full.webOrigins = []
        full.createdAt = Timestamp(millisecondsSinceEpoch: -1)
        full.expiresAt = samples.now + .milliseconds(1)
        full.revokedAt = samples.now + .milliseconds(2)
        full.retired = .init(
            digest: SecretDigest(of: "old"),
            lastFour: "a1B2",
            worksUntil: samples.now + .milliseconds(3)
        )
        full.sessionsNotBefore = samples.now + .milliseconds(4)
        full.lastUsedAt = samples.now + .milliseconds(5)
        try await self.put([plain, full])
        try self.expect(try await self.store.key(plain.id), plain, "a plain key")
        try self.expect(try await self.store.key(full.id), full, "a key with everything")
        full.retired = nil
        full.revokedAt = nil
        full.name = "new"
        full.digest = SecretDigest(of: "new")
        try await self.put([full])
        try self.expect(try await self.store.key(full.id), full, "a changed key")
        let smallest = APIKeyID("key_000000000000")
        let largest = APIKeyID("key_zzzzzzzzzzzz")
        for id in [smallest, largest].compactMap(\.self) {
            try self.expect(try await self.store.key(id), nil, "no such key")
            var key = samples.key(of: tenant.slug)
            key.id = id
            try await self.put([key])
            try self.expect(try await self.store.key(id), key, "a key at the end of the range")
        }
    }

    func refusesKeysThatReferToNothing() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        let orphan = samples.key(of: tenant.slug)
        try await self.expect(.notFound, "an unknown tenant") { try await self.put([orphan]) }
        try await self.put(tenant)
        let planless = samples.key(of: tenant.slug, plan: SampleGateway.name("basic"))
        try await self.expect(.validationError, "an unknown plan") { try await self.put([planless]) }
        try self.expect(try await self.store.allKeys(after: nil, limit: 9), [], "keys")
        try await self.put([orphan])
    }

    func refusesTakenDigests() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        try await self.put(tenant)
        var first = samples.key(of: tenant.slug)
        first.retired = .init(digest: SecretDigest(of: "old"), lastFour: "last", worksUntil: samples.now)
        try await self.put([first])
        var same = samples.key(of: tenant.slug)
        let own = same.digest
        same.digest = first.digest
        try await self.expect(.conflict, "the digest of another") { [same] in try await self.put([same]) }
        same.digest = own
        same.retired = first.retired
        try await self.expect(.conflict, "the old digest of another") { [same] in try await self.put([same]) }
        try self.expect(try await self.store.change { try $0.keyCount() }, 1, "count of keys")
    }

    func countsKeys() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        try await self.put(tenant)
        let keys = (0..<5).map { _ in samples.key(of: tenant.slug) }
        for _ in 0..<2 { try await self.put(keys) }
        try self.expect(try await self.store.change { try $0.keyCount() }, 5, "count of keys")
    }

    func pagesKeysNewestFirst() async throws {
        var samples = SampleGateway()
        let tenants = [samples.tenant("acme"), samples.tenant("bolt")]
        try await self.put(tenants[0], tenants[1])
        var keys: [APIKeyRecord] = []
        for index in 0..<23 {
            // Three at a time are made in the same millisecond.
            samples.now = SampleGateway().now + .milliseconds(index / 3)
            keys.append(samples.key(of: tenants[index % 2].slug))
        }
        try await self.put(keys)
        keys.sort { ($0.createdAt, $0.id.text) > ($1.createdAt, $1.id.text) }
        for slug in [nil, tenants[0].slug, tenants[1].slug] {
            let expected = keys.filter { slug == nil || $0.tenant == slug }
            for pageSize in [1, 2, 7, expected.count, expected.count + 1] {
                var seen: [APIKeyRecord] = []
                while true {
                    let page = try await self.store.keys(of: slug, after: seen.last?.id, limit: pageSize)
                    seen += page
                    if page.count < pageSize { break }
                }
                try self.expect(seen, expected, "pages of \(pageSize)")
            }
        }
        let stranger = samples.key(of: tenants[0].slug)
        try await self.expect(.notFound, "a page after an unknown key") {
            _ = try await self.store.keys(of: nil, after: stranger.id, limit: 4)
        }
        try self.expect(try await self.store.keys(of: nil, after: nil, limit: -1).count, 1, "the smallest page")
    }

    func readsAllKeysInPages() async throws {
        var samples = SampleGateway()
        let tenant = samples.tenant("acme")
        try await self.put(tenant)
        let keys = (0..<250).map { _ in samples.key(of: tenant.slug) }
        try await self.put(keys)
        for limit in [1, 100, 250, 251] {
            var seen: [APIKeyRecord] = []
            while true {
                let page = try await self.store.allKeys(after: seen.last?.id, limit: limit)
                if page.isEmpty { break }
                try self.expect(page.count <= limit, true, "the length of a page")
                seen += page
            }
            try self.expect(seen, keys.sorted { $0.id.number < $1.id.number }, "all keys")
        }
    }

    func keepsSigningKeys() async throws {
        var samples = SampleGateway()
        var first = samples.signingKey()
        samples.now = samples.now + .seconds(1)
        let second = samples.signingKey()
        try await self.store.change { [first] transaction in
            try transaction.put(second)
            try transaction.put(first)
        }
        try self.expect(try await self.store.signingKeys(), [first, second], "all, oldest first")
        first.signsUntil = samples.now
        try await self.store.change { [first] in try $0.put(first) }
        try self.expect(try await self.store.signingKeys(), [first, second], "after a change")
        try self.expect(try await self.store.change { try $0.signingKeys() }, [first, second], "inside a change")
    }

    func keepsRevocations() async throws {
        var samples = SampleGateway()
        let now = samples.now
        let first = RevokedSession(id: samples.session(), until: now + .seconds(1))
        var second = RevokedSession(id: samples.session(), until: now)
        try await self.store.change { [second] transaction in
            try transaction.put(first)
            try transaction.put(second)
        }
        try self.expect(try await self.store.revokedSessions(now: now), [first], "those whose time is not over")
        try self.expect(try await self.store.change { try $0.revocation(of: first.id) }, first.until, "one")
        let stranger = samples.session()
        try self.expect(try await self.store.change { try $0.revocation(of: stranger) }, nil, "none")
        second.until = now + .seconds(9)
        try await self.store.change { [second] in try $0.put(second) }
        try self.expect(try await self.store.change { try $0.revocationCount(now: now) }, 2, "count")
        try self.expect(
            try await self.store.revokedSessions(now: now),
            [first, second].sorted { $0.id.number < $1.id.number },
            "after a change"
        )
    }
}
