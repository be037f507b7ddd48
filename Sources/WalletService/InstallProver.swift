import EthereumPrimitives
import SessionModel
import WalletPolicy

/// Proves the installs of a create call, a few at once.
struct InstallProver: Sendable {
    /// Installs of one call that are proven at once.
    static let width = 8

    let nodes: PinnedNode
    let chains: [WalletChain]
    /// Whose call it is.
    let organization: OrganizationID
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
        let claims = installs.map { install in
            DelegationClaim(
                chainID: UInt64(install.chainID),
                wallet: wallet,
                sessionAddress: sessionAddress,
                expiresAt: expiresAt,
                version: version
            )
        }
        var results: [Result<VerifiedDelegation, InstallProblem>?] = installs.map { _ in nil }
        await withTaskGroup(of: Answer.self) { group in
            for index in installs.indices {
                if index >= Self.width, let answer = await group.next() { results[answer.index] = answer.result }
                group.addTask {
                    Answer(index: index, result: await self.result(of: installs[index], claims[index]))
                }
            }
            for await answer in group { results[answer.index] = answer.result }
        }
        return results.compactMap { $0 }
    }

    /// What was proven of one of the installs.
    ///
    /// A pair instead of this type loses its index in optimized builds of Swift 6.3, and with it installs.
    private struct Answer: Sendable {
        let index: Int
        let result: Result<VerifiedDelegation, InstallProblem>
    }

    private func result(
        of install: WalletInstall,
        _ claim: DelegationClaim
    ) async -> Result<VerifiedDelegation, InstallProblem> {
        do throws(InstallProblem) {
            return .success(try await self.prove(install, claim))
        } catch {
            return .failure(error)
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
        let state = try await self.nodes.state(of: claim.wallet, on: chain, for: self.organization)
        do throws(DelegationRefusal) {
            return try blob.verify(claim, state: state, rules: self.rules, now: self.now)
        } catch {
            throw .refused(error)
        }
    }
}
