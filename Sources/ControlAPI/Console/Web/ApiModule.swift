extension ConsoleAssets {
    /// `/console/assets/api.js`: calls of the server, and what it refuses.
    static let apiModule = #"""
        // Calls of the server, as signed in: the browser adds the cookie, this file the field that no other page can add.

        // What the server refused, or why it could not be asked (status 0).
        export class Refusal extends Error {
          constructor(status, body, retryAfter) {
            super((body && body.error) || `The server answered ${status}.`);
            this.status = status;
            this.code = body && body.code;
            this.details = (body && body.details) || [];
            this.retryAfter = retryAfter;
          }
        }

        // Told `signed-out` when the server says that the sign-in has ended.
        export const signals = new EventTarget();

        async function send(method, path, init) {
          let answer;
          try {
            answer = await fetch(path, {
              method, cache: "no-store", credentials: "same-origin", redirect: "error", ...init,
              headers: { "X-Daypass-Console": "1", ...init.headers },
            });
          } catch (error) {
            if (error.name === "AbortError") throw error;
            throw new Refusal(0, { error: "The server does not answer. Check that it is running, and try again." });
          }
          const text = await answer.text();
          let body = null;
          try { body = text ? JSON.parse(text) : null; } catch { /* an answer of something in between */ }
          if (answer.ok) return body;
          throw new Refusal(answer.status, body, Number(answer.headers.get("Retry-After")) || null);
        }

        // One call: `body` is sent as JSON, `query` without its empty values.
        export async function call(method, path, { body, query, signal } = {}) {
          const pairs = Object.entries(query || {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
          const search = pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : "";
          const init = { signal, headers: {} };
          if (body !== undefined) {
            init.headers["Content-Type"] = "application/json";
            init.body = JSON.stringify(body);
          }
          try {
            return await send(method, path + search, init);
          } catch (error) {
            if (error.status === 401) signals.dispatchEvent(new Event("signed-out"));
            throw error;
          }
        }

        export const get = (path, query, signal) => call("GET", path, { query, signal });
        export const post = (path, body) => call("POST", path, { body });

        const admin = "/admin/v1";
        const organization = (id) => `${admin}/organizations/${encodeURIComponent(id)}`;

        export const api = {
          signIn: (token) => send("POST", "/console/sign-in", { body: new URLSearchParams({ token }) }),
          signOut: () => send("POST", "/console/sign-out", {}),
          session: () => send("GET", "/console/session", {}),
          tenants: async (signal) => (await get(`${admin}/tenants`, null, signal)).tenants,
          tenant: (slug, signal) => get(`${admin}/tenants/${encodeURIComponent(slug)}`, null, signal),
          setStatus: (slug, status) => post(`${admin}/tenants/${encodeURIComponent(slug)}/status`, { status }),
          plans: async (signal) => (await get(`${admin}/plans`, null, signal)).plans,
          keys: (query, signal) => get(`${admin}/keys`, query, signal),
          key: (id, signal) => get(`${admin}/keys/${encodeURIComponent(id)}`, null, signal),
          createKey: (body) => post(`${admin}/keys`, body),
          updateKey: (id, body) => post(`${admin}/keys/${encodeURIComponent(id)}`, body),
          rotateKey: (id, grace) => post(`${admin}/keys/${encodeURIComponent(id)}/rotate`, grace ? { grace } : undefined),
          revokeKey: (id) => post(`${admin}/keys/${encodeURIComponent(id)}/revoke`),
          revokeSessions: (id) => post(`${admin}/keys/${encodeURIComponent(id)}/revoke-sessions`),
          usage: async (query, signal) => (await get(`${admin}/usage`, query, signal)).usage,
          refusals: async (query, signal) => (await get(`${admin}/refusals`, query, signal)).refusals,
          gatewayAudit: async (query, signal) => (await get(`${admin}/audit`, query, signal)).events,
          audit: async (query, signal) => (await get("/audit", query, signal)).events,
          sessions: (query, signal) => get("/sessions", query, signal),
          organizations: async (signal) => (await get(`${admin}/organizations`, null, signal)).organizations,
          organization: (id, signal) => get(organization(id), null, signal),
          createOrganization: (body) => post(`${admin}/organizations`, body),
          updateOrganization: (id, body) => post(organization(id), body),
          organizationTokens: async (id, signal) => (await get(`${organization(id)}/tokens`, null, signal)).tokens,
          createOrganizationToken: (id, body) => post(`${organization(id)}/tokens`, body),
          revokeOrganizationToken: (id, token) => post(`${organization(id)}/tokens/${encodeURIComponent(token)}/revoke`),
          wallets: (id, query, signal) => get(`${organization(id)}/wallets`, query, signal),
          registerWallet: (id, body) => post(`${organization(id)}/wallets`, body),
          walletSessions: (id, query, signal) => get(`${organization(id)}/sessions`, query, signal),
          walletSession: (id, session, signal) => get(`${organization(id)}/sessions/${encodeURIComponent(session)}`, null, signal),
          revokeWalletSession: (id, session) => post(`${organization(id)}/sessions/${encodeURIComponent(session)}/revoke`),
          walletAudit: async (ledger, query, signal) => (await get(`${admin}/wallet-audit/${encodeURIComponent(ledger)}`, query, signal)).records,
          verifyWalletAudit: (ledger) => get(`${admin}/wallet-audit/${encodeURIComponent(ledger)}/verify`),
          chains: async (signal) => (await get(`${admin}/chains`, null, signal)).chains,
          putChain: (id, body) => call("PUT", `${admin}/chains/${encodeURIComponent(id)}`, { body }),
          deleteChain: (id) => call("DELETE", `${admin}/chains/${encodeURIComponent(id)}`, {}),
          changeSession: (slug, change) => post(`/sessions/by-slug/${encodeURIComponent(slug)}/${change}`),
        };

        // Every key of one tenant or of all, at most `limit`; answers also whether there are more.
        export async function allKeys(tenant, signal, limit = 1000) {
          const keys = [];
          let after;
          do {
            const page = await api.keys({ tenant, after, limit: 100 }, signal);
            keys.push(...page.keys);
            after = page.next;
          } while (after && keys.length < limit);
          return { keys, more: Boolean(after) };
        }

        """#
}
