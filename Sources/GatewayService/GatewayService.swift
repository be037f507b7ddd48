//! GatewayService: administration of the API gateway, and what it keeps in the store.
