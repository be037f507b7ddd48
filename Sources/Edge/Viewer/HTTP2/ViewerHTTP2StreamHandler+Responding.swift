import NIOCore
import NIOHPACK
import NIOHTTP2
import ProxySemantics

// What exchanges say to the viewer, written as HTTP/2 frames.
extension ViewerHTTP2StreamHandler: ViewerResponder {
    var viewerMinorVersion: Int { 1 }

    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    func sendInterim(_ head: HTTPHead, mapping: AddressMapping) {
        guard self.phase == .active, !self.headSent else { return }
        self.stage(.headers(.init(headers: head.http2Response(mapping: mapping))))
    }

    func sendContinue() {
        guard self.phase == .active, !self.headSent else { return }
        self.stage(.headers(.init(headers: [":status": "100"])))
    }

    func sendHead(_ head: HTTPHead, framing: ResponseFraming, mapping: AddressMapping, extra: ByteBuffer) {
        guard self.phase == .active, !self.headSent else { return }
        self.headSent = true
        self.stopAwaitingResponse()
        self.stage(.headers(.init(headers: head.http2Response(mapping: mapping, extra: extra))))
    }

    func sendData(_ data: ByteBuffer) {
        guard self.phase == .active || self.phase == .duplex, data.readableBytes > 0 else { return }
        self.stage(.data(.init(data: .byteBuffer(data))))
    }

    func sendEnd(trailers: ByteBuffer?) {
        guard self.phase == .active else { return }
        if let trailers {
            var fields = HPACKHeaders()
            // The block was validated and filtered before.
            try? fields.addLines(of: trailers) { _ in true }
            self.stage(.headers(.init(headers: fields, endStream: true)))
        } else {
            self.stageEnd()
        }
        self.answerEnded()
    }

    func sendAnswer(_ answer: EdgeAnswer) {
        guard self.phase == .active else { return }
        guard !self.headSent else { return self.abort() }
        self.headSent = true
        self.stopAwaitingResponse()
        self.stage(.headers(.init(headers: answer.http2Headers)))
        if !self.answersHEAD, !answer.body.isEmpty {
            self.stage(.data(.init(data: .byteBuffer(ByteBuffer(string: answer.body)))))
        }
        self.stageEnd()
        self.answerEnded()
    }

    func becomeDuplex(_ head: HTTPHead, mapping: AddressMapping) {
        guard self.phase == .active, !self.headSent else { return }
        self.headSent = true
        self.stopAwaitingResponse()
        self.stage(.headers(.init(headers: head.http2Response(mapping: mapping))))
        self.upgraded()
    }

    func endDuplexOutput() {
        guard self.phase == .duplex else { return }
        self.stageEnd()
    }

    func abort() {
        self.reset()
    }
}
