extension EdgePages {
    /// `/.wormkey/assets/room.js`: keeps the owner's room up to date and sends its buttons' changes.
    ///
    /// Reads the session every two seconds while the page is visible, backs off to half a minute while the server
    /// does not answer, and stops when the session has ended or the owner is no longer known. All text from the
    /// server goes in through `textContent`.
    static let roomScript = #"""
        "use strict";
        (() => {
          const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
          const slug = meta("daypass-slug");
          const csrf = meta("daypass-csrf");
          const byId = (id) => document.getElementById(id);
          const problem = byId("problem");
          const statusWords = {
            waiting: "Waiting for the agent", connected: "Connected", paused: "Paused", closed: "Closed",
            expired: "Expired",
          };
          let state = null;
          let skew = 0;
          let failures = 0;
          let timer = 0;
          let stopped = false;
          let generation = 0;

          const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
          const showProblem = (text) => { setText(problem, text); problem.hidden = text === ""; };
          const address = (call) => `/.wormkey/api/${call}?slug=${encodeURIComponent(slug)}`;

          async function call(name, body) {
            const options = { credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json" } };
            if (body !== undefined) {
              options.method = "POST";
              options.headers["Content-Type"] = "application/json";
              options.headers["X-Daypass-CSRF"] = csrf;
              options.body = JSON.stringify(body);
            }
            const answer = await fetch(address(name), options);
            let value = null;
            try { value = await answer.json(); } catch { value = null; }
            if (!answer.ok) {
              const error = new Error((value && value.error) || `The server answered ${answer.status}.`);
              error.status = answer.status;
              throw error;
            }
            return value;
          }

          function span(milliseconds) {
            const seconds = Math.max(0, Math.round(milliseconds / 1000));
            if (seconds < 60) return `${seconds} s`;
            const minutes = Math.floor(seconds / 60);
            if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
            const hours = Math.floor(minutes / 60);
            if (hours < 48) return `${hours} h ${minutes % 60} min`;
            return `${Math.floor(hours / 24)} days ${hours % 24} h`;
          }

          function size(bytes) {
            if (bytes < 1024) return `${bytes} B`;
            const units = ["KiB", "MiB", "GiB", "TiB"];
            let value = bytes;
            let unit = -1;
            do { value /= 1024; unit += 1; } while (value >= 1024 && unit < units.length - 1);
            return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
          }

          function entryWords(session) {
            if (session.authMode === "basic") return "whoever has the link, the user name and the password";
            if (session.hasPassword) return "whoever has the link and the password";
            return session.public ? "whoever has the link" : "nobody but you";
          }

          function browser(agent) {
            const known = [[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"],
              [/Safari\//, "Safari"], [/curl\//, "curl"]];
            const systems = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"],
              [/Mac OS X/, "macOS"], [/Linux/, "Linux"]];
            const name = known.find(([pattern]) => pattern.test(agent));
            const system = systems.find(([pattern]) => pattern.test(agent));
            if (!name) return agent;
            return system ? `${name[1]} on ${system[1]}` : name[1];
          }

          function cell(row, label, text) {
            let found = [...row.cells].find((one) => one.dataset.label === label);
            if (!found) {
              found = row.insertCell();
              found.dataset.label = label;
            }
            setText(found, text);
          }

          function makeRow(viewer) {
            const row = document.createElement("tr");
            row.dataset.id = viewer.id;
            const head = document.createElement("th");
            head.scope = "row";
            const name = viewer.label || viewer.address || viewer.id;
            head.append(document.createTextNode(name + " "));
            const agent = document.createElement("span");
            agent.className = "quiet";
            agent.textContent = browser(viewer.userAgent);
            agent.title = viewer.userAgent;
            head.append(agent);
            row.append(head);
            for (const label of ["Last seen", "Requests", "Sent", "Open"]) cell(row, label, "");
            const kick = document.createElement("button");
            kick.type = "button";
            kick.className = "button danger small";
            kick.textContent = "Remove";
            kick.setAttribute("aria-label", `Remove ${name}`);
            kick.addEventListener("click", () => change(kick, "kick", { viewerId: viewer.id }));
            row.insertCell().append(kick);
            return row;
          }

          function showViewers(viewers, now) {
            const body = byId("viewers").tBodies[0];
            const rows = new Map([...body.rows].filter((row) => row.dataset.id).map((row) => [row.dataset.id, row]));
            for (const row of [...body.rows]) {
              if (!viewers.some((viewer) => viewer.id === row.dataset.id)) row.remove();
            }
            // Most recently seen first, as the server sends them; a row with the focus is not moved away from it.
            const held = body.contains(document.activeElement);
            for (const viewer of viewers) {
              const row = rows.get(viewer.id) || makeRow(viewer);
              if (!row.isConnected || !held) body.append(row);
              const seen = now - Date.parse(viewer.lastSeen);
              cell(row, "Last seen", viewer.openStreams > 0 || seen < 3000 ? "now" : `${span(seen)} ago`);
              cell(row, "Requests", viewer.requests.toLocaleString());
              cell(row, "Sent", size(viewer.bytes));
              cell(row, "Open", String(viewer.openStreams));
            }
            setText(byId("viewer-count"), String(viewers.length));
            byId("viewers").hidden = viewers.length === 0;
            byId("no-viewers").hidden = viewers.length > 0;
          }

          function showBlocked(paths) {
            const place = byId("fact-blocked");
            if (paths.length === 0) { setText(place, "none"); return; }
            if (place.textContent === paths.join(" ")) return;
            place.replaceChildren(...paths.flatMap((path, index) => {
              const code = document.createElement("code");
              code.textContent = path;
              return index === 0 ? [code] : [" ", code];
            }));
          }

          function showCountdown() {
            if (!state) return;
            const left = Date.parse(state.expiresAt) - (Date.now() + skew);
            setText(byId("countdown"), left > 0 ? `(in ${span(left)})` : "");
          }

          function show(session) {
            state = session;
            const now = Date.parse(session.now);
            skew = now - Date.now();
            const status = byId("status");
            status.dataset.status = session.status;
            setText(status, statusWords[session.status] || session.status);
            const ended = session.status === "closed" || session.status === "expired";
            byId("controls").hidden = ended;
            const pause = byId("pause");
            const resume = byId("resume");
            const hadFocus = document.activeElement === pause || document.activeElement === resume;
            pause.hidden = session.status === "paused";
            resume.hidden = session.status !== "paused";
            if (hadFocus) (pause.hidden ? resume : pause).focus();
            byId("expiry-line").hidden = session.status === "closed";
            setText(byId("expiry-label"), session.status === "expired" ? "Ended" : "Ends");
            setText(byId("expiry"), new Date(session.expiresAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
            setText(byId("fact-entry"), entryWords(session));
            setText(byId("fact-limit"), session.maxConcurrentViewers.toLocaleString());
            setText(byId("fact-removed"), String(session.removedViewers));
            setText(byId("fact-tunnels"), String(session.tunnelConnections));
            showBlocked(session.blockPaths);
            showViewers(session.viewers, now);
            showCountdown();
            if (ended) stopped = true;
          }

          async function refresh() {
            clearTimeout(timer);
            const asked = ++generation;
            try {
              const session = await call("session");
              if (asked !== generation) return;
              if (failures > 0) showProblem("");
              failures = 0;
              show(session);
            } catch (error) {
              if (asked !== generation) return;
              failures += 1;
              if ([401, 403, 404, 410].includes(error.status)) {
                stopped = true;
                for (const button of document.querySelectorAll("main button")) button.disabled = true;
                showProblem(`${error.message} Open your owner link again to come back.`);
              } else if (failures > 1) {
                showProblem("The server does not answer. Trying again…");
              }
            }
            schedule();
          }

          function schedule() {
            clearTimeout(timer);
            if (stopped || document.hidden) return;
            timer = setTimeout(refresh, Math.min(30000, 2000 * 2 ** Math.min(failures, 4)));
          }

          async function change(button, name, body) {
            button.disabled = true;
            showProblem("");
            generation += 1;
            try {
              await call(name, body);
            } catch (error) {
              showProblem(error.status ? error.message : "The server does not answer. Nothing was changed.");
            }
            button.disabled = false;
            await refresh();
          }

          const copy = byId("copy");
          copy.addEventListener("click", async () => {
            const link = byId("public-url");
            try {
              await navigator.clipboard.writeText(link.textContent);
              copy.textContent = "Copied";
            } catch {
              getSelection().selectAllChildren(link);
              copy.textContent = "Selected";
            }
            setTimeout(() => { copy.textContent = "Copy"; }, 1600);
          });
          byId("pause").addEventListener("click", (event) => change(event.currentTarget, "pause", {}));
          byId("resume").addEventListener("click", (event) => change(event.currentTarget, "resume", {}));
          const dialog = byId("close-dialog");
          byId("close").addEventListener("click", () => dialog.showModal());
          byId("close-cancel").addEventListener("click", () => dialog.close());
          byId("close-confirm").addEventListener("click", () => { dialog.close(); change(byId("close"), "close", {}); });
          for (const id of ["copy", "pause", "resume", "close"]) byId(id).disabled = false;
          document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else if (!stopped) refresh(); });
          setInterval(showCountdown, 1000);
          refresh();
        })();

        """#
}
