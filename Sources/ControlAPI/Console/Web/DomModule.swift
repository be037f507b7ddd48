extension ConsoleAssets {
    /// `/console/assets/dom.js`: building blocks of every page.
    static let domModule = #"""
        // Building blocks of every page. Whatever comes from the server becomes text nodes and attributes, never markup.

        const SVG = "http://www.w3.org/2000/svg";

        function fill(element, props, children) {
          for (const [name, value] of Object.entries(props || {})) {
            if (value === undefined || value === null || value === false) continue;
            if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
            else if (name === "data") Object.assign(element.dataset, value);
            else if (name === "value" && "value" in element && element.tagName !== "OPTION") element.value = value;
            else element.setAttribute(name, value === true ? "" : String(value));
          }
          element.append(...children.flat(3).filter((child) => child !== undefined && child !== null && child !== false));
          return element;
        }

        // An HTML element with attributes, listeners (`on`), data attributes (`data`) and children.
        export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

        // The same for SVG.
        export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

        const ICONS = {
          home: "M4 11.5 12 4l8 7.5M6.5 9.5V20h11V9.5M10 20v-5.5h4V20",
          tenants: "M4 20V7l8-3 8 3v13M4 20h16M8.5 10.5h2m3 0h2m-7 4h2m3 0h2M10.5 20v-2.5h3V20",
          keys: "M20 9.5a5.5 5.5 0 0 1-7.3 5.2L11 16.5H9v2H7v2H4v-3l5.3-5.3A5.5 5.5 0 1 1 20 9.5ZM15.5 8.5h.01",
          usage: "M5 20V11m4.7 9V5m4.6 15v-7M19 20V8",
          refusals: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM6.5 6.5l11 11",
          organizations: "M4 8.5h16v10H4zM8.5 8.5V6a1.5 1.5 0 0 1 1.5-1.5h4A1.5 1.5 0 0 1 15.5 6v2.5M4 13h16M12 12v2",
          chains: "M10 14a4 4 0 0 1 0-5.5l2.5-2.5A4 4 0 0 1 18 11.5L16.5 13M14 10a4 4 0 0 1 0 5.5L11.5 18A4 4 0 0 1 6 12.5L7.5 11",
          audit: "M7 4h10v16H7zM10 8.5h4M10 12h4m-4 3.5h2.5",
          out: "M10 5H5v14h5M14 8l4 4-4 4m4-4H9.5",
          menu: "M4 7h16M4 12h16M4 17h16",
        };

        export const icon = (name) =>
          svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
            svg("path", { d: ICONS[name] }));

        let lastID = 0;
        export const newID = (prefix) => `${prefix}-${(lastID += 1)}`;

        // Says `text` to screen readers, and for a moment to everybody. What stands outside an open dialog is not heard, so
        // every dialog has a place of its own for it.
        let hiding;
        export function announce(text) {
          const dialog = document.querySelector("dialog[open] [role=status]");
          if (dialog) { dialog.textContent = text; return; }
          const place = document.getElementById("announcement");
          if (!place) return;
          place.textContent = text;
          place.classList.add("shown");
          clearTimeout(hiding);
          hiding = setTimeout(() => { place.classList.remove("shown"); place.textContent = ""; }, 5000);
        }

        // A link to a page of the console, followed without loading the document again.
        export const link = (href, ...children) => h("a", { href, "data-page": true }, ...children);

        export const button = (label, props, onClick) =>
          h("button", { type: "button", class: "button plain", ...props, on: { click: onClick } }, label);

        // A section with a heading; `extra` stands beside it.
        export function section(title, props, ...children) {
          const id = newID("section");
          const { extra, ...rest } = props || {};
          return h("section", { "aria-labelledby": id, ...rest },
            h("div", { class: "section-head" }, h("h2", { id }, title), extra), ...children);
        }

        const STATUS = {
          active: ["good", "Active"], suspended: ["bad", "Suspended"], past_due: ["warn", "Past due"],
          cancelled: ["bad", "Cancelled"], connected: ["good", "Connected"], waiting: ["warn", "Waiting for the agent"],
          paused: ["warn", "Paused"], closed: ["bad", "Closed"], expired: ["bad", "Expired"], revoked: ["bad", "Revoked"],
          works: ["good", "Active"],
        };

        // A state in a word and a colour.
        export function badge(status) {
          const [tone, text] = STATUS[status] || ["plain", status];
          return h("span", { class: `badge ${tone}` }, text);
        }

        export const code = (text) => h("code", null, text);

        // A list of short texts as code; in tables no more than `most` of them.
        export function codes(texts, most = texts.length) {
          if (texts.length === 0) return h("span", { class: "quiet" }, "none");
          const rest = texts.length - most;
          // "And one more" would take as much room as the one.
          const shown = rest > 1 ? texts.slice(0, most) : texts;
          return h("span", { class: "codes" }, shown.map(code), rest > 1 && h("span", { class: "quiet" }, `and ${rest} more`));
        }

        // A table that becomes a list of cards on phones. Columns: `label`, `cell(row)`, and if wanted `head` (names the row),
        // `number`, `unseen` (no visible heading). Roles are written out because cards are no table layout any more.
        export function table(caption, columns, rows) {
          const body = h("tbody", { role: "rowgroup" });
          const element = h("table", { role: "table" },
            h("caption", { class: "unseen" }, caption),
            h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) =>
              h("th", { scope: "col", role: "columnheader", class: column.number ? "number" : null },
                column.unseen ? h("span", { class: "unseen" }, column.label) : column.label)))),
            body);
          const add = (more) => body.append(...more.map((row) => h("tr", { role: "row" }, columns.map((column) => {
            const props = column.head
              ? { scope: "row", role: "rowheader" }
              : { role: "cell", "data-label": column.unseen ? null : column.label, class: column.number ? "number" : null };
            return h(column.head ? "th" : "td", props, h("div", null, column.cell(row)));
          }))));
          add(rows);
          element.addRows = add;
          return element;
        }

        // A list of facts: pairs of a name and what it is.
        export const facts = (pairs) =>
          h("dl", null, pairs.filter(Boolean).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));

        export const empty = (...children) => h("p", { class: "empty" }, ...children);

        const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
        const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

        // "3 hours ago", "in 2 days".
        export function fromNow(iso, now = Date.now()) {
          const seconds = Math.round((Date.parse(iso) - now) / 1000);
          if (Math.abs(seconds) < 5) return "now";
          const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length);
          return relative.format(Math.trunc(seconds / length), unit);
        }

        export const moment = (iso, options) =>
          new Date(iso).toLocaleString("en-GB", options || { dateStyle: "medium", timeStyle: "short" });

        // A point in time, as a distance with the date as its title; `absolute` turns that around.
        export function when(iso, absolute) {
          if (!iso) return h("span", { class: "quiet" }, "never");
          const [text, title] = absolute ? [moment(iso), fromNow(iso)] : [fromNow(iso), moment(iso)];
          return h("time", { datetime: iso, title }, text);
        }

        export const count = (number) => number.toLocaleString("en");

        export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

        """#
}
