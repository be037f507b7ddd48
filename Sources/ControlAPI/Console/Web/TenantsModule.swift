extension ConsoleAssets {
    /// `/console/assets/tenants.js`: tenants with their routes and status.
    static let tenantsModule = #"""
        // Tenants: who is served, from where, and what their routes ask for.
        import { api } from "./api.js";
        import { h, section, table, badge, link, facts, codes, code, empty, announce, button, plural, count } from "./dom.js";
        import { confirmDialog, openForm, choiceField } from "./forms.js";

        export async function tenants(context) {
          const list = await api.tenants(context.signal);
          const rows = table("Tenants", [
            { label: "Tenant", head: true, cell: (each) => link(`/console/tenants/${each.slug}`, each.slug) },
            { label: "Status", cell: (each) => badge(each.status) },
            { label: "Hosts", cell: (each) => [codes(each.hosts, 3), each.default && h("span", { class: "under" }, "also on the edge's own host")] },
            { label: "Base path", cell: (each) => code(each.basePath || "/") },
            { label: "Upstream", cell: (each) => code(each.upstream) },
            { label: "Routes", number: true, cell: (each) => count(each.routes.length) },
          ], list);
          return {
            title: "Tenants",
            lead: "Customers of the API gateway. What is written in a file is brought here with daypass api apply.",
            body: [h("section", { "aria-label": "All tenants" }, list.length > 0
              ? rows
              : empty("There are no tenants yet. Describe one in a file and run ", code("daypass api apply FILE"), "."))],
          };
        }

        const SESSION_WORDS = { never: "not needed", browser: "from browsers", always: "always" };

        const STATUSES = [
          ["active", "Active: requests are served"], ["suspended", "Suspended: every request is refused"],
          ["past_due", "Past due: refused until paid"], ["cancelled", "Cancelled: refused for good"],
        ];

        function changeStatus(record, context) {
          const field = choiceField("status", "Status", STATUSES, { value: record.status });
          openForm(`Status of ${record.slug}`, {
            intro: h("p", null, "The change holds for every request that starts after it."), fields: [field], confirm: "Change status",
            async submit(dialog, close) {
              await api.setStatus(record.slug, field.value());
              close();
              await context.reload();
              announce(`${record.slug} is now ${field.value().replace("_", " ")}.`);
            },
          });
        }

        function suspend(record, context) {
          confirmDialog(`Suspend ${record.slug}?`,
            "Every request with one of its keys is refused with TENANT_SUSPENDED from now on, and open streams are cut. You can activate it again at any time.",
            "Suspend", () => api.setStatus(record.slug, "suspended"),
            async () => { await context.reload(); announce(`${record.slug} is suspended.`); });
        }

        export async function tenant(context, slug) {
          const record = await api.tenant(slug, context.signal);
          const activate = async (event) => {
            event.currentTarget.disabled = true;
            try {
              await api.setStatus(slug, "active");
              await context.reload();
              announce(`${slug} is active.`);
            } catch (error) { announce(error.message); event.target.disabled = false; }
          };
          const routes = table(`Routes of ${slug}`, [
            { label: "Path", head: true, cell: (route) => code(route.path) },
            { label: "Methods", cell: (route) => codes(route.methods) },
            { label: "Scope", cell: (route) => code(route.scope) },
            { label: "Session", cell: (route) => SESSION_WORDS[route.session] || (route.methods.some((method) => !["GET", "HEAD", "OPTIONS"].includes(method)) ? "writes from browsers" : "not needed") },
            { label: "Module", cell: (route) => route.module ? code(route.module) : h("span", { class: "quiet" }, "none") },
            { label: "Limit class", cell: (route) => route.limitClass ? code(route.limitClass) : h("span", { class: "quiet" }, "by method") },
            { label: "Idempotency", cell: (route) => route.idempotency || h("span", { class: "quiet" }, "off") },
          ], record.routes);
          const query = `?tenant=${encodeURIComponent(slug)}`;
          return {
            title: record.slug,
            back: link("/console/tenants", "Tenants"),
            badge: badge(record.status),
            actions: [
              record.status === "active"
                ? button("Suspend…", { class: "button danger" }, () => suspend(record, context))
                : button("Activate", { class: "button" }, activate),
              button("Other status…", {}, () => changeStatus(record, context)),
            ],
            body: [
              h("ul", { class: "links" }, [["keys", "Keys"], ["usage", "Usage"], ["refusals", "Recent refusals"], ["audit", "Audit"]]
                .map(([page, label]) => h("li", null, link(`/console/${page}${query}`, label)))),
              section("Where it is", {}, facts([
                ["Hosts", [codes(record.hosts), record.default && h("span", { class: "under" }, "and the edge's own host")]],
                ["Base path", code(record.basePath || "/")], ["Upstream", code(record.upstream)],
                ["Session tokens live", plural(record.sessionMinutes, "minute")], ["Modules", codes(record.modules)],
              ])),
              section("Routes", { extra: h("span", { class: "count" }, plural(record.routes.length, "route")) },
                record.routes.length > 0 ? routes : empty("No routes: every request is refused with ROUTE_NOT_FOUND.")),
            ],
          };
        }

        """#
}
