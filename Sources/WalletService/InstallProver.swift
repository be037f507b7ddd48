import EthereumPrimitives
import SessionModel
import WalletPolicy

/// Proves the installs of a create call, a few at once.
struct InstallProver: Sendable {
    /// Installs of one call that are proven at once.
    static let width = 8

    let nodes: PinnedNode
    let chains: [WalletChain]
    let rules: DelegationRules
    let now: Timestamp

    /// What was proven of each install, in their order, or every problem with the install it is of.
    func prove(
        _ installs: [WalletInstall],
        wallet: EthereumAddress,
        version: KernelVersion?,
        sessionAddress: EthereumAddress,
        expiresAt: Timestamp
    ) async -> [Result<VerifiedDelegation, InstallProblem>] {
        await withTaskGroup(of: (Int, Result<VerifiedDelegation, InstallProblem>).self) { group in
            var results: [Int: Result<VerifiedDelegation, InstallProblem>] = [:]
            for (index, install) in installs.enumerated() {
                if index >= Self.width, let (done, result) = await group.next() { results[done] = result }
                group.addTask {
                    let claim = DelegationClaim(
                        chainID: UInt64(install.chainID),
                        wallet: wallet,
                        sessionAddress: sessionAddress,
                        expiresAt: expiresAt,
                        version: version
                    )
                    do throws(InstallProblem) {
                        return (index, .success(try await self.prove(install, claim)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for await (done, result) in group { results[done] = result }
            return installs.indices.compactMap { results[$0] }
        }
    }

    /// All steps in their order (`DelegationRefusal.Step`); the node is asked only about blobs that can be read.
    private func prove(
        _ install: WalletInstall,
        _ claim: DelegationClaim
    ) async throws(InstallProblem) -> VerifiedDelegation {
        let blob: DelegationBlob
        do throws(DelegationRefusal) {
            blob = try DelegationBlob(serialized: install.serialized)
            if blob.hasPrivateKey { throw DelegationRefusal(.privateKeyPresent, at: "privateKey") }
        } catch {
            throw .refused(error)
        }
        guard let chain = self.chains.first(where: { $0.id == install.chainID }) else { throw .chain(.chainUnknown) }
        let state = try await self.nodes.state(of: claim.wallet, on: chain)
        do throws(DelegationRefusal) {
            return try blob.verify(claim, state: state, rules: self.rules, now: self.now)
        } catch {
            throw .refused(error)
        }
    }
}
