extension EdgePages {
    /// `/.wormkey/assets/daypass.css`: one sheet for all pages, light and dark, phone and desktop.
    static let stylesheet = #"""
        :root {
          color-scheme: light dark;
          --paper: #f6f5f2; --card: #ffffff; --ink: #1d1c1a; --quiet: #65625c; --line: #e2dfd8;
          --accent: #4338ca; --accent-ink: #ffffff; --danger: #b42318; --danger-soft: #fdecea;
          --good: #157347; --warn: #9a5b00; --code: #f0eee9;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --paper: #141417; --card: #1d1d22; --ink: #ecebe8; --quiet: #a3a09a; --line: #33333b;
            --accent: #a5a3ff; --accent-ink: #15151a; --danger: #ff9b8f; --danger-soft: #3a1d1b;
            --good: #6fd39b; --warn: #f0b866; --code: #2a2a31;
          }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body {
          margin: 0; min-height: 100vh; min-height: 100svh; background: var(--paper); color: var(--ink);
          font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
        }
        h1, h2, p { margin: 0; overflow-wrap: anywhere; }
        h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.015em; text-wrap: balance; }
        h2 { font-size: 1rem; }
        a { color: var(--accent); }
        code {
          font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
          background: var(--code); padding: 0.1em 0.35em; border-radius: 4px; overflow-wrap: anywhere;
        }
        [hidden] { display: none !important; }
        .quiet { color: var(--quiet); font-size: 0.875rem; font-weight: 400; }
        .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

        .button {
          display: inline-block; font: inherit; font-weight: 600; line-height: 1.2; text-decoration: none; cursor: pointer;
          padding: 0.7rem 1.1rem; border: 1px solid transparent; border-radius: 8px; min-height: 2.75rem;
          background: var(--accent); color: var(--accent-ink);
        }
        .button:hover { filter: brightness(1.08); }
        .button:disabled { opacity: 0.5; cursor: default; filter: none; }
        .button.plain { background: transparent; color: var(--ink); border-color: var(--line); }
        .button.danger { background: transparent; color: var(--danger); border-color: currentColor; }
        .button.small { padding: 0.35rem 0.7rem; min-height: 2.25rem; font-size: 0.875rem; }
        .buttons { display: flex; flex-wrap: wrap; gap: 0.6rem; }
        .problem {
          background: var(--danger-soft); color: var(--danger); padding: 0.6rem 0.85rem; border-radius: 8px;
          font-weight: 500;
        }
        .brand { font-weight: 700; letter-spacing: 0.01em; }
        .brand::before {
          content: ""; display: inline-block; width: 1.25em; height: 1.25em; margin-right: 0.4em;
          vertical-align: -0.28em; background: url("/.wormkey/assets/daypass.svg") center / contain no-repeat;
        }

        .notice {
          max-width: 34rem; margin: 0 auto; padding: 2rem 1.25rem; min-height: 100vh; min-height: 100svh;
          display: flex; flex-direction: column; justify-content: center; gap: 1rem;
        }
        .notice .code { color: var(--quiet); font-size: 0.9rem; }
        .notice .code span { font-weight: 700; color: var(--ink); margin-right: 0.25rem; }
        .notice .lead { font-size: 1.125rem; }
        .notice .lead + p { color: var(--quiet); }
        .notice form { display: flex; flex-direction: column; gap: 0.6rem; align-items: stretch; }
        .notice label { font-weight: 600; }
        .notice form .button { align-self: flex-start; margin-top: 0.25rem; }
        input[type="password"] {
          font: inherit; width: 100%; padding: 0.65rem 0.8rem; border: 1px solid var(--quiet); border-radius: 8px;
          background: var(--card); color: var(--ink); min-height: 2.75rem;
        }
        input[aria-invalid="true"] { border-color: var(--danger); }
        footer {
          display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: center; justify-content: space-between;
          margin-top: 1rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.8125rem;
        }

        .room { max-width: 58rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; display: grid; gap: 1rem; }
        .room header { display: flex; flex-wrap: wrap; gap: 0.4rem 1rem; align-items: center; }
        .room header .brand { width: 100%; color: var(--quiet); }
        .room section, dialog {
          background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.25rem;
        }
        .room section { display: grid; gap: 0.75rem; min-width: 0; }
        .status {
          display: inline-flex; align-items: center; gap: 0.45rem; font-weight: 600; font-size: 0.9375rem; color: var(--quiet);
        }
        .status::before { content: ""; width: 0.65rem; height: 0.65rem; border-radius: 50%; background: currentColor; }
        .status[data-status="connected"] { color: var(--good); }
        .status[data-status="paused"], .status[data-status="waiting"] { color: var(--warn); }
        .status[data-status="closed"], .status[data-status="expired"] { color: var(--danger); }
        .link { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; }
        .link a { font-size: 1.0625rem; font-weight: 600; overflow-wrap: anywhere; flex: 1 1 14rem; }
        .link .button { min-width: 6rem; }
        .count { display: inline-block; min-width: 1.7em; text-align: center; border-radius: 1em; background: var(--code); }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: 0.5rem 0.75rem 0.5rem 0; vertical-align: top; }
        thead th { font-size: 0.8125rem; color: var(--quiet); font-weight: 500; }
        tbody tr { border-top: 1px solid var(--line); }
        tbody th { font-weight: 600; overflow-wrap: anywhere; }
        tbody th .quiet { display: block; }
        td:last-child, thead th:last-child { padding-right: 0; text-align: right; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.4rem 1.25rem; margin: 0; }
        dt { color: var(--quiet); }
        dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
        dialog { color: var(--ink); max-width: min(28rem, calc(100vw - 2rem)); }
        dialog[open] { display: grid; gap: 0.9rem; }
        dialog::backdrop { background: rgb(0 0 0 / 0.5); }

        @media (max-width: 40rem) {
          h1 { font-size: 1.5rem; }
          .notice { justify-content: flex-start; padding-top: 16vh; }
          .link .button, .room .buttons .button { flex: 1 1 auto; text-align: center; }
          dl { grid-template-columns: 1fr; gap: 0; }
          dd { margin-bottom: 0.6rem; }
          thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
          table, tbody, tr, th, td { display: block; }
          tbody tr { padding: 0.75rem 0; }
          tbody th, tbody td { padding: 0.1rem 0; }
          tbody td[data-label] { display: flex; justify-content: space-between; font-size: 0.9375rem; text-align: left; }
          tbody td[data-label]::before { content: attr(data-label); color: var(--quiet); }
          td:last-child { text-align: left; padding-top: 0.5rem; }
        }
        @media (prefers-reduced-motion: no-preference) {
          .status[data-status="waiting"]::before { animation: breathe 1.6s ease-in-out infinite; }
          @keyframes breathe { 50% { opacity: 0.25; } }
        }

        """#
}
