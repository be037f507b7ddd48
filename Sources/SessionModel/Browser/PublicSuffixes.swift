import CPSL

/// Names below which strangers can register names of their own, so that no wildcard may stand on them.
///
/// The Public Suffix List (publicsuffix.org) as libpsl has it: the newer of the list that the library was built with and the one
/// the system keeps, read once. To be on the safe side, also hosting services that older lists lack, and everything below
/// those that put regions or projects between their name and their customers'.
package enum PublicSuffixes {
    /// Whether `host` (lower case, without port) is such a name.
    package static func contains(_ host: String) -> Bool {
        if psl_is_public_suffix(self.list, host) != 0 || self.services.contains(host) { return true }
        return self.layered.contains { host == $0 || host.hasSuffix(".\($0)") }
    }

    /// Never changed after it was made, as libpsl demands of those who share it; never freed.
    private nonisolated(unsafe) static let list = psl_latest(nil) ?? psl_builtin()

    /// Services that give away names directly below these.
    private static let services: Set<String> = [
        "bubbleapps.io", "cdn.cloudflare.net", "codeberg.page", "codesandbox.io", "csb.app", "deno.dev", "deno.net",
        "edgekey.net", "edgesuite.net", "expo.app", "fastly-edge.com", "fastly.net", "framer.app", "framer.website",
        "ghost.io", "github.dev", "gitpod.io", "glitch.me", "hf.space", "home.arpa", "hosted.app", "kinsta.app",
        "kinsta.page", "loca.lt", "lovable.app", "neocities.org", "ngrok-free.app", "ngrok-free.dev", "ngrok.app",
        "ngrok.dev", "ngrok.io", "nip.io", "notion.site", "now.sh", "on-fleek.app", "pages.dev", "render.com",
        "replit.app", "replit.dev", "spaceapps.com", "sslip.io", "stackblitz.io", "streamlit.app", "supabase.co",
        "surge.sh", "translate.goog", "trycloudflare.com", "tumblr.com", "typeform.com", "vercel.dev",
        "webcontainer.io", "webflow.io", "weebly.com", "wixsite.com", "wixstudio.com", "wordpress.com", "workers.dev",
        "zeabur.app",
    ]

    /// Services whose customers' names may be several labels below these.
    private static let layered = [
        "amazonaws.com", "amazonaws.com.cn", "amplifyapp.com", "appspot.com", "awsapprunner.com", "azure.com",
        "azurecontainer.io", "azurecontainerapps.io", "azureedge.net", "azurefd.net", "azurestaticapps.net",
        "azurewebsites.net", "cloudapp.net", "cloudfront.net", "digitaloceanspaces.com", "elasticbeanstalk.com",
        "googleapis.com", "googleusercontent.com", "ondigitalocean.app", "railway.app", "run.app", "trafficmanager.net",
        "windows.net",
    ]
}
