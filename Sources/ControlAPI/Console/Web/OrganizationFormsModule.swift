extension ConsoleAssets {
    /// `/console/assets/organization-forms.js`: making and changing what belongs to organizations.
    static let organizationFormsModule = #"""
        // Making organizations, their tokens and wallets.
        import { api } from "./api.js";
        import { h } from "./dom.js";
        import { openForm, textField, choiceField, radioField, checksField, showSecret } from "./forms.js";

        const nameField = (value) => textField("name", "Name", { value, maxlength: "128", required: true, hint: "So that you recognise it." });

        const ALLOWANCES = [
          ["allowDelegatecall", "allow delegate calls, which run foreign code in the account"],
          ["allowWildcard", "leave the called contract open"],
        ];

        function rulesField(record = {}) {
          const value = ALLOWANCES.map(([name]) => name).filter((name) => record[name]);
          const field = checksField("allow", "Also accept delegations that", ALLOWANCES, { value, hint: "Sessions that exist stay as they are." });
          const body = () => Object.fromEntries(ALLOWANCES.map(([name]) => [name, field.value().includes(name)]));
          return { field, body };
        }

        export function createOrganization(done) {
          const name = nameField();
          const rules = rulesField();
          openForm("Create an organization", {
            fields: [name, rules.field], confirm: "Create organization",
            async submit(dialog, close) {
              await api.createOrganization({ name: name.value(), ...rules.body() });
              close();
              await done();
            },
          });
          name.focus();
        }

        export function editOrganization(record, done) {
          const name = nameField(record.name);
          const rules = rulesField(record);
          openForm(`Edit ${record.name}`, {
            fields: [name, rules.field], confirm: "Save",
            async submit(dialog, close) {
              await api.updateOrganization(record.id, { name: name.value(), ...rules.body() });
              close();
              await done();
            },
          });
        }

        const SCOPES = [
          ["read", "read: list and show sessions"], ["write", "write: create and revoke sessions, make session keys"],
          ["execute", "execute: act under sessions"],
        ];

        export function createToken(organization, done) {
          const label = textField("label", "Label", { hint: "Which program has it: payroll, treasury bot.", maxlength: "128", required: true });
          const scopes = checksField("scopes", "Scopes", SCOPES, { value: ["read"], hint: "None includes another." });
          const expires = choiceField("expiresIn", "Expires", [["30d", "In 30 days"], ["90d", "In 90 days"], ["365d", "In a year"], ["", "Never"]], { value: "90d" });
          openForm("Create a token", {
            fields: [label, scopes, expires], confirm: "Create token",
            async submit(dialog, close) {
              const body = { label: label.value(), scopes: scopes.value() };
              if (expires.value()) body.expiresIn = expires.value();
              const record = await api.createOrganizationToken(organization.id, body);
              dialog.addEventListener("close", done, { once: true });
              showSecret(dialog, close, {
                name: "token", secret: record.token, words: `${record.label}, for ${organization.name}: ${record.scopes.join(", ")}.`,
                hint: "Keep it where the program that calls keeps its secrets.",
              });
            },
          });
          label.focus();
        }

        export function registerWallet(organization, done) {
          const name = nameField();
          const kind = radioField("kind", "Kind", [
            ["kernel", "Kernel account: every delegation is proven"], ["opaque", "Any other vendor's: delegations are kept as they are, and nothing is proven"],
          ], { value: "kernel", hint: "It never changes." });
          const address = textField("address", "Address", { maxlength: "42", placeholder: "0x…", autocapitalize: "none" });
          const version = choiceField("kernelVersion", "Kernel version",
            [["", "Whichever is proven"], ...["0.3.3", "0.3.2", "0.3.1", "0.3.0"].map((each) => [each, each])], { value: "" });
          kind.control.addEventListener("change", () => { version.element.hidden = kind.value() !== "kernel"; });
          openForm("Register a wallet", {
            intro: h("p", null, `A smart-contract account of ${organization.name}. Whoever owns it signs each delegation.`),
            fields: [name, kind, address, version], confirm: "Register wallet",
            async submit(dialog, close) {
              const body = { name: name.value(), kind: kind.value() };
              if (address.value()) body.address = address.value();
              if (version.value() && body.kind === "kernel") body.kernelVersion = version.value();
              await api.registerWallet(organization.id, body);
              close();
              await done(body.name);
            },
          });
          name.focus();
        }

        """#
}
