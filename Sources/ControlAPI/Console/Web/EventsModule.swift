extension ConsoleAssets {
    /// `/console/assets/events.js`: recent refusals and the audit trail.
    static let eventsModule = #"""
        // Recent refusals, with what to do about each, and the audit trail.
        import { api } from "./api.js";
        import { h, table, link, code, when, empty, announce, plural } from "./dom.js";
        import { choiceField, problem } from "./forms.js";

        // What whoever runs the tenant can do about a refusal.
        const ADVICE = {
          VALIDATION_ERROR: "The caller sent something unreadable: a doubled credential, or a path that servers might read differently. Mend the client.",
          IDEMPOTENCY_KEY_REQUIRED: "This route asks for an Idempotency-Key. Send a new random one with each action, and the same one when repeating it.",
          API_KEY_REQUIRED: "No key came with the request. Send it as Authorization: Bearer, or in X-Api-Key.",
          API_KEY_INVALID: "The key is mistyped, cut off, or of another server. Copy it again, or create a new one.",
          API_KEY_REVOKED: "Somebody still uses a revoked key. Find out from the address and origin who, and give them a new one.",
          API_KEY_EXPIRED: "The key, or the secret before the last rotation, is past its end. Bring the new one to the caller.",
          SESSION_REQUIRED: "Writes from pages need a session token. Use the browser helper, or POST sessions first.",
          SESSION_INVALID: "The token belongs to another key or web origin, was revoked, or is no token. The page should get a new one.",
          SESSION_EXPIRED: "The page should get a new token; the browser helper does it by itself.",
          ORIGIN_NOT_ALLOWED: "If the page is yours, add its exact web origin to the key. If not, somebody has copied the key. A secret key in a page has leaked: rotate it.",
          SCOPE_NOT_GRANTED: "Give the key the scope the route asks for, or use another key.",
          TENANT_SUSPENDED: "The tenant is suspended. Activate it to serve its requests again.",
          SUBSCRIPTION_CANCELLED: "The tenant is cancelled. Change its status to serve its requests again.",
          SUBSCRIPTION_PAST_DUE: "The tenant is past due. Change its status when it has paid.",
          MODULE_NOT_ENABLED: "Enable the module for the tenant, or take it off the route.",
          ROUTE_NOT_FOUND: "No route names this path. Add one, or mend the address in the client.",
          METHOD_NOT_ALLOWED: "The path has routes for other methods only. Add this method, or mend the client.",
          REQUEST_IN_PROGRESS: "The same request is still running. The client should wait a moment and repeat it.",
          IDEMPOTENCY_KEY_REUSED: "The client used an Idempotency-Key for two different requests. It needs a new one for each.",
          RATE_LIMITED: "The caller was faster than its plan allows. It should wait as long as Retry-After says; a larger plan may be right.",
          UPSTREAM_UNREACHABLE: "The tenant's own API does not accept connections. Check that it runs, and its address.",
          UPSTREAM_TIMEOUT: "The tenant's own API took too long to answer. Look there.",
        };

        const LIMITS = ["20", "50", "100"].map((number) => [number, `${number} newest`]);

        // A page of filters over one list; `load(values)` answers elements and how many there are.
        async function filtered(context, label, fields, load) {
          const place = h("div");
          const values = () => Object.fromEntries(fields.map((field) => [field.name, field.value()]));
          const filters = h("div", { class: "filters", role: "search", "aria-label": label }, fields.map((field) => field.element));
          let latest = 0;
          filters.addEventListener("change", async () => {
            latest += 1;
            const mine = latest;
            context.remember(values());
            try {
              const { node, words } = await load(values());
              if (mine !== latest) return;
              place.replaceChildren(node);
              announce(words);
            } catch (error) { if (error.name !== "AbortError" && error.status !== 401) place.replaceChildren(problem(error)); }
          });
          place.append((await load(values())).node);
          return [filters, h("section", { "aria-label": label }, place)];
        }

        const tenantField = async (context) => choiceField("tenant", "Tenant",
          [["", "All tenants"], ...(await api.tenants(context.signal)).map(({ slug }) => [slug, slug])], { value: context.query.get("tenant") || "" });

        const limitField = (context) => choiceField("limit", "Show", LIMITS, { value: context.query.get("limit") || "20" });

        function refusalItem(each) {
          return h("li", { class: "refusal" },
            h("div", { class: "refusal-head" }, h("h2", null, code(each.code)), when(each.at)),
            h("p", { class: "request" }, code(`${each.method} ${each.path}`)),
            h("p", null, each.message),
            h("p", { class: "advice" }, h("strong", null, "What to do: "), ADVICE[each.code] || "Look the code up in the documentation."),
            h("p", { class: "meta" },
              h("span", null, "Tenant ", link(`/console/tenants/${each.tenant}`, each.tenant)),
              h("span", null, "Key ", each.key ? link(`/console/keys/${each.key}`, each.key) : "not recognised"),
              h("span", null, each.webOrigin ? ["From ", code(each.webOrigin)] : "From a server"),
              h("span", null, "Address ", code(each.address)), h("span", null, "Request ", code(each.requestId))));
        }

        export async function refusals(context) {
          const chosen = context.query.get("code") || "";
          const fields = [
            choiceField("code", "Code", [["", "All codes"], ...Object.keys(ADVICE).map((each) => [each, each])], { value: chosen }),
            await tenantField(context), limitField(context),
          ];
          const body = await filtered(context, "Recent refusals", fields, async (values) => {
            const list = await api.refusals(values, context.signal);
            const words = `${plural(list.length, "refusal")}.`;
            return { words, node: list.length > 0 ? h("ol", { class: "refusals" }, list.map(refusalItem)) : empty("Nothing was refused, as far as the server remembers.") };
          });
          return { title: "Recent refusals", lead: "Newest first, from the server's memory: a restart forgets them, the counts stay.", body };
        }

        export async function audit(context) {
          const about = choiceField("about", "About", [["", "API gateway"], ["all", "Everything on this server"]], { value: context.query.get("about") || "" });
          const tenant = await tenantField(context);
          const fields = [about, tenant, limitField(context)];
          const showTenant = () => { tenant.element.hidden = about.value() === "all"; };
          about.control.addEventListener("change", showTenant);
          showTenant();
          const body = await filtered(context, "Audit trail", fields, async (values) => {
            const isAll = values.about === "all";
            const events = isAll
              ? await api.audit({ limit: values.limit }, context.signal)
              : await api.gatewayAudit({ tenant: values.tenant, limit: values.limit }, context.signal);
            const rows = table("Audit trail, newest first", [
              { label: "When", head: true, cell: (each) => when(each.at, true) },
              { label: "What", cell: (each) => [code(each.action), h("span", { class: "under" }, each.summary)] },
              { label: "Who", cell: (each) => each.actor }, { label: "Address", cell: (each) => code(each.address) },
              isAll
                ? { label: "Session", cell: (each) => each.sessionId ? code(each.sessionId) : h("span", { class: "quiet" }, "none") }
                : { label: "Tenant", cell: (each) => each.tenant ? link(`/console/tenants/${each.tenant}`, each.tenant) : h("span", { class: "quiet" }, "none") },
            ], events);
            return { words: `${plural(events.length, "event")}.`, node: events.length > 0 ? rows : empty("Nothing has happened yet.") };
          });
          return { title: "Audit", lead: "Who changed what, newest first.", body };
        }

        """#
}
