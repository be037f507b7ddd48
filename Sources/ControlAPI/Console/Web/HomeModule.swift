extension ConsoleAssets {
    /// `/console/assets/home.js`: what is going on now.
    static let homeModule = #"""
        // Home: what is going on now.
        import { api, allKeys } from "./api.js";
        import { h, section, table, badge, link, when, count, empty, announce, button, plural, code } from "./dom.js";
        import { confirmDialog, problem } from "./forms.js";

        // Midnight here, as the usage call wants it.
        const today = () => { const day = new Date(); day.setHours(0, 0, 0, 0); return day.toISOString(); };

        async function allSessions(signal) {
          const sessions = [];
          let after;
          do {
            const page = await api.sessions({ after, limit: 100 }, signal);
            sessions.push(...page.sessions);
            after = page.next;
          } while (after && sessions.length < 2000);
          return sessions;
        }

        const ENDED = ["closed", "expired"];

        function sessionTable(sessions, reload) {
          const act = (slug, change, words) => async (event) => {
            const pressed = event.currentTarget;
            pressed.disabled = true;
            try {
              await api.changeSession(slug, change);
              announce(`${slug} ${words}.`);
            } catch (error) {
              announce(error.message);
            }
            pressed.disabled = false;
            await reload(slug);
          };
          return table("Tunnel sessions", [
            {
              label: "Session", head: true,
              cell: (session) => [
                h("a", { href: session.publicUrl, target: "_blank", rel: "noopener noreferrer" }, session.slug,
                  h("span", { class: "unseen" }, " (opens in a new tab)")),
                h("span", { class: "under" }, session.publicUrl),
              ],
            },
            { label: "State", cell: (session) => badge(session.status) },
            { label: "Viewers", number: true, cell: (session) => `${count(session.activeViewers)} of ${count(session.policy.maxConcurrentViewers)}` },
            { label: "Expires", cell: (session) => when(session.expiresAt) },
            { label: "Made", cell: (session) => when(session.createdAt) },
            {
              label: "Actions", unseen: true,
              cell: (session) => ENDED.includes(session.status) ? null : h("div", { class: "row-actions" },
                session.status === "paused"
                  ? button("Resume", { class: "button plain small", "aria-label": `Resume ${session.slug}`, "data-key": `${session.slug} pause` }, act(session.slug, "resume", "is open again"))
                  : button("Pause", { class: "button plain small", "aria-label": `Pause ${session.slug}`, "data-key": `${session.slug} pause` }, act(session.slug, "pause", "is paused")),
                button("Close…", { class: "button danger small", "aria-label": `Close ${session.slug}` }, () => confirmDialog(
                  `Close ${session.slug} for good?`, "Everybody is cut off at once and the link never works again.", "Close for good",
                  () => api.changeSession(session.slug, "close"), async () => { announce(`${session.slug} is closed.`); await reload(); }))),
            },
          ], sessions);
        }

        const tile = (label, value, href, under) =>
          h("li", null, h(href ? "a" : "div", { class: "tile", href, "data-page": href ? true : null },
            h("span", { class: "tile-label" }, label), h("span", { class: "tile-value" }, value), h("span", { class: "tile-under" }, under || "\u00a0")));

        function tiles(tenants, keys, usage) {
          const sum = (counts) => counts.reduce((total, each) => total + each.count, 0);
          const refused = usage.filter((each) => each.code);
          const passed = sum(usage.filter((each) => !each.code));
          const inactive = tenants.filter((each) => each.status !== "active").length;
          const working = keys.keys.filter((each) => !each.revokedAt && !(each.expiresAt && Date.parse(each.expiresAt) <= Date.now())).length;
          const total = passed + sum(refused);
          return h("ul", { class: "tiles" },
            tile("Tenants", count(tenants.length), "/console/tenants", inactive ? `${plural(inactive, "tenant")} not active` : "all active"),
            tile("Keys", count(keys.keys.length) + (keys.more ? "+" : ""), "/console/keys", `${count(working)} in force`),
            tile("Requests today", count(total), "/console/usage", `${count(passed)} passed`),
            tile("Refusals today", count(sum(refused)), "/console/refusals", total ? `${(100 * sum(refused) / total).toFixed(1)} % of requests` : null));
        }

        // The codes refused most today.
        function topCodes(usage) {
          const byCode = new Map();
          for (const each of usage) if (each.code) byCode.set(each.code, (byCode.get(each.code) || 0) + each.count);
          const top = [...byCode].sort((a, b) => b[1] - a[1]).slice(0, 5);
          if (top.length === 0) return empty("Nothing was refused today.");
          return table("Refusals today by code", [
            { label: "Code", head: true, cell: ([name]) => link(`/console/refusals?code=${encodeURIComponent(name)}`, code(name)) },
            { label: "Requests", number: true, cell: ([, number]) => count(number) },
          ], top);
        }

        // What the API gateway has to say; null on a server that has none.
        async function gateway(signal) {
          try {
            return await Promise.all([
              api.tenants(signal), allKeys(null, signal),
              api.usage({ from: today(), until: new Date(Date.now() + 60000).toISOString(), interval: "hour" }, signal),
            ]);
          } catch (error) {
            if (error.status === 404 || error.status === 503) return null;
            throw error;
          }
        }

        export async function home(context) {
          const [sessions, known] = await Promise.all([allSessions(context.signal), gateway(context.signal)]);
          const place = h("div");
          const number = h("span", { class: "count" });
          const toggle = h("input", { type: "checkbox", id: "show-ended" });
          let all = sessions;
          function draw() {
            const open = all.filter((session) => !ENDED.includes(session.status));
            const visible = toggle.checked ? all : open;
            number.textContent = plural(open.length, "open session");
            place.replaceChildren(visible.length > 0
              ? sessionTable(visible, reload)
              : empty("No app is lent out right now. Start one with ", code("daypass http 3000"), "."));
          }
          async function reload(slug) {
            try {
              all = await allSessions(context.signal);
              draw();
              if (slug) place.querySelector(`[data-key="${CSS.escape(`${slug} pause`)}"]`)?.focus();
            } catch (error) {
              if (error.name !== "AbortError" && error.status !== 401) place.prepend(problem(error));
            }
          }
          toggle.addEventListener("change", draw);
          draw();
          // Not while somebody is at one of the buttons: the table is made anew. Long lists take several calls, so less often.
          context.every(sessions.length < 100 ? 5000 : 60000, async () => {
            if (place.contains(document.activeElement) || document.querySelector("dialog[open]")) return;
            try {
              const next = await allSessions(context.signal);
              if (!place.contains(document.activeElement)) { all = next; draw(); }
            } catch { /* The next time may be better. */ }
          });
          return {
            title: "Home",
            body: [
              known && tiles(...known),
              section("Tunnel sessions", {
                extra: h("div", { class: "section-extra" }, number, h("label", { class: "check" }, toggle, "Show ended ones")),
              }, place),
              known
                ? section("Refused most today", { extra: link("/console/refusals", "Recent refusals") }, topCodes(known[2]))
                : h("p", { class: "empty" }, "This server does not run the API gateway, so there are no tenants, keys and usage to show."),
            ],
          };
        }

        """#
}
