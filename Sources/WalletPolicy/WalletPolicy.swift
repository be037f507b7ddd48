//! WalletPolicy: which delegation of a wallet is believed, and what it allows.
