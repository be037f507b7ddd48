/// The texts of the sample app.
enum Page {
    /// Its one page.
    ///
    /// `data-marker` is what `make demo ONCE=1` looks for.
    static let html = """
        <!doctype html>
        <html lang="en" data-marker="daypass-sample-app">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Sample app</title>
        <link rel="stylesheet" href="/style.css">
        <script src="/script.js" defer></script>
        </head>
        <body>
        <main>
        <p class="eyebrow">Running on somebody's own machine</p>
        <h1>Hello from localhost</h1>
        <p class="lead">You are looking at an app that listens on a loopback port. Everything on this page comes through
        the tunnel: this text, the clock, the form and the file.</p>
        <section>
        <h2>A stream</h2>
        <p id="clock" class="clock">--:--:--</p>
        <p class="quiet">One server-sent event per second.</p>
        </section>
        <section>
        <h2>A form</h2>
        <form id="echo">
        <label for="words">Say something</label>
        <div class="row">
        <input id="words" name="words" maxlength="200" autocomplete="off" required>
        <button>Send</button>
        </div>
        </form>
        <p class="quiet">The app answers: <output id="answer" for="words">nothing yet</output></p>
        </section>
        <section>
        <h2>A file</h2>
        <p><a href="/download">Download 1 MiB of numbered lines</a></p>
        </section>
        </main>
        </body>
        </html>

        """

    /// Its style sheet.
    static let style = """
        :root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #1c1b19; --quiet: #67635b;
          --line: #e5e1d8; --accent: #0f766e; }
        @media (prefers-color-scheme: dark) {
          :root { --paper: #131514; --card: #1c1f1e; --ink: #eceae6; --quiet: #a09c94; --line: #313634; --accent: #5eead4; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink);
          font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
        main { max-width: 42rem; margin: 0 auto; padding: 3rem 1.25rem; display: grid; gap: 1.25rem; }
        h1, h2, p { margin: 0; }
        h1 { font-size: 2.25rem; line-height: 1.15; letter-spacing: -0.02em; }
        h2 { font-size: 1rem; }
        .eyebrow { color: var(--accent); font-weight: 600; }
        .lead { font-size: 1.1875rem; }
        .quiet { color: var(--quiet); font-size: 0.9375rem; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.25rem;
          display: grid; gap: 0.5rem; }
        .clock { font-size: 2.5rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.2; }
        .row { display: flex; gap: 0.5rem; flex-wrap: wrap; }
        input, button { font: inherit; padding: 0.55rem 0.8rem; border-radius: 8px; border: 1px solid var(--line);
          min-height: 2.75rem; }
        input { flex: 1 1 12rem; background: var(--paper); color: inherit; border-color: var(--quiet); }
        button { background: var(--accent); color: var(--paper); border-color: transparent; font-weight: 600; cursor: pointer; }
        a { color: var(--accent); }
        output { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }

        """

    /// Its script: the clock and the form.
    static let script = """
        "use strict";
        const clock = document.getElementById("clock");
        new EventSource("/clock").onmessage = (event) => { clock.textContent = event.data; };
        document.getElementById("echo").addEventListener("submit", async (event) => {
          event.preventDefault();
          const answer = document.getElementById("answer");
          try {
            const response = await fetch("/echo", { method: "POST", body: document.getElementById("words").value });
            answer.textContent = response.ok ? await response.text() : `an error, ${response.status}`;
          } catch {
            answer.textContent = "nothing: the tunnel did not carry it";
          }
        });

        """
}
