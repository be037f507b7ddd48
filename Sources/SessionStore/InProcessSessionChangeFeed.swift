package import SessionModel
import Synchronization

/// The change feed of a server that is alone with its store.
///
/// Receivers are called on the publisher's thread, one change at a time, in the order in which `publish` was entered;
/// when `publish` returns, every receiver has taken the change over. A receiver must not block and must not call the
/// feed: the lock that orders changes is held meanwhile.
///
/// Two updates of one session may be published in another order than they were stored in, because each caller
/// publishes its own after its transaction: receivers compare `SessionRecord.revision` and keep the newest. What a
/// revision cannot tell apart is handled here: an update that arrives after its session was forgotten is dropped.
package final class InProcessSessionChangeFeed: SessionChangeFeed {
    private struct State {
        var receivers: [@Sendable (SessionChange) -> Void] = []
        var forgotten: Set<SessionID> = []
        var forgottenOrder: [SessionID] = []
        var next = 0
    }

    /// How many forgotten sessions are remembered.
    ///
    /// An update can only be late by the time its caller takes between commit and publication, so this is many more
    /// than can be in flight.
    package static let rememberedForgotten = 8192

    private let state = Mutex(State())

    /// A feed without receivers.
    package init() {}

    package func publish(_ change: SessionChange) {
        self.state.withLock { state in
            switch change {
            case .updated(let record):
                if state.forgotten.contains(record.id) { return }
            case .forgotten(let id):
                Self.remember(id, in: &state)
            }
            for receiver in state.receivers { receiver(change) }
        }
    }

    package func subscribe(_ receiver: @escaping @Sendable (SessionChange) -> Void) {
        self.state.withLock { $0.receivers.append(receiver) }
    }

    private static func remember(_ id: SessionID, in state: inout State) {
        guard state.forgotten.insert(id).inserted else { return }
        if state.forgottenOrder.count < Self.rememberedForgotten {
            state.forgottenOrder.append(id)
        } else {
            state.forgotten.remove(state.forgottenOrder[state.next])
            state.forgottenOrder[state.next] = id
            state.next = (state.next + 1) % Self.rememberedForgotten
        }
    }
}
