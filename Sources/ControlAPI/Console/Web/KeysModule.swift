extension ConsoleAssets {
    /// `/console/assets/keys.js`: keys, as a list and one by one.
    static let keysModule = #"""
        // Keys: who may call, from where, and taking it back.
        import { api } from "./api.js";
        import { h, section, table, badge, link, facts, codes, code, when, empty, announce, button, plural } from "./dom.js";
        import { choiceField, confirmDialog, problem } from "./forms.js";
        import { createKey, editKey, rotateKey } from "./key-forms.js";

        const PAGE = 20;
        const CHANNELS = { browser: "web pages", server: "servers", both: "web pages and servers" };

        export function stateOf(record, now = Date.now()) {
          if (record.revokedAt) return "revoked";
          return record.expiresAt && Date.parse(record.expiresAt) <= now ? "expired" : "works";
        }

        export async function keys(context) {
          const tenants = await api.tenants(context.signal);
          const slugs = tenants.map((each) => each.slug);
          const wanted = context.query.get("tenant") || "";
          const filter = choiceField("tenant", "Tenant", [["", "All tenants"], ...slugs.map((slug) => [slug, slug])], { value: wanted });
          const place = h("div");
          async function load() {
            const tenant = filter.value();
            let page = await api.keys({ tenant, limit: PAGE }, context.signal);
            if (page.keys.length === 0) {
              place.replaceChildren(empty(tenant ? `${tenant} has no keys yet.` : "There are no keys yet."));
              return 0;
            }
            const rows = table("API keys", [
              { label: "Name", head: true, cell: (each) => [link(`/console/keys/${each.id}`, each.name), h("span", { class: "under" }, code(each.key))] },
              { label: "Tenant", cell: (each) => link(`/console/tenants/${each.tenant}`, each.tenant) },
              { label: "State", cell: (each) => badge(stateOf(each)) },
              { label: "Works from", cell: (each) => CHANNELS[each.channels] || each.channels },
              { label: "Scopes", cell: (each) => codes(each.scopes, 4) },
              { label: "Last used", cell: (each) => when(each.lastUsedAt) },
            ], page.keys);
            const shown = h("span", { class: "count" }, plural(page.keys.length, "key") + (page.next ? " so far" : ""));
            let total = page.keys.length;
            const more = button("Show more keys", {}, async () => {
              more.disabled = true;
              try {
                page = await api.keys({ tenant, after: page.next, limit: PAGE }, context.signal);
                const first = rows.tBodies[0].rows.length;
                rows.addRows(page.keys);
                total += page.keys.length;
                shown.textContent = plural(total, "key") + (page.next ? " so far" : "");
                announce(`${plural(page.keys.length, "more key", "more keys")}.`);
                rows.tBodies[0].rows[first]?.querySelector("a").focus();
                more.hidden = !page.next;
              } catch (error) { if (error.name !== "AbortError") place.append(problem(error)); }
              more.disabled = false;
            });
            more.hidden = !page.next;
            place.replaceChildren(rows, h("div", { class: "after-table" }, shown, more));
            return total;
          }
          filter.control.addEventListener("change", async () => {
            context.remember({ tenant: filter.value() });
            try { announce(`${plural(await load(), "key")}.`); } catch (error) { if (error.name !== "AbortError") place.replaceChildren(problem(error)); }
          });
          await load();
          const create = button("Create key…", { class: "button", disabled: tenants.length === 0 }, () => createKey(tenants, filter.value(), () => context.reload()));
          return {
            title: "Keys",
            lead: "A publishable key may stand in a web page; a secret key never.",
            actions: [create],
            body: [
              h("div", { class: "filters", role: "search", "aria-label": "Keys" }, filter.element),
              h("section", { "aria-label": "API keys" }, place),
            ],
          };
        }

        export async function key(context, id) {
          const record = await api.key(id, context.signal);
          const state = stateOf(record);
          const changed = async (words) => { await context.reload(); announce(words); };
          const revoke = () => confirmDialog(`Revoke ${record.name}?`,
            ["Every request with this key is refused from now on, and its session tokens are void. This cannot be undone.",
              record.channels !== "server" && h("span", null, "Pages that carry it stop working: ", codes(record.webOrigins, 8))],
            "Revoke for good", () => api.revokeKey(record.id), () => changed(`${record.name} is revoked.`));
          const endSessions = () => confirmDialog(`End all sessions of ${record.name}?`,
            "Every session token issued until now is void. Pages get new ones by themselves as long as the key works.",
            "End sessions", () => api.revokeSessions(record.id), () => changed("All sessions of the key have ended."));
          return {
            title: record.name,
            back: link("/console/keys", "Keys"),
            badge: badge(state),
            actions: state === "revoked" ? null : [
              button("Edit…", {}, () => editKey(record, () => changed("The key was changed."))),
              button("Rotate…", {}, () => rotateKey(record, () => context.reload())),
              button("End sessions…", {}, endSessions),
              button("Revoke…", { class: "button danger" }, revoke),
            ],
            body: [
              section("The key", {}, facts([
                ["Key", code(record.key)],
                record.previous && ["Previous secret", [code(record.previous.key), " ",
                  Date.parse(record.previous.worksUntil) > Date.now() ? "works until " : "stopped working ", when(record.previous.worksUntil, true)]],
                ["Identifier", code(record.id)],
                ["Tenant", link(`/console/tenants/${record.tenant}`, record.tenant)],
                ["Kind", `${record.kind}, ${record.mode}`],
                ["Made", when(record.createdAt, true)], ["Expires", when(record.expiresAt, true)],
                record.revokedAt && ["Revoked", when(record.revokedAt, true)], ["Last used", when(record.lastUsedAt)],
              ])),
              section("What it allows", {}, facts([
                ["Scopes", codes(record.scopes)], ["Works from", CHANNELS[record.channels] || record.channels],
                record.channels !== "server" && ["Web origins", codes(record.webOrigins)], ["Plan", code(record.plan)],
              ])),
              h("ul", { class: "links" },
                h("li", null, link(`/console/usage?tenant=${encodeURIComponent(record.tenant)}&key=${encodeURIComponent(record.id)}`, "Usage of this key")),
                h("li", null, link(`/console/refusals?tenant=${encodeURIComponent(record.tenant)}`, "Recent refusals of the tenant"))),
            ],
          };
        }

        """#
}
