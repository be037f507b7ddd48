extension ConsoleAssets {
    /// `/console/assets/forms.js`: dialogs, forms and their refusals.
    static let formsModule = #"""
        // Dialogs and forms: labels, hints and errors belong to their fields; the browser's <dialog> keeps the focus inside and
        // gives it back.
        import { h, newID, announce } from "./dom.js";

        // What went wrong, in words, with whatever details no field has taken.
        export function problem(error, details = error.details || []) {
          const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
          const box = h("div", { class: "problem", role: "alert" }, h("p", null, error.message + wait));
          if (details.length > 0) {
            box.append(h("ul", null, details.map((detail) => h("li", null, h("code", null, detail.path), ` ${detail.message}`))));
          }
          return box;
        }

        function labelled(name, label, hint, control, group) {
          const id = control.id || newID("field");
          const hintID = `${id}-hint`;
          const errorID = `${id}-error`;
          const error = h("p", { id: errorID, class: "field-error", hidden: true });
          const text = [hint && h("p", { id: hintID, class: "hint" }, hint)];
          const describe = () => {
            const ids = [hint && hintID, !error.hidden && errorID].filter(Boolean).join(" ");
            if (ids) control.setAttribute("aria-describedby", ids); else control.removeAttribute("aria-describedby");
          };
          if (!group) control.id = id;
          const element = group
            ? control
            : h("div", { class: "field" }, h("label", { for: id }, label), text, control, error);
          if (group) control.append(h("legend", null, label), ...text.filter(Boolean), error);
          describe();
          return {
            name, element, control,
            fail(message) {
              error.textContent = message;
              error.hidden = !message;
              if (!group) control.setAttribute("aria-invalid", message ? "true" : "false");
              describe();
            },
            focus() { (group ? control.querySelector("input") : control).focus(); },
          };
        }

        const lines = (text) => text.split(/[\s,]+/).filter(Boolean);

        export function textField(name, label, { hint, value, ...props } = {}) {
          const input = h("input", { type: "text", name, value, autocomplete: "off", spellcheck: "false", ...props });
          const field = labelled(name, label, hint, input);
          return Object.assign(field, { value: () => input.value.trim() });
        }

        // One entry a line.
        export function listField(name, label, { hint, value = [], ...props } = {}) {
          const area = h("textarea", { name, rows: Math.max(3, value.length + 1), spellcheck: "false", autocapitalize: "none", ...props });
          area.value = value.join("\n");
          const field = labelled(name, label, hint, area);
          return Object.assign(field, { value: () => lines(area.value) });
        }

        // Options: pairs of a value and its words.
        export function choiceField(name, label, options, { hint, value, ...props } = {}) {
          const select = h("select", { name, ...props },
            options.map(([key, words]) => h("option", { value: key, selected: key === value }, words)));
          const field = labelled(name, label, hint, select);
          return Object.assign(field, { value: () => select.value });
        }

        function options(type, name, label, options, hint, isChecked) {
          const group = h("fieldset", { class: "field radios" });
          const field = labelled(name, label, hint, group, true);
          const inputs = options.map(([key]) => h("input", { type, name, value: key, checked: isChecked(key) }));
          group.append(h("div", { class: "options" }, options.map(([, words], index) =>
            h("label", { class: "option" }, inputs[index], h("span", null, words)))));
          return { field, checked: () => inputs.filter((input) => input.checked).map((input) => input.value) };
        }

        export function radioField(name, label, choices, { hint, value } = {}) {
          const { field, checked } = options("radio", name, label, choices, hint, (key) => key === value);
          return Object.assign(field, { value: () => checked()[0] });
        }

        // Any number of the choices; the value is a list.
        export function checksField(name, label, choices, { hint, value = [] } = {}) {
          const { field, checked } = options("checkbox", name, label, choices, hint, (key) => value.includes(key));
          return Object.assign(field, { value: checked });
        }

        // Shows a refusal at the fields it names (`webOrigins[1]` is at `webOrigins`), the rest above the form.
        export function showRefusal(error, fields, place) {
          const rest = [];
          for (const field of fields) field.fail("");
          const found = new Map();
          for (const detail of error.details || []) {
            const field = fields.find(({ name }) => name === detail.path || detail.path.startsWith(`${name}[`));
            if (!field) { rest.push(detail); continue; }
            const position = /\[(\d+)\]/.exec(detail.path);
            let words = detail.message;
            if (position && field.value) {
              const entry = field.value()[Number(position[1])];
              if (entry !== undefined) words = `${entry}: ${words}`;
            }
            found.set(field, [...(found.get(field) || []), words]);
          }
          for (const [field, words] of found) field.fail(words.map((each) => `${each}.`.replace(/\.\.$/, ".")).join(" "));
          place.replaceChildren(problem(error, rest));
          const [first] = found.keys();
          if (first) first.focus();
        }

        // A modal dialog; `build(close)` answers its content. It is removed when it closes.
        export function openDialog(title, build, { wide, keep } = {}) {
          const id = newID("dialog");
          const opener = document.activeElement;
          const dialog = h("dialog", { "aria-labelledby": id, class: wide ? "wide" : null });
          const close = () => dialog.close();
          const heading = h("h2", { id, tabindex: "-1" }, title);
          dialog.append(heading, ...[build(close, dialog, heading)].flat(), h("p", { class: "unseen", role: "status" }));
          // `keep`: what is shown now is shown once, so no stray key may take it away.
          dialog.addEventListener("cancel", (event) => { if (keep || dialog.dataset.keep) event.preventDefault(); });
          dialog.addEventListener("keydown", (event) => {
            if (event.key === "Escape" && (keep || dialog.dataset.keep)) event.preventDefault();
          });
          dialog.addEventListener("close", () => {
            dialog.remove();
            if (opener && opener.isConnected) opener.focus();
            else document.querySelector("main h1")?.focus();
          });
          document.body.append(dialog);
          dialog.showModal();
          return dialog;
        }

        // A form in a dialog: `submit` answers a promise; its refusal is shown where it belongs and the dialog stays.
        export function openForm(title, { intro, fields, confirm, danger, wide, submit }) {
          return openDialog(title, (close, dialog) => {
            const place = h("div");
            const send = h("button", { type: "submit", class: danger ? "button danger" : "button" }, confirm);
            const cancel = h("button", { type: "button", class: "button plain", on: { click: close } }, "Cancel");
            // Where something is taken away, the harmless button has the focus.
            if (danger) cancel.autofocus = true;
            const form = h("form", { novalidate: true },
              intro && h("div", { class: "intro" }, intro), place, fields.map((field) => field.element || field),
              h("div", { class: "buttons" }, send, cancel));
            form.addEventListener("submit", async (event) => {
              event.preventDefault();
              if (send.disabled) return;
              send.disabled = true;
              place.replaceChildren();
              try {
                await submit(dialog, close);
              } catch (error) {
                if (error.status === 401) close();
                else showRefusal(error, fields.filter((field) => field.fail), place);
              }
              send.disabled = false;
            });
            return [form];
          }, { wide });
        }

        // Asks before something that cannot be undone, or that others will notice.
        export function confirmDialog(title, text, confirm, act, done) {
          return openForm(title, {
            intro: [].concat(text).filter(Boolean).map((each) => h("p", null, each)), fields: [], confirm, danger: true,
            async submit(dialog, close) {
              await act();
              close();
              if (done) await done();
            },
          });
        }

        // Replaces the content of a dialog by a new secret; only its own button closes it then. The page keeps it nowhere else.
        export function showSecret(dialog, close, { name, secret, words, hint }) {
          dialog.dataset.keep = "true";
          const guard = (event) => event.preventDefault();
          addEventListener("beforeunload", guard);
          dialog.addEventListener("close", () => removeEventListener("beforeunload", guard), { once: true });
          const place = h("code", { class: "secret", tabindex: "0", "aria-label": `The ${name}` }, secret);
          const heading = dialog.querySelector("h2");
          heading.textContent = `Copy the ${name} now`;
          dialog.replaceChildren(heading,
            h("p", { class: "warning" }, h("strong", null, "This is the only time it is shown. "), "The server keeps only a digest of it."),
            h("p", null, words), place, h("p", { class: "hint" }, hint),
            h("div", { class: "buttons" }, copyButton(`Copy ${name}`, () => secret, place),
              h("button", { type: "button", class: "button plain", on: { click: close } }, "I have stored it")),
            h("p", { class: "unseen", role: "status" }));
          heading.focus();
        }

        // A button that copies `text()`; where the clipboard is not to be had it selects `place` instead.
        export function copyButton(label, text, place) {
          const button = h("button", { type: "button", class: "button" }, label);
          button.addEventListener("click", async () => {
            try {
              await navigator.clipboard.writeText(text());
              button.textContent = "Copied";
              announce("Copied to the clipboard.");
            } catch {
              getSelection().selectAllChildren(place);
              button.textContent = "Selected";
              announce("Selected. Copy it with the keyboard.");
            }
            setTimeout(() => { button.textContent = label; }, 2500);
          });
          return button;
        }

        """#
}
