//! EthereumPrimitives: the formats and signatures of Ethereum as values.
//!
//! Keccak-256, RLP, strict ABI coding, addresses, EIP-191 and EIP-712 digests, user-operation hashes, and secp256k1
//! through the system library.
