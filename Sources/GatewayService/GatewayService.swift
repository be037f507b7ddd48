//! GatewayService: administration of the API gateway, and what it keeps in the store.
//!
//! `GatewayManager` decides, stores and audits every change and puts it in force at the gate before it answers;
//! `SessionTokenKeyring` signs and verifies session tokens; `GatewayFlusher` writes what requests leave behind;
//! `GatewayLoader` reads everything at start. The gate itself, where requests are decided, is behind `GatewayGateKeeping`.
