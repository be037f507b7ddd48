extension ConsoleAssets {
    /// `/console/assets/key-forms.js`: making, changing and rotating keys.
    static let keyFormsModule = #"""
        // Making and changing keys. A secret is shown once, in the dialog that made it, and kept nowhere in the page.
        import { api } from "./api.js";
        import { h, code } from "./dom.js";
        import { openForm, textField, listField, choiceField, radioField, showSecret } from "./forms.js";

        const ORIGIN_HINT = "One on each line, with scheme and port: https://shop.example.com, http://localhost:5173. https://*.example.com stands for one label.";

        const showKey = (dialog, close, record, words) => showSecret(dialog, close, {
          name: "key", secret: record.secret, words,
          hint: record.kind === "secret" ? "It is a secret key: keep it on your server, never in a page or a repository." : "It may stand in pages of the web origins you named.",
        });

        const planField = (plans, value) =>
          choiceField("plan", "Plan", plans.map((plan) => [plan.name, plan.name]), { value, hint: "Whose limits hold." });

        const scopesOf = (tenant) => [...new Set((tenant?.routes || []).map((route) => route.scope))].sort();

        // The scopes the tenant's routes ask for, to press instead of to type.
        function scopeField(suggestions, value) {
          const field = listField("scopes", "Scopes", { value, hint: "One on each line; routes ask for one of them by its whole name." });
          const list = h("div", { class: "suggestions", role: "group", "aria-label": "Scopes that routes ask for" });
          const draw = (scopes) => list.replaceChildren(...scopes.map((scope) => {
            const press = h("button", { type: "button", class: "chip", "aria-pressed": String(field.value().includes(scope)) }, scope);
            press.addEventListener("click", () => {
              const now = field.value();
              field.control.value = (now.includes(scope) ? now.filter((each) => each !== scope) : [...now, scope]).join("\n");
              press.setAttribute("aria-pressed", String(!now.includes(scope)));
            });
            return press;
          }));
          field.control.addEventListener("input", () => {
            for (const press of list.children) press.setAttribute("aria-pressed", String(field.value().includes(press.textContent)));
          });
          draw(suggestions);
          field.element.append(list);
          return Object.assign(field, { suggest: draw });
        }

        export async function createKey(tenants, preferred, done) {
          const plans = await api.plans().catch(() => [{ name: "standard" }]);
          const first = tenants.find((each) => each.slug === preferred) || tenants[0];
          const tenant = choiceField("tenant", "Tenant", tenants.map((each) => [each.slug, each.slug]), { value: first.slug });
          const name = textField("name", "Name", { hint: "So that you recognise it: Shop, production.", maxlength: "128", required: true });
          const kind = radioField("kind", "Kind", [["publishable", "Publishable: may stand in a page"], ["secret", "Secret: for servers only"]], { value: "publishable" });
          const mode = radioField("mode", "Mode", [["live", "Live"], ["test", "Test"]], { value: "live" });
          const scopes = scopeField(scopesOf(first), []);
          const origins = listField("webOrigins", "Web origins", { hint: ORIGIN_HINT });
          const channels = choiceField("channels", "Works from", [["browser", "Web pages"], ["both", "Web pages and servers"]], { value: "browser" });
          const plan = planField(plans, "standard");
          const expires = choiceField("expiresIn", "Expires", [["", "Never"], ["30d", "In 30 days"], ["90d", "In 90 days"], ["365d", "In a year"]], { value: "" });
          tenant.control.addEventListener("change", () => scopes.suggest(scopesOf(tenants.find((each) => each.slug === tenant.value()))));
          kind.control.addEventListener("change", () => {
            origins.element.hidden = channels.element.hidden = kind.value() === "secret";
          });
          openForm("Create a key", {
            fields: [tenant, name, kind, mode, scopes, origins, channels, plan, expires], confirm: "Create key", wide: true,
            async submit(dialog, close) {
              const body = {
                tenant: tenant.value(), name: name.value(), kind: kind.value(), mode: mode.value(), scopes: scopes.value(), plan: plan.value(),
              };
              if (kind.value() === "publishable") Object.assign(body, { webOrigins: origins.value(), channels: channels.value() });
              if (expires.value()) body.expiresIn = expires.value();
              const record = await api.createKey(body);
              dialog.addEventListener("close", done, { once: true });
              showKey(dialog, close, record, `${record.name}, for ${record.tenant}.`);
            },
          });
          name.focus();
        }

        export async function editKey(record, done) {
          const [plans, tenant] = await Promise.all([
            api.plans().catch(() => [{ name: record.plan }]), api.tenant(record.tenant).catch(() => null),
          ]);
          const name = textField("name", "Name", { value: record.name, maxlength: "128", required: true });
          const scopes = scopeField(scopesOf(tenant), record.scopes);
          const plan = planField(plans, record.plan);
          const fields = [name, scopes, plan];
          let origins;
          let channels;
          if (record.kind === "publishable") {
            origins = listField("webOrigins", "Web origins", { hint: ORIGIN_HINT, value: record.webOrigins });
            channels = choiceField("channels", "Works from", [["browser", "Web pages"], ["both", "Web pages and servers"]], { value: record.channels });
            fields.splice(1, 0, origins);
            fields.push(channels);
          }
          openForm(`Edit ${record.name}`, {
            intro: h("p", null, "What you change holds for every request that starts after it."), fields, confirm: "Save", wide: true,
            async submit(dialog, close) {
              const body = { name: name.value(), scopes: scopes.value(), plan: plan.value() };
              if (origins) Object.assign(body, { webOrigins: origins.value(), channels: channels.value() });
              await api.updateKey(record.id, body);
              close();
              await done();
            },
          });
        }

        export function rotateKey(record, done) {
          const grace = choiceField("grace", "The old secret works for", [
            ["24h", "24 hours more"], ["1h", "one hour more"], ["7d", "7 days more"], ["30d", "30 days more"], ["", "not a moment more"],
          ], { value: "24h", hint: "Long enough to bring the new one everywhere." });
          openForm(`Rotate ${record.name}`, {
            intro: [h("p", null, "The key gets a new secret. Identifier, limits and sessions stay."),
              record.previous && Date.parse(record.previous.worksUntil) > Date.now()
                ? h("p", { class: "warning" }, "An earlier secret, ", code(record.previous.key), ", still works. It ends at once.") : null],
            fields: [grace], confirm: "Rotate",
            async submit(dialog, close) {
              const fresh = await api.rotateKey(record.id, grace.value());
              dialog.addEventListener("close", done, { once: true });
              showKey(dialog, close, fresh, grace.value() ? "The old secret still works for the time you chose." : "The old secret does not work any more.");
            },
          });
        }

        """#
}
