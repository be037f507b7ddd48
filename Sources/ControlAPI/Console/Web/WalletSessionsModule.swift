extension ConsoleAssets {
    /// `/console/assets/wallet-sessions.js`: one wallet session, and audit trails of wallets.
    static let walletSessionsModule = #"""
        // One wallet session with what was proven, and the audit trails of organizations and of the server.
        import { api } from "./api.js";
        import { h, section, table, badge, link, facts, code, when, empty, announce, button, plural, count } from "./dom.js";
        import { choiceField, confirmDialog, problem } from "./forms.js";

        const ACCOUNT = {
          init_code: "its address follows from the factory and the init code", chain: "the chain says so",
          authorization: "it signed that it takes on Kernel's code (EIP-7702)",
        };
        const APPROVAL = {
          digest: "signed for this chain", message: "signed as a message (EIP-191)",
          merkle_root: "signed once for several chains", preinstalled: "made the account with the permission in it",
        };
        const ROOT = { ecdsa: "an ECDSA key", multi_chain_ecdsa: "an ECDSA key, for several chains at once", account_key: "the account's own key" };
        const ENFORCER = { chain: ["good", "The chain"], gateway: ["plain", "This server"] };
        const hasMembers = (object) => Object.keys(object || {}).length > 0;

        function proven(session) {
          const proof = session.proven;
          if (!proof) return [empty("Nothing: the wallet is opaque. Its delegation is kept as it was sent, and the gateway does not act under it.")];
          return [facts([
            ["Account", `${ACCOUNT[proof.account] || proof.account}; Kernel ${proof.kernelVersion}`],
            ["Owner", [proof.owner && code(proof.owner), h("span", { class: "under" }, ROOT[proof.root] || proof.root)]],
            ["Approval", APPROVAL[proof.approval] || proof.approval], ["Nonce", count(proof.nonce)],
            ["Permission", code(proof.permissionId)], proof.digest && ["Digest", code(proof.digest)],
          ])];
        }

        const rules = (session) => table("Rules", [
          { label: "Rule", head: true, cell: (rule) => rule.text },
          { label: "About", cell: (rule) => rule.kind },
          { label: "Enforced by", cell: (rule) => h("span", { class: `badge ${(ENFORCER[rule.enforcedBy] || ["plain"])[0]}` }, (ENFORCER[rule.enforcedBy] || [0, rule.enforcedBy])[1]) },
        ], session.rules);

        export async function walletSession(context, id) {
          const organization = context.query.get("org") || "";
          const [session, owner] = await Promise.all([
            api.walletSession(organization, id, context.signal), api.organization(organization, context.signal),
          ]);
          const revoke = () => confirmDialog(`Revoke ${session.id}?`,
            ["Nothing more is signed or forwarded under it once this is answered. This cannot be undone.",
              session.proven && "The permission stays on the chain until it is uninstalled there: whoever holds the session key can still send operations elsewhere."],
            "Revoke for good", () => api.revokeWalletSession(organization, session.id),
            async () => { await context.reload(); announce("The session is revoked."); });
          return {
            title: session.id,
            back: link(`/console/organizations/${owner.id}`, owner.name),
            badge: badge(session.state),
            actions: session.state === "active" ? [button("Revoke…", { class: "button danger" }, revoke)] : null,
            body: [
              session.warnings.length > 0 && section("What the chain does not enforce", {}, h("ul", { class: "warnings" }, session.warnings.map((warning) =>
                h("li", { class: "warning" }, warning.message, " ", code(warning.code))))),
              section("The session", {}, facts([
                ["Wallet", [code(session.walletId), h("span", { class: "under" }, session.kind)]], ["Chain", String(session.chainId)],
                ["Session key", [code(session.sessionAddress), h("span", { class: "under" }, session.sessionKeyId ? ["kept by this server as ", code(session.sessionKeyId)] : "kept by whoever created the session")]],
                ["Group", code(session.sessionGroupId)], session.workflowId && ["Workflow", session.workflowId],
                ["Created", when(session.createdAt, true)], ["Ends", when(session.expiresAt, true)],
                session.revokedAt && ["Revoked", when(session.revokedAt, true)],
              ])),
              section("What was proven", {}, ...proven(session)),
              section("Rules", {}, session.rules.length > 0 ? rules(session) : empty("None are known.")),
              section("Policy", {}, hasMembers(session.policies)
                ? h("pre", { tabindex: "0", role: "group", "aria-label": "The policy as JSON" }, JSON.stringify(session.policies, null, 2))
                : empty("What the owner signed, and nothing more.")),
            ],
          };
        }

        // MARK: Audit trails

        const LIMITS = ["50", "200", "1000"].map((number) => [number, `${number} newest`]);

        export async function walletAudit(context, ledger) {
          const isServer = ledger === "server";
          const owner = isServer ? null : await api.organization(ledger, context.signal).catch((error) => {
            // The trail of a deleted organization stays.
            if (error.status === 404) return { id: ledger, name: ledger, isGone: true };
            throw error;
          });
          const limit = choiceField("limit", "Show", LIMITS, { value: context.query.get("limit") || "50" });
          const place = h("div");
          const load = async () => {
            const records = await api.walletAudit(ledger, { limit: limit.value() }, context.signal);
            place.replaceChildren(records.length > 0 ? table("Audit trail, newest first", [
              { label: "When", head: true, cell: (each) => [when(each.at, true), h("span", { class: "under" }, `record ${count(each.sequence)}`)] },
              { label: "What", cell: (each) => [code(each.action), hasMembers(each.details) && h("span", { class: "under" }, JSON.stringify(each.details))] },
              { label: "About", cell: (each) => code(each.subject) },
              { label: "Who", cell: (each) => [each.actor, each.address && h("span", { class: "under" }, each.address)] },
            ], records) : empty("Nothing has happened yet."));
            return records.length;
          };
          limit.control.addEventListener("change", async () => {
            context.remember({ limit: limit.value() });
            try { announce(`${plural(await load(), "record")}.`); } catch (error) { if (error.name !== "AbortError") place.replaceChildren(problem(error)); }
          });
          await load();
          const result = h("div", { id: "verdict" });
          const verify = button("Verify", { class: "button" }, async () => {
            verify.disabled = true;
            try {
              const verdict = await api.verifyWalletAudit(ledger);
              const words = verdict.intact
                ? `All ${plural(verdict.verified, "record")} are whole.`
                : `The trail is not whole from record ${count(verdict.problem.sequence)} on. ${verdict.problem.message}`;
              result.replaceChildren(h("p", { class: verdict.intact ? "notice" : "problem", role: "status" }, words, verdict.intact && verdict.head.sequence > 0
                ? h("span", { class: "under" }, "The last one is ", code(verdict.head.hash)) : null));
            } catch (error) { result.replaceChildren(problem(error)); }
            verify.disabled = false;
          });
          return {
            title: isServer ? "Audit trail of organizations and chains" : `Audit trail of ${owner.name}`,
            back: isServer ? link("/console/chains", "Chains") : link(owner.isGone ? "/console/organizations" : `/console/organizations/${owner.id}`, owner.name),
            lead: "Each record holds the hash of the one before; verifying computes all of them again.",
            actions: [verify],
            body: [result, h("div", { class: "filters", role: "search", "aria-label": "Audit trail" }, limit.element), h("section", { "aria-label": "Audit trail" }, place)],
          };
        }

        """#
}
