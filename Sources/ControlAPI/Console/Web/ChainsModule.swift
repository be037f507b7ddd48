extension ConsoleAssets {
    /// `/console/assets/chains.js`: the chains the server knows.
    static let chainsModule = #"""
        // Chains: which the server knows, and whom it asks about accounts there.
        import { api } from "./api.js";
        import { h, table, link, code, empty, announce, button } from "./dom.js";
        import { confirmDialog, openForm, textField } from "./forms.js";

        const quiet = (text) => h("span", { class: "quiet" }, text);

        function setChain(record, done) {
          const id = textField("chainId", "Chain", { value: record ? String(record.chainId) : "", inputmode: "numeric", maxlength: "16", readonly: Boolean(record), hint: "Its number (EIP-155): 84532 is Base Sepolia." });
          const name = textField("name", "Name", { value: record?.name, maxlength: "128" });
          const again = record ? "It is not shown, because it may hold a provider's key: enter it again." : "It is shown without path and query afterwards.";
          const node = textField("nodeUrl", "Node", { hint: `The URL asked about accounts. ${again}`, maxlength: "2048", autocapitalize: "none", inputmode: "url" });
          const bundler = textField("bundlerUrl", "Bundler", { hint: "The URL user operations go to, if there is one.", maxlength: "2048", autocapitalize: "none", inputmode: "url" });
          openForm(record ? `Replace ${record.name}` : "Add a chain", {
            fields: [id, name, node, bundler], confirm: record ? "Replace chain" : "Add chain",
            async submit(dialog, close) {
              if (!/^[1-9][0-9]{0,15}$/.test(id.value())) {
                id.fail("Enter the chain's number.");
                id.focus();
                return;
              }
              const body = {};
              for (const field of [name, node, bundler]) if (field.value()) body[field.name] = field.value();
              await api.putChain(id.value(), body);
              close();
              await done(id.value());
            },
          });
          (record ? name : id).focus();
        }

        export async function chains(context) {
          const list = await api.chains(context.signal);
          const changed = async (words) => { await context.reload(); announce(words); };
          const remove = (record) => confirmDialog(`Delete ${record.name}?`,
            "The server forgets how to reach it. Its sessions stay, and nothing can be done under them until it is added again.",
            "Delete", () => api.deleteChain(record.chainId), () => changed(`${record.name} is deleted.`));
          const rows = table("Chains", [
            { label: "Chain", head: true, cell: (each) => [each.name, each.name !== String(each.chainId) && h("span", { class: "under" }, String(each.chainId))] },
            { label: "Node", cell: (each) => each.nodeUrl ? code(each.nodeUrl) : quiet("none: delegations are refused") },
            { label: "Bundler", cell: (each) => each.bundlerUrl ? code(each.bundlerUrl) : quiet("none") },
            {
              label: "Actions", unseen: true,
              cell: (each) => h("div", { class: "row-actions" },
                button("Replace…", { class: "button plain small", "aria-label": `Replace ${each.name}` }, () => setChain(each, (id) => changed(`Chain ${id} is set.`))),
                button("Delete…", { class: "button danger small", "aria-label": `Delete ${each.name}` }, () => remove(each))),
            },
          ], list);
          return {
            title: "Chains",
            lead: "No delegation of a Kernel account is believed without asking a node of its chain.",
            actions: [button("Add chain…", { class: "button" }, () => setChain(null, (id) => changed(`Chain ${id} is set.`)))],
            body: [
              h("ul", { class: "links" }, h("li", null, link("/console/wallet-audit/server", "Audit trail of organizations and chains"))),
              h("section", { "aria-label": "All chains" }, list.length > 0 ? rows : empty("There are no chains yet.")),
            ],
          };
        }

        """#
}
