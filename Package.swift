// swift-tools-version: 6.2
import PackageDescription

/// Settings every target shares: Swift 6 language mode comes with the tools version; the upcoming
/// features below make existentials, imports and isolation explicit; our own warnings are errors.
let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let bigInt: Target.Dependency = .product(name: "BigInt", package: "BigInt")
let persistentTrees: Target.Dependency = .product(name: "HashTreeCollections", package: "swift-collections")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "daypass",
    products: [.executable(name: "daypass", targets: ["daypass"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", exact: "1.4.0", traits: ["JSON"]),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1"),
        .package(url: "https://github.com/groue/GRDB.swift.git", exact: "7.10.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", exact: "5.7.1"),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
        .package(url: "https://github.com/attaswift/BigInt.git", exact: "6.0.1"),
    ],
    targets: [
        // Pure: decisions only; no event loop, no clock, no logger.
        .target(name: "SessionModel", dependencies: ["CPSL", crypto], swiftSettings: settings),
        .target(name: "TunnelProtocol", dependencies: ["SessionModel", nioCore], swiftSettings: settings),
        .target(name: "ProxySemantics", dependencies: ["SessionModel", nioCore, nioHPACK], swiftSettings: settings),
        .target(
            name: "AccessControl",
            dependencies: ["SessionModel", "ProxySemantics", crypto, persistentTrees],
            swiftSettings: settings
        ),
        .target(
            name: "EthereumPrimitives",
            dependencies: ["CSecp256k1", bigInt],
            swiftSettings: settings
        ),
        .target(
            name: "WalletPolicy",
            dependencies: ["SessionModel", "EthereumPrimitives", bigInt],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CPSL", pkgConfig: "libpsl", providers: [.apt(["libpsl-dev"])]),
        .systemLibrary(name: "CSecp256k1", pkgConfig: "libsecp256k1", providers: [.apt(["libsecp256k1-dev"])]),
        // IO: carry bytes and call the pure targets.
        .target(
            name: "SessionStore",
            dependencies: ["SessionModel", lifecycle, log, configuration],
            swiftSettings: settings
        ),
        .target(
            name: "SQLiteStore",
            dependencies: ["SessionModel", "SessionStore", crypto, .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: settings
        ),
        .target(
            name: "GatewayService",
            dependencies: [
                "SessionModel", "AccessControl", "SessionStore", jwtKit, crypto, lifecycle, log, configuration,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "WalletService",
            dependencies: [
                "SessionModel", "AccessControl", "EthereumPrimitives", "WalletPolicy", "SessionStore", httpClient,
                nioCore, nioHTTP1, crypto, lifecycle, configuration,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "TunnelTransport",
            dependencies: ["TunnelProtocol", "ProxySemantics", nioCore, crypto, log],
            swiftSettings: settings
        ),
        .target(
            name: "UpstreamRelay",
            dependencies: [
                "SessionModel", "TunnelProtocol", "ProxySemantics", "TunnelTransport", nioCore, nioPosix, nioSSL,
                nioTLS,
                nioHTTP2, nioHPACK, collections,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Edge",
            dependencies: [
                "SessionModel", "TunnelProtocol", "ProxySemantics", "AccessControl", "TunnelTransport", "UpstreamRelay",
                nioCore,
                nioPosix, nioSSL, nioHTTP2, nioHPACK, log, lifecycle, configuration,
                .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ControlAPI",
            dependencies: [
                "SessionModel", "AccessControl", "SessionStore", hummingbird, log, crypto, lifecycle,
                configuration,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "TunnelAgent",
            dependencies: [
                "SessionModel", "TunnelProtocol", "ProxySemantics", "TunnelTransport", "UpstreamRelay", nioCore,
                nioPosix,
                nioSSL, log, lifecycle,
            ],
            swiftSettings: settings
        ),
        // Test support: what tests of several targets share; nothing the product links.
        .target(
            name: "DaypassTestSupport",
            dependencies: ["SessionModel", "SessionStore"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "store-crash-writer",
            dependencies: ["SessionModel", "SessionStore", "SQLiteStore"],
            swiftSettings: settings
        ),
        // Answers questions about formats and signatures, for tests against other implementations.
        .executableTarget(
            name: "ethereum-primitives-cli",
            dependencies: ["EthereumPrimitives", "WalletPolicy", "SessionModel", bigInt],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        // glibc's allocator settings; empty on other systems.
        .systemLibrary(name: "CMalloc"),
        // The command line: everything a person types except `serve`; needs none of the server's targets.
        .target(
            name: "DaypassCLI",
            dependencies: [
                "SessionModel", "TunnelAgent", "UpstreamRelay", "CQREncode", nioCore, nioPosix, nioHTTP1, nioSSL, log,
                lifecycle,
                httpClient, yams,
                httpTypes, configuration, argumentParser, hummingbird,
            ],
            swiftSettings: settings
        ),
        // The composition root: the only place that names every server target and a store driver.
        .target(
            name: "DaypassServer",
            dependencies: [
                "SessionModel", "AccessControl", "SessionStore", "SQLiteStore", "GatewayService", "WalletService",
                "Edge",
                "ControlAPI", "TunnelTransport", nioCore, log,
                lifecycle, unixSignals, configuration,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "daypass",
            dependencies: [
                "DaypassCLI", "DaypassServer", "SessionModel", "CMalloc", argumentParser, log, lifecycle, unixSignals,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DaypassCLITests",
            dependencies: ["DaypassCLI", "SessionModel", "TunnelAgent", "UpstreamRelay", argumentParser],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DaypassServerTests",
            dependencies: ["DaypassServer", "SessionModel", "ControlAPI", "Edge"],
            swiftSettings: settings
        ),
        // Pieces of the data plane by themselves, counted by Benchmarks/hot_path.py.
        .executableTarget(
            name: "hot-path",
            dependencies: [
                "SessionModel", "TunnelProtocol", "ProxySemantics", "AccessControl", "TunnelTransport", nioCore,
                nioEmbedded,
            ],
            path: "Benchmarks/HotPath",
            swiftSettings: settings
        ),
        // The app that `make demo` shows; it needs nothing of Daypass.
        .executableTarget(
            name: "daypass-sample-app",
            dependencies: [hummingbird, log, lifecycle],
            path: "Examples/sample-app",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ProxySemanticsTests",
            dependencies: ["ProxySemantics", "SessionModel", nioCore, nioHPACK],
            swiftSettings: settings
        ),
        .testTarget(name: "SessionRequestsTests", dependencies: ["SessionModel"], swiftSettings: settings),
        .testTarget(
            name: "ControlAPITests",
            dependencies: [
                "AccessControl", "ControlAPI", "SessionModel", "SessionStore", hummingbird, nioCore, nioPosix,
                nioEmbedded, lifecycle, log, configuration,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AccessControlTests",
            dependencies: ["AccessControl", "SessionModel", "DaypassTestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EthereumPrimitivesTests",
            dependencies: ["EthereumPrimitives", "DaypassTestSupport", bigInt],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WalletPolicyTests",
            dependencies: ["WalletPolicy", "EthereumPrimitives", "SessionModel", "DaypassTestSupport", bigInt],
            swiftSettings: settings
        ),
        .testTarget(
            name: "GatewayServiceTests",
            dependencies: [
                "GatewayService", "AccessControl", "SessionModel", "SessionStore", "DaypassTestSupport", jwtKit,
                lifecycle,
                log, configuration,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WalletServiceTests",
            dependencies: [
                "WalletService", "WalletPolicy", "EthereumPrimitives", "SessionModel", "SessionStore", "SQLiteStore",
                "DaypassTestSupport", nioCore, nioPosix, nioHTTP1, lifecycle, log, configuration, crypto,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "EdgeTests", dependencies: ["Edge", "SessionModel"], swiftSettings: settings),
        .testTarget(
            name: "TunnelProtocolTests",
            dependencies: ["TunnelProtocol", nioCore],
            swiftSettings: settings
        ),
        .testTarget(
            name: "TunnelTransportTests",
            dependencies: ["TunnelProtocol", "TunnelTransport", nioCore, nioEmbedded],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SessionModelTests",
            dependencies: ["SessionModel", "DaypassTestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SessionStoreTests",
            dependencies: [
                "SessionModel", "SessionStore", "DaypassTestSupport", lifecycle, log, configuration,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SQLiteStoreTests",
            dependencies: [
                "SessionModel", "SessionStore", "SQLiteStore", "DaypassTestSupport", "store-crash-writer",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "TunnelAgentTests",
            dependencies: [
                "TunnelAgent", "UpstreamRelay", "TunnelTransport", "TunnelProtocol", "ProxySemantics", "SessionModel",
                nioCore, nioPosix,
                nioSSL, nioHTTP2, nioHPACK, log, lifecycle,
            ],
            swiftSettings: settings
        ),
    ]
)
