/// The module that pages use to call a tenant's API.
package enum ClientScript {
    /// Its text.
    package static let text = ""
}
