extension ConsoleAssets {
    /// `/console/assets/app.js`: signing in, the frame around every page, and which page an address shows.
    static let appModule = #"""
        // The console: signing in, the frame around every page, and which page an address shows.
        import { api, signals } from "./api.js";
        import { h, icon, link, newID } from "./dom.js";
        import { problem } from "./forms.js";
        import { home } from "./home.js";
        import { tenants, tenant } from "./tenants.js";
        import { keys, key } from "./keys.js";
        import { usage } from "./usage.js";
        import { refusals, audit } from "./events.js";
        import { organizations, organization } from "./organizations.js";
        import { walletSession, walletAudit } from "./wallet-sessions.js";
        import { chains } from "./chains.js";

        const PAGES = [
          ["", "Home", "home", home], ["tenants", "Tenants", "tenants", tenants, tenant], ["keys", "Keys", "keys", keys, key],
          ["usage", "Usage", "usage", usage], ["refusals", "Refusals", "refusals", refusals],
          ["organizations", "Organizations", "organizations", organizations, organization], ["chains", "Chains", "chains", chains],
          ["audit", "Audit", "audit", audit],
        ];

        // Pages below another one, which is the one marked in the navigation.
        const BELOW = [
          ["wallet-sessions", walletSession, "organizations", "Organizations"],
          ["wallet-audit", walletAudit, "organizations", "Organizations"],
        ];

        const app = document.getElementById("app");
        const address = () => location.pathname + location.search;
        let shown = null; // What the page on the screen has to end: its calls and its timers.

        function brand() {
          return h("span", { class: "brand" }, h("img", { src: "/console/assets/icon.svg", alt: "", width: "24", height: "24" }), "Daypass");
        }

        // MARK: Signing in

        function signInPage(words) {
          leave();
          document.title = "Sign in · Daypass console";
          for (const dialog of document.querySelectorAll("dialog")) dialog.close();
          const id = newID("token");
          const place = h("div", { id: `${id}-problem` });
          const input = h("input", {
            id, name: "token", type: "password", autocomplete: "current-password", required: true, maxlength: "512",
            autocapitalize: "none", spellcheck: "false", "aria-describedby": `${id}-hint ${id}-problem`,
          });
          const send = h("button", { class: "button", type: "submit" }, "Sign in");
          const form = h("form", { novalidate: true },
            h("input", { type: "text", name: "username", value: "admin", autocomplete: "username", hidden: true, "aria-label": "User" }),
            h("label", { for: id }, "Admin token"), input,
            h("p", { id: `${id}-hint`, class: "hint" },
              "The server printed it when it first started; with ", h("code", { class: "whole" }, "--admin-token-file"),
              " it is in that file. This page does not keep it."),
            place, send);
          form.addEventListener("submit", async (event) => {
            event.preventDefault();
            if (send.disabled) return;
            const token = input.value.trim();
            const fail = (error) => { place.replaceChildren(problem(error)); input.setAttribute("aria-invalid", "true"); input.focus(); };
            if (!token) return fail({ message: "Enter the admin token." });
            send.disabled = true;
            try {
              await api.signIn(token);
              input.value = "";
              frame();
              await show();
            } catch (error) {
              fail(error);
              input.select();
            }
            send.disabled = false;
          });
          app.replaceChildren(h("main", { class: "sign-in" }, h("div", { class: "card" },
            brand(), h("h1", null, "Sign in to the console"), words && h("p", { class: "notice", role: "status" }, words), form)));
          input.focus();
        }

        signals.addEventListener("signed-out", () => {
          if (document.querySelector(".sign-in")) return;
          signInPage("Your sign-in has ended. Sign in again to go on where you were.");
        });

        async function signOut() {
          try { await api.signOut(); } catch { /* The cookie is of no use without the server. */ }
          signInPage("You have signed out.");
        }

        // MARK: The frame

        function frame() {
          const items = PAGES.map(([name, label, symbol]) =>
            h("li", null, h("a", { href: name ? `/console/${name}` : "/console", "data-page": true, "data-name": name }, icon(symbol), label)));
          const menu = h("button", { type: "button", class: "menu", "aria-expanded": "false", "aria-controls": "navigation" },
            icon("menu"), "Menu");
          const nav = h("nav", { id: "navigation", "aria-label": "Console" }, h("ul", null, items),
            h("button", { type: "button", class: "sign-out", on: { click: signOut } }, icon("out"), "Sign out"));
          const toggle = (open) => { menu.setAttribute("aria-expanded", String(open)); nav.classList.toggle("open", open); };
          menu.addEventListener("click", () => toggle(menu.getAttribute("aria-expanded") !== "true"));
          nav.addEventListener("click", (event) => { if (event.target.closest("a")) toggle(false); });
          nav.addEventListener("keydown", (event) => { if (event.key === "Escape") { toggle(false); menu.focus(); } });
          app.replaceChildren(
            h("a", { class: "skip", href: "#content" }, "Skip to content"),
            h("header", { class: "bar" }, link("/console", brand()), menu),
            nav,
            h("main", { id: "content", tabindex: "-1" }),
            h("p", { id: "announcement", role: "status", "aria-live": "polite" }));
        }

