extension ConsoleAssets {
    /// `/console/assets/organizations.js`: organizations with their tokens, wallets and sessions.
    static let organizationsModule = #"""
        // Organizations: who delegates wallets, with which tokens, and what is lent out now.
        import { api } from "./api.js";
        import { h, section, table, badge, link, facts, codes, code, when, empty, announce, button, plural } from "./dom.js";
        import { confirmDialog, problem } from "./forms.js";
        import { stateOf } from "./keys.js";
        import { createOrganization, editOrganization, createToken, registerWallet } from "./organization-forms.js";

        const PAGE = 20;
        const ALLOWANCES = [["allowDelegatecall", "delegate calls"], ["allowWildcard", "any contract"]];
        const quiet = (text) => h("span", { class: "quiet" }, text);
        const page = (id) => `/console/organizations/${id}`;

        function allowances(record) {
          const allowed = ALLOWANCES.filter(([name]) => record[name]).map(([, words]) => words);
          return allowed.length > 0 ? allowed.join(", ") : quiet("nothing unusual");
        }

        export async function organizations(context) {
          const list = await api.organizations(context.signal);
          const rows = table("Organizations", [
            { label: "Name", head: true, cell: (each) => [link(page(each.id), each.name), h("span", { class: "under" }, code(each.id))] },
            { label: "Delegations may also allow", cell: allowances },
            { label: "Made", cell: (each) => when(each.createdAt) },
          ], list);
          return {
            title: "Organizations",
            lead: "Whoever delegates wallets to session keys. Their own calls need their own tokens; the admin token does not act for them.",
            actions: [button("Create organization…", { class: "button" }, () => createOrganization(() => context.reload()))],
            body: [h("section", { "aria-label": "All organizations" }, list.length > 0 ? rows : empty("There are no organizations yet."))],
          };
        }

        // A table that takes one page after the other.
        async function paged(load, words, columns, nothing) {
          const first = await load(0);
          if (first.items.length === 0) return { node: empty(nothing), count: 0 };
          const rows = table(words[2], columns, first.items);
          let total = first.items.length;
          const shown = h("span", { class: "count" });
          const place = h("div", { class: "after-table" }, shown);
          const say = (hasMore) => { shown.textContent = plural(total, words[0], words[1]) + (hasMore ? " so far" : ""); };
          say(first.hasMore);
          if (first.hasMore) {
            const more = button(`Show more ${words[1]}`, {}, async () => {
              more.disabled = true;
              try {
                const next = await load(total);
                const index = rows.tBodies[0].rows.length;
                rows.addRows(next.items);
                total += next.items.length;
                say(next.hasMore);
                announce(`${plural(next.items.length, `more ${words[0]}`, `more ${words[1]}`)}.`);
                rows.tBodies[0].rows[index]?.querySelector("a, button")?.focus();
                more.hidden = !next.hasMore;
              } catch (error) { if (error.name !== "AbortError") place.append(problem(error)); }
              more.disabled = false;
            });
            place.append(more);
          }
          return { node: [rows, place], count: total };
        }

        function tokenTable(id, tokens, changed) {
          const revoke = (token) => confirmDialog(`Revoke ${token.label}?`,
            "Every call with this token is refused from now on. Sessions it created stay; revoke them one by one. This cannot be undone.",
            "Revoke for good", () => api.revokeOrganizationToken(id, token.id), () => changed(`${token.label} is revoked.`));
          return table("Tokens", [
            { label: "Label", head: true, cell: (each) => [each.label, h("span", { class: "under" }, code(each.id))] },
            { label: "State", cell: (each) => badge(stateOf(each)) },
            { label: "Scopes", cell: (each) => codes(each.scopes) },
            { label: "Made", cell: (each) => when(each.createdAt) }, { label: "Expires", cell: (each) => when(each.expiresAt) },
            {
              label: "Actions", unseen: true,
              cell: (each) => each.revokedAt ? null : h("div", { class: "row-actions" },
                button("Revoke…", { class: "button danger small", "aria-label": `Revoke ${each.label}` }, () => revoke(each))),
            },
          ], tokens);
        }

        const walletColumns = [
          { label: "Name", head: true, cell: (each) => [each.name, h("span", { class: "under" }, code(each.id))] },
          { label: "Kind", cell: (each) => [each.kind, each.kernelVersion && h("span", { class: "under" }, `must be Kernel ${each.kernelVersion}`)] },
          { label: "Address", cell: (each) => each.address ? code(each.address) : quiet("none") },
          { label: "Registered", cell: (each) => when(each.createdAt) },
        ];

        const sessionColumns = (id, names) => [
          {
            label: "Session", head: true,
            cell: (each) => [link(`/console/wallet-sessions/${each.id}?org=${encodeURIComponent(id)}`, each.id),
              each.workflowId && h("span", { class: "under" }, each.workflowId)],
          },
          { label: "Wallet", cell: (each) => names.get(each.walletId) || code(each.walletId) },
          { label: "Chain", cell: (each) => String(each.chainId) },
          { label: "Session key", cell: (each) => code(each.sessionAddress) },
          { label: "Ends", cell: (each) => when(each.expiresAt) },
        ];

        export async function organization(context, id) {
          const { signal } = context;
          const [record, tokens] = await Promise.all([api.organization(id, signal), api.organizationTokens(id, signal)]);
          const names = new Map();
          const wallets = await paged(async (offset) => {
            const answer = await api.wallets(id, { limit: PAGE, offset }, signal);
            for (const each of answer.items) names.set(each.id, each.name);
            return answer;
          }, ["wallet", "wallets", "Wallets"], walletColumns, "There are no wallets yet. Register the one that shall be lent.");
          const sessions = await paged((offset) => api.walletSessions(id, { limit: PAGE, offset }, signal),
            ["session", "sessions", "Active sessions"], sessionColumns(id, names), "No wallet is lent out right now.");
          const changed = async (words) => { await context.reload(); announce(words); };
          return {
            title: record.name,
            back: link("/console/organizations", "Organizations"),
            actions: [button("Edit…", {}, () => editOrganization(record, () => changed("The organization was changed.")))],
            body: [
              h("ul", { class: "links" }, h("li", null, link(`/console/wallet-audit/${record.id}`, "Audit trail")), h("li", null, link("/console/chains", "Chains"))),
              section("The organization", {}, facts([
                ["Identifier", code(record.id)], ["Delegations may also allow", allowances(record)], ["Made", when(record.createdAt, true)],
              ])),
              section("Active sessions", {}, sessions.node),
              section("Tokens", { extra: button("Create token…", { class: "button plain small" }, () => createToken(record, () => context.reload())) },
                tokens.length > 0 ? tokenTable(record.id, tokens, changed) : empty("There are no tokens yet. Without one the organization cannot call.")),
              section("Wallets", { extra: button("Register wallet…", { class: "button plain small" }, () => registerWallet(record, (name) => changed(`${name} is registered.`))) },
                wallets.node),
            ],
          };
        }

        """#
}
