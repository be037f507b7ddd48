package import SessionModel

/// Why a delegation is not believed or not wanted: a stable reason, and where in the blob.
///
/// `description` is safe to log: it holds no value of the blob.
package struct DelegationRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// The steps of proving a delegation, in the order in which they are taken.
    package enum Step: String, Sendable, CaseIterable {
        /// The blob's text and fields.
        case decode
        /// It must not hold a private key.
        case privateKey
        /// What the chain says about the account.
        case state
        /// The account is the wallet, and what it is made of.
        case address
        /// The permission is that of this session key.
        case permissionID = "permissionId"
        /// Policies and signer are contracts that are known.
        case contracts
        /// Nothing but calls of `execute` is delegated.
        case action
        /// The account takes on Kernel's code (EIP-7702).
        case authorization = "auth7702"
        /// A permission that was installed when the account was made.
        case preinstalled
        /// The owner approved.
        case signature
        /// When the session ends.
        case expiry
        /// What the organization allows.
        case organization
    }

    /// The reason.
    package let reason: Reason
    /// Where: a path into the blob, or nil for the blob as a whole.
    package let path: String?
    /// What is wrong there, when the reason alone does not say it.
    package let note: String?

    /// Refuses for a reason, at a path.
    package init(_ reason: Reason, at path: String? = nil, note: String? = nil) {
        self.reason = reason
        self.path = path
        self.note = note
    }

    /// At which step.
    package var step: Step { self.reason.step }

    /// A plain sentence.
    package var message: String { self.note.map { "\(self.reason.message) (\($0))" } ?? self.reason.message }

    package var description: String {
        "\(self.step.rawValue) \(self.reason.rawValue)\(self.path.map { " at \($0)" } ?? "")"
    }

    /// This refusal as one problem of a request whose field `field` holds the blob, or, when the session's end is the
    /// problem, of `expiresAt`.
    package func detail(field: String) -> DaypassError.Detail {
        let path = self.step == .expiry ? "expiresAt" : self.path.map { "\(field).\($0)" } ?? field
        return .init(path: path, message: "\(self.reason.rawValue): \(self.message)")
    }
}

