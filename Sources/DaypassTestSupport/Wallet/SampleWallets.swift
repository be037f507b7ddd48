package import SessionModel

/// Organizations, wallets, keys and sessions for tests, each different from the others and the same at every run.
package struct SampleWallets {
    private var generator: SeededGenerator
    private var number = 0
    /// When the next record is made.
    package var now: Timestamp
    /// Who makes them.
    package let actor = Actor(name: "admin", address: "127.0.0.1")

    /// Samples that depend only on `seed`.
    package init(seed: UInt64 = 1, now: Timestamp = SampleSessions().now) {
        self.generator = SeededGenerator(seed: seed)
        self.now = now
    }

    /// An organization.
    package mutating func organization(_ name: String = "Acme") -> Organization {
        Organization(id: .random(using: &self.generator), name: name, allowsWildcardTargets: true, createdAt: self.now)
    }

    /// A token of an organization.
    package mutating func token(
        of organization: OrganizationID,
        scopes: Set<OrganizationScope> = [.read, .execute]
    ) -> OrganizationTokenRecord {
        OrganizationTokenRecord(
            id: .random(using: &self.generator),
            organization: organization,
            label: "token \(self.next())",
            digest: SecretDigest(of: OrganizationTokenRecord.randomSecret(using: &self.generator)),
            scopes: scopes,
            createdAt: self.now
        )
    }

    /// A chain with both URLs.
    package func chain(_ id: Int) -> WalletChain {
        WalletChain(
            id: id,
            name: "Chain \(id)",
            node: ChainURL("https://node.example/v3/s3cret-\(id)"),
            bundler: ChainURL("http://127.0.0.1:4337")
        )
    }

    /// A wallet of an organization.
    package mutating func wallet(of organization: OrganizationID, kind: WalletKind = .kernel) -> WalletRecord {
        WalletRecord(
            id: .random(using: &self.generator),
            organization: organization,
            name: "wallet \(self.next())",
            kind: kind,
            address: kind == .kernel ? self.address() : nil,
            kernelVersion: kind == .kernel ? "0.3.3" : nil,
            createdAt: self.now
        )
    }

    /// An address with letters of both cases.
    package mutating func address() -> WalletAddress {
        let digits = Array("0123456789abcdefABCDEF")
        let text = (0..<40).map { _ in digits[Int.random(in: 0..<22, using: &self.generator)] }
        guard let address = WalletAddress("0x" + String(text)) else { preconditionFailure("40 digits are an address") }
        return address
    }

    /// A session key of an organization.
    package mutating func sessionKey(of organization: OrganizationID) -> SessionKeyRecord {
        SessionKeyRecord(
            id: .random(using: &self.generator),
            organization: organization,
            address: self.address(),
            createdAt: self.now
        )
    }

    /// A session of a wallet that ends after `lifetime`.
    package mutating func session(
        of wallet: WalletRecord,
        key: SessionKeyRecord? = nil,
        lifetime: Duration = .seconds(3600)
    ) -> WalletSessionRecord {
        WalletSessionRecord(
            id: .random(using: &self.generator),
            group: .random(using: &self.generator),
            organization: wallet.organization,
            wallet: wallet.id,
            kind: wallet.kind,
            workflow: self.next().isMultiple(of: 2) ? "payroll" : nil,
            sessionAddress: key?.address ?? self.address(),
            sessionKey: key?.id,
            chainID: 84_532,
            policies: ["version": 1, "x-label": "é \"quoted\""],
            proof: wallet.kind == .kernel ? self.proof() : nil,
            createdAt: self.now,
            expiresAt: self.now + lifetime
        )
    }

    /// An audit entry about `subject`.
    package func entry(_ action: WalletAuditRecord.Action, _ subject: String) -> WalletAuditEntry {
        WalletAuditEntry(
            at: self.now,
            actor: self.actor,
            action: action,
            subject: subject,
            details: ["name": "Acme \u{2028} \"x\"", "count": 3, "list": [true, .null]]
        )
    }

    private mutating func proof() -> WalletSessionProof {
        WalletSessionProof(
            kernelVersion: "0.3.3",
            account: "init_code",
            approval: "digest",
            root: "ecdsa",
            owner: self.address(),
            nonce: 1,
            permissionID: "0xc1617be7",
            digest: "0x" + String(repeating: "0", count: 52) + String(self.next() + 100_000_000_000),
            warnings: [.init(code: "signs_anything", message: "The key may sign messages.")],
            rules: [.init(kind: "end", text: "Ends.", enforcedBy: .gateway)]
        )
    }

    private mutating func next() -> Int {
        self.number += 1
        return self.number
    }
}
