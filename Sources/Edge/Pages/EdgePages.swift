package import SessionModel

/// The pages and scripts the edge answers with by itself: refusals, the password form, the owner's room.
///
/// Pure functions from facts to text: nothing here reads a request, a clock or a store. Every piece of text that is
/// not written in this folder is escaped on its way in. The pages load nothing from elsewhere, have no inline script
/// or style, and work under `contentSecurityPolicy`; without scripts everything but the room's buttons works.
///
/// All links are path-absolute under `/.wormkey/`, which the edge reserves on every host, so a page may be answered at
/// any path of any session.
package enum EdgePages {
    /// The `Content-Security-Policy` to send with every page and asset of this folder.
    package static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    /// The file behind `/.wormkey/assets/{name}`, or nil if there is none of that name.
    ///
    /// `overlay.js` is also what `/.wormkey/overlay.js` answers.
    package static func asset(named name: String) -> (contentType: String, body: String)? {
        switch name {
        case "daypass.css": ("text/css; charset=utf-8", Self.stylesheet)
        case "room.js": ("text/javascript; charset=utf-8", Self.roomScript)
        case "overlay.js": ("text/javascript; charset=utf-8", Self.overlayScript)
        case "daypass.svg": ("image/svg+xml", Self.icon)
        default: nil
        }
    }

    /// Where the browser may be sent after the password was right: `path` if it stays on this host, else the start
    /// page of the session.
    ///
    /// The path comes back from a form field, so it is not trusted: it must start with exactly one slash and contain
    /// no backslash, control character, space or non-ASCII byte, which browsers might read as another host.
    package static func safeReturnPath(_ path: String, slug: Slug) -> String {
        let bytes = path.utf8
        let isPlain = bytes.count <= 4096 && bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x5C }
        guard isPlain, path.hasPrefix("/"), !path.hasPrefix("//"), !path.hasPrefix("/.wormkey/") else {
            return "/s/\(slug)/"
        }
        return path
    }

    /// Wraps a page's body in the frame all pages share.
    ///
    /// `head` and `body` are HTML, `title` is plain text.
    static func document(title: String, head: String = "", body: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex">
        <meta name="referrer" content="same-origin">
        <title>\(escape(title)) · Daypass</title>
        <link rel="icon" href="/.wormkey/assets/daypass.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/.wormkey/assets/daypass.css">
        \(head)</head>
        <body>
        \(body)
        </body>
        </html>

        """
    }

    /// The line at the foot of a page that lets somebody find this answer in the server's log.
    static func footer(requestID: String) -> String {
        """
        <footer>
        <p class="brand">Daypass</p>
        <p>Request <code>\(escape(requestID))</code></p>
        </footer>
        """
    }

    /// Makes `text` safe inside HTML text and quoted attribute values.
    static func escape(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\0": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A ticket with a notch on either side.
    static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#6d67f5" d="M4 6h24a2 2 0 0 1 2 2v5a2.5 \
        2.5 0 0 0 0 6v5a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2v-5a2.5 2.5 0 0 0 0-6V8a2 2 0 0 1 2-2z"/><path stroke="#fff" \
        stroke-width="2" stroke-dasharray="3 2.5" d="M20 7v18"/></svg>

        """
}
