import NIOSSL

/// A certificate no authority signed, as development servers use; for tests only.
enum SelfSigned {
    /// A server's context with the certificate below.
    static func context(applicationProtocols: [String] = []) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: Array(Self.certificate.utf8), format: .pem))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(Self.key.utf8), format: .pem))
        )
        configuration.applicationProtocols = applicationProtocols
        return try NIOSSLContext(configuration: configuration)
    }

    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBgzCCASmgAwIBAgIUBeG7MFzZHXAcKzrY0xBlZuOwS9MwCgYIKoZIzj0EAwIw
        FjEUMBIGA1UEAwwLc2VsZi1zaWduZWQwIBcNMjYxMTIxMDM1OTIyWhgPMjEyNjEw
        MjgwMzU5MjJaMBYxFDASBgNVBAMMC3NlbGYtc2lnbmVkMFkwEwYHKoZIzj0CAQYI
        KoZIzj0DAQcDQgAEeMIPvALBjCg9naGLP2gxHORU4QqHIMa3CN9dWDjUMxk3jM3R
        8Kw8d53jZcuY//OqZ4Gou+9DTJH7ErY0DWhBFaNTMFEwHQYDVR0OBBYEFK6FtmFe
        DnqcxuXUcc31qmATSvarMB8GA1UdIwQYMBaAFK6FtmFeDnqcxuXUcc31qmATSvar
        MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAO7mpp96N5rfDbJi
        G+BayZE9GTJIeRlED5MlQMcwvenKAiBvUpZWq51UkpArE5EMrb9SLZC1KTETkgBJ
        ESSDrSHw/Q==
        -----END CERTIFICATE-----
        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrL0N5L5F1w5Riphv
        208MvXHNe+oC7l/w17ckVzHG+/KhRANCAAR4wg+8AsGMKD2doYs/aDEc5FThCocg
        xrcI311YONQzGTeMzdHwrDx3neNly5j/86pngai770NMkfsStjQNaEEV
        -----END PRIVATE KEY-----
        """
}
