/// Names below which strangers can register names of their own, so that no wildcard may stand on them.
///
/// A compact stand-in for the Public Suffix List (publicsuffix.org), on the safe side: every single label; the usual
/// second levels of two-letter countries (`co.uk`, `com.au`); and the hosting services listed here. A service that is
/// not listed can still be named by mistake: list exact origins there.
package enum PublicSuffixes {
    /// Whether `host` (lower case, without port) is such a name.
    package static func contains(_ host: String) -> Bool {
        let labels = host.split(separator: ".")
        guard labels.count > 1, let last = labels.last else { return true }
        if labels.count == 2, last.utf8.count == 2, Self.secondLevels.contains(String(labels[0])) { return true }
        // Every region and service of AWS has suffixes of its own.
        return host.hasSuffix(".amazonaws.com") || host.hasSuffix(".amazonaws.com.cn") || Self.services.contains(host)
    }

    /// Second-level labels that registries of countries use (`co.uk`, `or.jp`, `gob.mx`).
    private static let secondLevels: Set<String> = [
        "ac", "ad", "art", "asn", "biz", "co", "com", "coop", "ed", "edu", "fin", "firm", "gen", "go", "gob", "gouv",
        "gov", "govt", "gr", "gv", "id", "idv", "in", "inf", "info", "int", "jus", "k12", "lg", "ltd", "me", "med",
        "mil", "mod", "mus", "name", "ne", "net", "nhs", "nic", "nom", "ny", "or", "org", "parliament", "plc",
        "police", "press", "pro", "pub", "res", "sch", "school", "tm", "tv", "web",
    ]

    /// Services that give away names below these (from the private section of the Public Suffix List).
    private static let services: Set<String> = [
        "amazonaws.com", "amplifyapp.com", "appspot.com", "azurecontainerapps.io", "azureedge.net",
        "azurestaticapps.net",
        "azurewebsites.net", "bitbucket.io", "blogspot.com", "bubbleapps.io", "cdn.cloudflare.net", "cloudapp.net",
        "cloudfront.net", "codeberg.page", "codesandbox.io", "csb.app", "deno.dev", "deno.net", "ddns.net",
        "digitaloceanspaces.com", "duckdns.org", "dyndns.org", "edgekey.net", "edgesuite.net",
        "elasticbeanstalk.com", "expo.app", "fastly.net", "fastly-edge.com", "firebaseapp.com", "fly.dev",
        "framer.app", "framer.website", "ghost.io", "github.dev", "github.io", "githubpreview.dev",
        "githubusercontent.com", "gitlab.io", "gitpod.io", "glitch.me", "googleusercontent.com", "herokuapp.com",
        "hf.space", "home.arpa", "hosted.app", "kinsta.app", "kinsta.page", "localhost", "loca.lt", "lovable.app",
        "myshopify.com", "neocities.org", "netlify.app", "ngrok.app", "ngrok.dev", "ngrok.io", "ngrok-free.app",
        "ngrok-free.dev", "nip.io", "no-ip.org", "notion.site", "now.sh", "on-fleek.app", "onrender.com",
        "pages.dev", "pantheonsite.io", "pythonanywhere.com", "r2.dev", "railway.app", "readthedocs.io",
        "render.com", "replit.app", "replit.dev", "repl.co", "run.app", "sslip.io", "s3.amazonaws.com",
        "spaceapps.com", "stackblitz.io", "storage.googleapis.com", "streamlit.app", "supabase.co", "surge.sh",
        "trafficmanager.net", "translate.goog", "trycloudflare.com", "tumblr.com", "typeform.com", "uk.com",
        "us.com", "eu.com", "de.com", "vercel.app", "vercel.dev", "web.app", "webcontainer.io", "webflow.io",
        "weebly.com", "windows.net", "wixsite.com", "wixstudio.com", "wordpress.com", "workers.dev",
        "zeabur.app",
    ]
}