        // MARK: Pages

        function leave() {
          if (!shown) return;
          shown.controller.abort();
          shown.timers.forEach(clearInterval);
          shown = null;
        }

        function find(path) {
          const [, , name = "", rest] = path.split("/");
          const below = BELOW.find(([each]) => each === name);
          if (below && rest) return { name: below[2], label: below[3], isDetail: true, view: (context) => below[1](context, rest) };
          const page = PAGES.find(([each]) => each === name);
          if (!page) return null;
          const [, label, , list, detail] = page;
          if (rest === undefined || rest === "") return { name, label, view: list };
          // Names that need escapes are nobody's.
          return detail ? { name, label, isDetail: true, view: (context) => detail(context, rest) } : null;
        }

        // Shows the page of the present address. A view answers its title and its elements; what it asks the server for ends
        // when the page is left.
        async function show({ focus = true } = {}) {
          leave();
          for (const dialog of document.querySelectorAll("dialog[open]:not([data-keep])")) dialog.close();
          const main = document.getElementById("content");
          const page = find(location.pathname) || { name: null, view: () => ({ title: "Nothing here", body: [h("p", null, "Check the address, or choose a page.")] }) };
          for (const anchor of document.querySelectorAll("nav a")) {
            if (anchor.dataset.name === page.name) anchor.setAttribute("aria-current", "page"); else anchor.removeAttribute("aria-current");
          }
          const mine = { controller: new AbortController(), timers: [], address: address() };
          shown = mine;
          const context = {
            query: new URLSearchParams(location.search),
            signal: mine.controller.signal,
            reload: () => show({ focus: false }),
            // Does something again while the page is on the screen.
            every(milliseconds, action) {
              if (shown !== mine) return;
              mine.timers.push(setInterval(() => { if (!document.hidden && shown === mine) action(); }, milliseconds));
            },
            // Keeps filters in the address without leaving the page.
            remember(values) {
              const pairs = Object.entries(values).filter(([, value]) => value);
              history.replaceState(null, "", location.pathname + (pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ""));
              mine.address = address();
            },
          };
          main.setAttribute("aria-busy", "true");
          let content;
          try {
            content = await page.view(context);
          } catch (error) {
            if (shown !== mine || error.name === "AbortError" || error.status === 401) return;
            const retry = h("button", { type: "button", class: "button plain", on: { click: () => show() } }, "Try again");
            content = {
              title: page.isDetail && error.status === 404 ? "Not found" : page.label || "Problem",
              back: page.isDetail && link(`/console/${page.name}`, page.label),
              body: [problem(error), h("p", null, retry)],
            };
          }
          if (shown !== mine) return;
          main.removeAttribute("aria-busy");
          const heading = h("h1", { tabindex: "-1" }, content.title);
          document.title = `${content.title} · Daypass console`;
          main.replaceChildren(
            h("div", { class: "page-head" }, content.back || null, heading, content.badge, content.lead && h("p", { class: "lead" }, content.lead),
              content.actions && h("div", { class: "buttons" }, content.actions)),
            ...content.body.filter(Boolean));
          if (focus) { heading.focus({ preventScroll: true }); scrollTo(0, 0); }
        }

        document.addEventListener("click", (event) => {
          const anchor = event.target.closest?.("a[data-page]");
          if (!anchor || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
          event.preventDefault();
          history.pushState(null, "", anchor.href);
          show();
        });
        // Not for a place on the same page, such as the one that the skip link leads to.
        addEventListener("popstate", () => { if (document.getElementById("content") && address() !== shown?.address) show(); });

        (async () => {
          try {
            const session = await api.session();
            if (!session.signedIn) return signInPage();
            frame();
            await show({ focus: false });
          } catch (error) {
            app.replaceChildren(h("main", { class: "sign-in" }, h("div", { class: "card" }, brand(), h("h1", null, "The console cannot start"), problem(error))));
          }
        })();


        """#
}
