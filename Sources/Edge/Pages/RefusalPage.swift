package import SessionModel

extension EdgePages {
    /// The page for a refusal: what happened, what to do about it, and under which request id to ask for help.
    ///
    /// Answers every `DaypassError`, control API codes included; for `password_required` use `passwordForm`.
    package static func refusal(_ error: DaypassError, requestID: String) -> String {
        let words = words(for: error.code)
        var advice = words.advice
        if let seconds = error.retryAfterSeconds, seconds > 0 {
            advice += seconds == 1 ? " Waiting one second is enough." : " Waiting \(duration(seconds)) is enough."
        }
        let retry = words.canRetry ? "<p><a class=\"button\" href=\"\">Try again</a></p>\n" : ""
        return document(
            title: words.title,
            body: """
                <main class="notice">
                <p class="code"><span>\(error.code.httpStatus)</span> <code>\(error.code.rawValue)</code></p>
                <h1>\(escape(words.title))</h1>
                <p class="lead">\(escape(error.message))</p>
                <p>\(escape(advice))</p>
                \(retry)\(footer(requestID: requestID))
                </main>
                """
        )
    }

    /// Seconds in words, rounded up to whole minutes and hours above two of each.
    private static func duration(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) seconds"
        case ..<7200: "\((seconds + 59) / 60) minutes"
        default: "\((seconds + 3599) / 3600) hours"
        }
    }

    /// A heading and a next step for every code; `canRetry` where loading the same address again may succeed.
    private static func words(for code: ErrorCode) -> (title: String, advice: String, canRetry: Bool) {
        switch code {
        case .badRequest, .validationError:
            ("That request makes no sense", "Check the address, or go back and try once more.", false)
        case .requestTimeout:
            ("The request took too long to arrive", "Check your connection and send it again.", true)
        case .bodyTooLarge:
            ("That is too much at once", "Send something smaller.", false)
        case .unsupportedMediaType:
            ("That format is not accepted here", "Send the body in the format named above.", false)
        case .misdirectedRequest:
            ("Wrong host", "Check the host name in the address.", false)
        case .headersTooLarge:
            ("The request's headers are too large", "Clearing this site's cookies usually helps.", true)
        case .methodNotAllowed:
            ("That cannot be done here", "Go back, or open the link you were given.", false)
        case .notFound:
            ("Nothing here", "Check the address, or open the link you were given.", false)
        case .upgradeRequired:
            ("This address is for programs", "Agents connect here. Start one with: daypass http 3000", false)
        case .unauthorized:
            (
                "You are not signed in here",
                "If this is your session, open the owner link that was printed when you started it.", false
            )
        case .forbidden:
            (
                "Not allowed",
                "If this is your session, open the owner link that was printed when you started it.", false
            )
        case .tooManySessions:
            ("No room for another session", "Close one that is no longer needed.", false)
        case .conflict:
            ("Something else changed first", "Load the page again to see the present state.", true)
        case .sessionNotFound:
            ("No such link", "Check the link for typing mistakes, or ask whoever sent it for a new one.", false)
        case .sessionClosed:
            ("This link is closed", "Ask whoever sent it for a new one.", false)
        case .sessionExpired:
            ("This link has expired", "Ask whoever sent it for a new one.", false)
        case .tunnelOffline:
            (
                "The app is not connected",
                "Its owner may have closed a laptop or be restarting it. The link works again as soon as it is back.",
                true
            )
        case .tunnelTaken:
            ("Already being served", "Stop the other agent first, or replace it with --takeover.", false)
        case .upstreamUnreachable:
            (
                "The app is not running", "Its owner has the link open, but nothing answers behind it. Try again soon.",
                true
            )
        case .upstreamProtocolError:
            ("The app broke off its answer", "Try again. If it keeps happening, tell the owner of the link.", true)
        case .upstreamTimeout:
            ("The app is too slow", "It may be busy. Try again, or tell the owner of the link.", true)
        case .tunnelPaused:
            ("Paused", "The link works again as soon as its owner resumes it.", true)
        case .basicAuthRequired:
            ("Sign in to see this", "Ask whoever sent the link for the user name and the password.", true)
        case .passwordRequired:
            ("Password needed", "Ask whoever sent the link for the password.", true)
        case .sessionPrivate:
            ("This link is private", "Ask whoever sent it for access.", true)
        case .viewerRemoved:
            ("You have been removed", "If you think this is a mistake, ask the owner of the link.", false)
        case .pathBlocked:
            ("Not shared", "Go back, or open the link you were given from its start.", false)
        case .tooManyViewers:
            ("It is full", "As soon as somebody leaves there is room for you.", true)
        case .rateLimited:
            ("Too fast", "Wait a moment before the next try.", true)
        case .serviceUnavailable:
            ("Busy", "Try again in a moment.", true)
        case .internalError:
            (
                "Our mistake",
                "Try again. If it keeps happening, give the request id below to whoever runs this server.", true
            )
        }
    }
}
