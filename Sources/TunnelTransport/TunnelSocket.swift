package import NIOCore

/// What both ends set on the socket of a tunnel.
package enum TunnelSocket {
    /// Bytes that may wait in the kernel without having been sent: what is in there goes before anything else, so it is
    /// as little as keeps a fast link busy.
    private static let unsentBytes: SocketOptionValue = 128 << 10

    /// Sets the options; call once the connection stands.
    package static func configure(_ channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 128 << 10))
        #if os(Linux)
        // TCP_NOTSENT_LOWAT of <linux/tcp.h>; a kernel without it keeps its own measure.
        try? options.setOption(.tcpOption(NIOBSDSocket.Option(rawValue: 25)), value: Self.unsentBytes)
        #endif
    }
}
