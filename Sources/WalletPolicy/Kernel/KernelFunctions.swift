package import EthereumPrimitives

/// The functions of Kernel, its factories and validators that are called or read here.
package enum KernelFunctions {
    /// Of the meta factory: factory, what it is called with, salt.
    package static let deployWithFactory = function("deployWithFactory(address,bytes,bytes32)")
    /// Of a factory: what the account is initialised with, salt.
    package static let createAccount = function("createAccount(bytes,bytes32)")
    /// Of an account since 0.3.1: root, hook, root data, hook data, further calls.
    package static let initialize = function("initialize(bytes21,address,bytes,bytes,bytes[])")
    /// Of an account of 0.3.0: root, hook, root data, hook data.
    package static let initialize030 = function("initialize(bytes21,address,bytes,bytes)")
    /// Of an account: installs validations.
    package static let installValidations = function("installValidations(bytes21[],(uint32,address)[],bytes[],bytes[])")
    /// Of an account: lets a validation use a function.
    package static let grantAccess = function("grantAccess(bytes21,bytes4,bool)")
    /// Of an account: mode and calls.
    package static let execute = function("execute(bytes32,bytes)")
    /// Of an account: who it is (EIP-5267).
    package static let eip712Domain = function("eip712Domain()")
    /// Of an account: the nonce of the next approval.
    package static let currentNonce = function("currentNonce()")
    /// Of an account: its root.
    package static let rootValidator = function("rootValidator()")
    /// Of both ECDSA validators: the owner of an account.
    package static let validatorOwner = function("ecdsaValidatorStorage(address)")

    /// What only an account may ask of itself, of the contracts that guard it, or of the EntryPoint: with these a key that may
    /// call any contract takes the account over, or its deposit.
    package static let control: Set<FunctionSelector> = Set(
        [
            execute, installValidations, grantAccess, initialize, initialize030,
            function(
                "executeUserOp((address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes),bytes32)"
            ),
            function("executeFromExecutor(bytes32,bytes)"), function("installModule(uint256,address,bytes)"),
            function("uninstallModule(uint256,address,bytes)"), function("uninstallValidation(bytes21,bytes,bytes)"),
            function("changeRootValidator(bytes21,address,bytes,bytes)"), function("invalidateNonce(uint32)"),
            function("upgradeTo(address)"), function("upgradeToAndCall(address,bytes)"), function("onInstall(bytes)"),
            function("onUninstall(bytes)"), function("withdrawTo(address,uint256)"), function("withdrawStake(address)"),
            function("unlockStake()"), function("incrementNonce(uint192)"),
        ]
        .map(\.selector)
    )

    private static func function(_ signature: StaticString) -> ABIFunction {
        guard let function = ABIFunction(signature.description) else {
            preconditionFailure("\(signature) is no signature")
        }
        return function
    }
}