extension DelegationRefusal {
    /// The stable reasons; each belongs to one step.
    package enum Reason: String, Sendable, CaseIterable {
        case blobTooLarge = "blob_too_large"
        case blobNotBase64 = "blob_not_base64"
        case blobNotJSON = "blob_not_json"
        case blobFieldInvalid = "blob_field_invalid"
        case privateKeyPresent = "private_key_present"
        case stateUnknown = "account_state_unknown"
        case stateUnreadable = "account_state_unreadable"
        case stateOfOtherAccount = "account_state_mismatch"
        case walletMismatch = "account_is_not_the_wallet"
        case initCodeNotCanonical = "init_code_not_canonical"
        case initCodeUnknownCalls = "init_code_unknown_calls"
        case addressNotProven = "address_not_from_init_code"
        case versionMismatch = "kernel_version_mismatch"
        case rootMismatch = "root_mismatch"
        case permissionIDMismatch = "permission_id_mismatch"
        case policyContractUnknown = "policy_contract_unknown"
        case actionNotExecute = "action_not_execute"
        case actionFallback = "action_installs_fallback"
        case actionHook = "action_has_hook"
        case notPreinstalled = "not_preinstalled"
        case preinstalledAndSigned = "preinstalled_and_signed"
        case authorizationMissing = "authorization_missing"
        case authorizationUnexpected = "authorization_unexpected"
        case authorizationOtherChain = "authorization_other_chain"
        case authorizationEveryChain = "authorization_every_chain"
        case authorizationDelegateUnknown = "authorization_delegate_unknown"
        case authorizationInvalid = "authorization_invalid"
        case authorizationNonce = "authorization_nonce_used"
        case rootUnsupportedPasskey = "passkey_root_unsupported"
        case rootUnsupportedWeighted = "weighted_root_unsupported"
        case rootUnknown = "root_validator_unknown"
        case signatureMissing = "signature_missing"
        case signatureMalformed = "signature_malformed"
        case signatureHighS = "signature_high_s"
        case signatureNotByOwner = "signature_not_by_owner"
        case merkleProofInvalid = "merkle_proof_invalid"
        case expiryPast = "expiry_past"
        case expiryTooFar = "expiry_too_far"
        case expiryBeforePolicy = "expiry_before_policy"
        case expiryAfterPolicy = "expiry_after_policy"
        case wildcardTarget = "wildcard_target_not_allowed"
        case delegateCall = "delegatecall_not_allowed"
        case accountControl = "account_control_not_allowed"

        /// The step that finds it.
        package var step: Step {
            switch self {
            case .blobTooLarge, .blobNotBase64, .blobNotJSON, .blobFieldInvalid: .decode
            case .privateKeyPresent: .privateKey
            case .stateUnknown, .stateUnreadable, .stateOfOtherAccount: .state
            case .walletMismatch, .initCodeNotCanonical, .initCodeUnknownCalls, .addressNotProven, .versionMismatch,
                .rootMismatch:
                .address
            case .permissionIDMismatch: .permissionID
            case .policyContractUnknown: .contracts
            case .actionNotExecute, .actionFallback, .actionHook: .action
            case .notPreinstalled, .preinstalledAndSigned: .preinstalled
            case .authorizationMissing, .authorizationUnexpected, .authorizationOtherChain, .authorizationEveryChain,
                .authorizationDelegateUnknown, .authorizationInvalid, .authorizationNonce:
                .authorization
            case .rootUnsupportedPasskey, .rootUnsupportedWeighted, .rootUnknown, .signatureMissing,
                .signatureMalformed, .signatureHighS, .signatureNotByOwner, .merkleProofInvalid:
                .signature
            case .expiryPast, .expiryTooFar, .expiryBeforePolicy, .expiryAfterPolicy: .expiry
            case .wildcardTarget, .delegateCall, .accountControl: .organization
            }
        }

        /// A plain sentence: what is wrong and what to do.
        package var message: String {
            switch self {
            case .blobTooLarge: "The delegation is too large."
            case .blobNotBase64: "The delegation is not standard base64 with padding."
            case .blobNotJSON: "The delegation is not one strict JSON value."
            case .blobFieldInvalid: "The delegation does not have the form of a Kernel permission account."
            case .privateKeyPresent:
                "The delegation holds a private key. Serialize the account without it; never send keys."
            case .stateUnknown: "The chain's node could not say whether the account is deployed. Try again later."
            case .stateUnreadable: "The account's answers are not those of a Kernel account."
            case .stateOfOtherAccount: "The account says that it is another account, or on another chain."
            case .walletMismatch: "The delegation is for another account than the wallet."
            case .initCodeNotCanonical: "The account's init code is not written as a known factory takes it."
            case .initCodeUnknownCalls: "The account's init code does more than install permissions, each once."
            case .addressNotProven: "The account's address does not follow from its init code."
            case .versionMismatch: "The account is of another Kernel version than the wallet."
            case .rootMismatch: "The account's root on the chain is not the one in its init code."
            case .permissionIDMismatch: "The permission is not the one of these policies and this session key."
            case .policyContractUnknown: "A policy names a contract that is not known to do what it says."
            case .actionNotExecute: "The delegation is for another function than execute."
            case .actionFallback: "The delegation installs another contract's code in the account."
            case .actionHook: "The delegation installs a hook."
            case .notPreinstalled: "The account's init code does not install this permission."
            case .preinstalledAndSigned:
                "The delegation is installed when the account is made, and carries an approval too."
            case .authorizationMissing: "The account has no code yet and no authorization to take on Kernel's."
            case .authorizationUnexpected: "The account is made by a factory, yet the delegation has an authorization."
            case .authorizationOtherChain: "The authorization is for another chain."
            case .authorizationEveryChain: "The authorization is valid on every chain. Sign one for this chain."
            case .authorizationDelegateUnknown: "The account takes on the code of a contract that is not known."
            case .authorizationInvalid: "The authorization is not signed by the account."
            case .authorizationNonce: "The authorization is for another nonce than the account's."
            case .rootUnsupportedPasskey: "Accounts owned by a passkey are not supported yet."
            case .rootUnsupportedWeighted: "Accounts owned by several weighted keys are not supported yet."
            case .rootUnknown: "The contract that checks the owner's signatures is not known."
            case .signatureMissing: "The owner's approval is missing."
            case .signatureMalformed: "The owner's approval does not have the form of a signature."
            case .signatureHighS: "The owner's approval is the malleable form of a signature (high s)."
            case .signatureNotByOwner:
                "The owner did not sign this permission for this account, chain, version and nonce."
            case .merkleProofInvalid: "The approval of several chains does not include this one."
            case .expiryPast: "The session would end in the past."
            case .expiryTooFar: "The session would last longer than this server allows."
            case .expiryBeforePolicy: "The session would end before what the owner signed begins."
            case .expiryAfterPolicy: "The session would outlive what the owner signed."
            case .wildcardTarget: "The owner's limits allow calls of any contract, which the organization does not."
            case .delegateCall: "The owner's limits allow delegate calls, which the organization does not."
            case .accountControl:
                "The owner's limits allow calls of the account itself or of what guards it, and so everything; the "
                    + "organization does not allow both any contract and delegate calls."
            }
        }
    }
}
