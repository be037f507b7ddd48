/// For whom typed data is signed (EIP-712): fields that are nil are not part of the domain's type.
package struct EIP712Domain: Equatable, Sendable {
    /// What the signing domain is called.
    package var name: String?
    /// Its version.
    package var version: String?
    /// The chain.
    package var chainID: Word?
    /// The contract that checks the signature.
    package var verifyingContract: EthereumAddress?
    /// Something to tell domains apart that are alike otherwise.
    package var salt: Word?

    /// Makes a domain.
    package init(
        name: String? = nil,
        version: String? = nil,
        chainID: Word? = nil,
        verifyingContract: EthereumAddress? = nil,
        salt: Word? = nil
    ) {
        self.name = name
        self.version = version
        self.chainID = chainID
        self.verifyingContract = verifyingContract
        self.salt = salt
    }

    /// The fields that are there, in the standard's order.
    package var fields: [TypedData.Field] {
        var fields: [TypedData.Field] = []
        if self.name != nil { fields.append(.init("name", "string")) }
        if self.version != nil { fields.append(.init("version", "string")) }
        if self.chainID != nil { fields.append(.init("chainId", "uint256")) }
        if self.verifyingContract != nil { fields.append(.init("verifyingContract", "address")) }
        if self.salt != nil { fields.append(.init("salt", "bytes32")) }
        return fields
    }

    /// The hash of the domain.
    package var separator: Word {
        let members = self.fields.map { "\($0.type) \($0.name)" }.joined(separator: ",")
        var keccak = Keccak256()
        keccak.update(Keccak256.hash("EIP712Domain(\(members))".utf8).bytes)
        if let name { keccak.update(Keccak256.hash(name.utf8).bytes) }
        if let version { keccak.update(Keccak256.hash(version.utf8).bytes) }
        if let chainID { keccak.update(chainID.bytes) }
        if let verifyingContract { keccak.update(verifyingContract.word.bytes) }
        if let salt { keccak.update(salt.bytes) }
        return keccak.finalize()
    }

    /// What is signed for a structure with this hash.
    package func digest(ofStruct hash: Word) -> Word {
        Keccak256.hash([0x19, 0x01] + self.separator.bytes + hash.bytes)
    }
}
