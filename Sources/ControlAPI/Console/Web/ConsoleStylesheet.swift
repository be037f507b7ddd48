extension ConsoleAssets {
    /// `/console/assets/console.css`: one sheet for all pages, light and dark, phone and desktop.
    static let stylesheet = #"""
        :root {
          color-scheme: light dark;
          --paper: #f6f5f2; --card: #ffffff; --ink: #1d1c1a; --quiet: #65625c; --line: #e2dfd8; --edge: #8b877f;
          --accent: #4338ca; --accent-ink: #ffffff; --accent-soft: #ecebfb; --danger: #b42318; --danger-soft: #fdecea;
          --good: #136c40; --good-soft: #e4f3ea; --warn: #855000; --warn-soft: #fbf0dc; --code: #f0eee9;
          --passed: #5b52d6; --refused: #d0521b; --grid: #e9e6e0; --shadow: 0 1px 2px rgb(30 25 10 / 0.05);
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --paper: #141417; --card: #1d1d22; --ink: #ecebe8; --quiet: #a3a09a; --line: #33333b; --edge: #7d7b83;
            --accent: #a5a3ff; --accent-ink: #15151a; --accent-soft: #2a2946; --danger: #ff9b8f; --danger-soft: #3a1d1b;
            --good: #6fd39b; --good-soft: #16301f; --warn: #f0b866; --warn-soft: #33270f; --code: #2a2a31;
            --passed: #8d8aff; --refused: #f08a4b; --grid: #2b2b32; --shadow: none;
          }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; scroll-padding-top: 4rem; }
        body {
          margin: 0; min-height: 100vh; min-height: 100svh; background: var(--paper); color: var(--ink);
          font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
        }
        h1, h2, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; overflow-wrap: anywhere; }
        ul, ol { list-style: none; }
        h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.015em; text-wrap: balance; }
        h2 { font-size: 1.0625rem; line-height: 1.3; }
        .refusal-head h2 { font-size: 1rem; }
        h1:focus, h2:focus, main:focus { outline: none; }
        a { color: var(--accent); text-underline-offset: 0.15em; }
        code {
          font: 0.875em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
          background: var(--code); padding: 0.1em 0.35em; border-radius: 4px; overflow-wrap: anywhere;
          -webkit-box-decoration-break: clone; box-decoration-break: clone;
        }
        a code { color: inherit; }
        .whole { white-space: nowrap; }
        [hidden] { display: none !important; }
        .quiet { color: var(--quiet); }
        .unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
        .icon { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; flex: none; }

        .button {
          display: inline-flex; align-items: center; justify-content: center; font: inherit; font-weight: 600; line-height: 1.2;
          text-decoration: none; cursor: pointer; padding: 0.55rem 1rem; min-height: 2.75rem; border: 1px solid transparent;
          border-radius: 8px; background: var(--accent); color: var(--accent-ink);
        }
        .button:hover { filter: brightness(1.1); }
        .button:disabled { opacity: 0.5; cursor: default; filter: none; }
        .button.plain { background: var(--card); color: var(--ink); border-color: var(--edge); }
        .button.danger { background: var(--card); color: var(--danger); border-color: currentColor; }
        .button.plain:hover, .button.danger:hover { filter: none; background: var(--code); }
        .button.small { padding: 0.3rem 0.7rem; min-height: 2.25rem; font-size: 0.875rem; }
        .buttons, .row-actions { display: flex; flex-wrap: wrap; gap: 0.6rem; }
        .row-actions { gap: 0.4rem; justify-content: flex-end; flex-wrap: nowrap; }
        .problem, .warning, .notice { padding: 0.65rem 0.9rem; border-radius: 8px; }
        .problem { background: var(--danger-soft); color: var(--danger); font-weight: 500; }
        .problem ul { margin-top: 0.35rem; padding-left: 1.1rem; list-style: disc; font-weight: 400; }
        .problem code { background: transparent; padding: 0; }
        .warning { background: var(--warn-soft); color: var(--warn); }
        .warning code { background: transparent; padding: 0; }
        .notice { background: var(--accent-soft); }
        .brand { display: inline-flex; align-items: center; gap: 0.5rem; font-weight: 700; letter-spacing: 0.01em; color: var(--ink); }
        .brand img { display: block; }

        .sign-in { min-height: 100vh; min-height: 100svh; display: grid; align-content: center; justify-items: center; padding: 1.5rem 1rem; }
        .sign-in .card {
          width: 100%; max-width: 26rem; display: grid; gap: 1rem; background: var(--card); border: 1px solid var(--line);
          border-radius: 14px; padding: 1.75rem; box-shadow: var(--shadow);
        }
        .sign-in h1 { font-size: 1.375rem; }
        .sign-in form { display: grid; gap: 0.6rem; }
        .sign-in label { font-weight: 600; }
        .sign-in .button { margin-top: 0.25rem; }

        #app:has(nav) { display: grid; grid-template: auto 1fr / 14.5rem minmax(0, 1fr); min-height: 100vh; min-height: 100svh; }
        .skip {
          position: absolute; left: 0.75rem; top: -4rem; z-index: 5; background: var(--accent); color: var(--accent-ink);
          padding: 0.7rem 1rem; border-radius: 8px;
        }
        .skip:focus { top: 0.75rem; }
        .bar { grid-area: 1 / 1; display: flex; align-items: center; padding: 1.1rem 1.25rem 0.5rem; background: var(--card); border-right: 1px solid var(--line); }
        .bar a { text-decoration: none; display: inline-flex; min-height: 2.75rem; align-items: center; }
        .menu, .sign-out {
          font: inherit; font-weight: 500; color: var(--ink); background: none; border: 0; cursor: pointer; display: inline-flex;
          align-items: center; gap: 0.65rem; min-height: 2.75rem; padding: 0 0.75rem; border-radius: 8px;
        }
        .menu { display: none; margin-left: auto; }
        nav { grid-area: 2 / 1; background: var(--card); border-right: 1px solid var(--line); }
        nav ul, nav .sign-out { margin: 0 0.75rem; }
        nav ul { display: grid; gap: 0.15rem; padding-bottom: 0.75rem; margin-bottom: 0.75rem; border-bottom: 1px solid var(--line); }
        nav a {
          display: flex; align-items: center; gap: 0.65rem; min-height: 2.75rem; padding: 0 0.75rem; border-radius: 8px;
          color: var(--ink); text-decoration: none; font-weight: 500;
        }
        nav .sign-out { width: calc(100% - 1.5rem); color: var(--quiet); }
        nav a:hover, .sign-out:hover, .menu:hover { background: var(--code); }
        nav a[aria-current] { background: var(--accent-soft); color: var(--accent); font-weight: 650; }
        main { grid-area: 1 / 2 / 3; }
        #content {
          width: 100%; max-width: 72rem; margin: 0 auto; padding: 1.75rem 2rem 4rem; display: grid; gap: 1.25rem; align-content: start;
        }
        #content[aria-busy]:empty::before { content: "Loading…"; color: var(--quiet); }
        .page-head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.9rem; }
        .page-head > a { width: 100%; }
        .page-head > a::before { content: "‹ "; }
        .page-head .buttons { margin-left: auto; }
        .lead { width: 100%; color: var(--quiet); order: 9; }
        #announcement {
          position: fixed; inset-inline: 1rem; bottom: 1.25rem; width: fit-content; max-width: 32rem; margin-inline: auto; z-index: 4;
          background: var(--ink); color: var(--paper); border-radius: 8px; padding: 0; opacity: 0; pointer-events: none;
        }
        #announcement.shown { opacity: 1; padding: 0.7rem 1rem; }

        section {
          background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.25rem; display: grid;
          gap: 0.85rem; min-width: 0; box-shadow: var(--shadow); container-type: inline-size;
        }
        .stack { display: grid; gap: 1.25rem; min-width: 0; }
        .section-head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1rem; }
        .section-head > :last-child:not(h2) { margin-left: auto; }
        .section-extra { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1rem; }
        .count { color: var(--quiet); font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
        .check { display: inline-flex; align-items: center; gap: 0.5rem; font-size: 0.9375rem; cursor: pointer; min-height: 1.75rem; }
        .empty { color: var(--quiet); padding: 0.35rem 0; }

        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; }
        .tile {
          display: grid; gap: 0.1rem; padding: 0.95rem 1.15rem; background: var(--card); border: 1px solid var(--line);
          border-radius: 12px; color: var(--ink); text-decoration: none; box-shadow: var(--shadow);
        }
        a.tile:hover { border-color: var(--accent); }
        .tile-label, .tile-under { color: var(--quiet); font-size: 0.875rem; }
        .tile-value { font-size: 1.75rem; font-weight: 650; line-height: 1.2; letter-spacing: -0.015em; font-variant-numeric: tabular-nums; }

        .badge {
          display: inline-flex; align-items: center; gap: 0.4rem; font-size: 0.8125rem; font-weight: 600; line-height: 1.3;
          padding: 0.15rem 0.6rem; border-radius: 1rem; background: var(--code); color: var(--ink); white-space: nowrap;
        }
        .badge::before { content: ""; width: 0.5rem; height: 0.5rem; border-radius: 50%; background: currentColor; flex: none; }
        .badge.good { background: var(--good-soft); color: var(--good); }
        .badge.warn { background: var(--warn-soft); color: var(--warn); }
        .badge.bad { background: var(--danger-soft); color: var(--danger); }
        .codes { display: inline-flex; flex-wrap: wrap; gap: 0.25rem 0.35rem; }
        .under { display: block; color: var(--quiet); font-weight: 400; font-size: 0.875rem; overflow-wrap: anywhere; }

        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9375rem; }
        th, td { text-align: left; padding: 0.6rem 1.1rem 0.6rem 0; vertical-align: top; }
        thead th { font-size: 0.8125rem; color: var(--quiet); font-weight: 500; padding-top: 0; white-space: nowrap; }
        tbody tr { border-top: 1px solid var(--line); }
        tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 10rem; }
        .number { text-align: right; }
        td.number, time, .badge { white-space: nowrap; }
        td:last-child, th:last-child { padding-right: 0; }
        .after-table { display: flex; flex-wrap: wrap; gap: 0.6rem 1rem; align-items: center; padding-top: 0.75rem; border-top: 1px solid var(--line); }

        dl > div { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 0.1rem 1.25rem; padding: 0.4rem 0; }
        dl > div + div { border-top: 1px solid var(--line); }
        dt { color: var(--quiet); }
        dd { overflow-wrap: anywhere; min-width: 0; }
        pre {
          margin: 0; padding: 0.8rem 1rem; border-radius: 8px; background: var(--code); overflow-x: auto;
          font: 0.875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
        }
        .warnings { display: grid; gap: 0.6rem; }
        .links { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; }
        .links a { display: inline-flex; align-items: center; min-height: 2.75rem; }

        .filters { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; }
        .filters .field { flex: 0 1 14rem; min-width: 0; }
        .field { display: grid; gap: 0.3rem; border: 0; margin: 0; padding: 0; min-width: 0; }
        .field > label, legend { font-weight: 600; font-size: 0.9375rem; padding: 0; }
        .hint { color: var(--quiet); font-size: 0.875rem; }
        .field-error { color: var(--danger); font-size: 0.9375rem; font-weight: 500; }
        input[type="text"], input[type="password"], select, textarea {
          font: inherit; width: 100%; min-width: 0; padding: 0.55rem 0.75rem; border: 1px solid var(--edge); border-radius: 8px;
          background: var(--card); color: var(--ink); min-height: 2.75rem;
        }
        textarea { font: 0.9375rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; resize: vertical; }
        input[type="radio"], input[type="checkbox"] { width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); flex: none; }
        [aria-invalid="true"] { border-color: var(--danger) !important; }
        .options { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }
        .option { display: inline-flex; align-items: center; gap: 0.5rem; min-height: 2.25rem; cursor: pointer; }
        .suggestions { display: flex; flex-wrap: wrap; gap: 0.4rem; }
        .suggestions:empty { display: none; }
        .chip {
          font: 0.875rem/1.2 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; cursor: pointer; min-height: 2.25rem; padding: 0 0.75rem;
          border: 1px solid var(--edge); border-radius: 1.2rem; background: var(--card); color: var(--ink);
        }
        .chip[aria-pressed="true"] { background: var(--accent-soft); border-color: var(--accent); color: var(--accent); }
        .chip[aria-pressed="true"]::before { content: "✓ "; }

        dialog {
          color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.5rem;
          width: min(30rem, calc(100vw - 1.5rem)); max-height: calc(100vh - 1.5rem); max-height: calc(100svh - 1.5rem); overflow: auto;
          overscroll-behavior: contain; scrollbar-width: thin;
        }
        dialog.wide { width: min(38rem, calc(100vw - 1.5rem)); }
        dialog[open], dialog form, .intro { display: grid; gap: 1rem; }
        dialog form > div:empty { display: none; }
        dialog h2 { font-size: 1.25rem; }
        dialog::backdrop { background: rgb(0 0 0 / 0.5); }
        .secret { display: block; font-size: 1.0625rem; line-height: 1.5; padding: 0.8rem 1rem; border-radius: 8px; border: 1px dashed var(--edge); user-select: all; }

        .chart { display: grid; gap: 0.4rem; }
        .chart svg { width: 100%; height: auto; display: block; overflow: visible; }
        .grid { stroke: var(--grid); stroke-width: 1; }
        .tick { fill: var(--quiet); font-size: 11px; }
        .hover { fill: transparent; }
        .pair:hover .hover { fill: var(--code); }
        rect.passed { fill: var(--passed); }
        rect.refused { fill: var(--refused); }
        .legend { display: flex; gap: 1.25rem; color: var(--quiet); font-size: 0.875rem; padding-left: 0.25rem; }
        .mark::before { content: ""; display: inline-block; width: 0.75rem; height: 0.75rem; border-radius: 3px; margin-right: 0.45rem; vertical-align: -0.06em; }
        .mark.passed::before { background: var(--passed); }
        .mark.refused::before { background: var(--refused); }
        .share { width: 100%; min-width: 5rem; height: 0.5rem; border-radius: 0.25rem; display: block; margin-top: 0.45rem; }
        .share .rail { fill: var(--code); }
        details summary { cursor: pointer; min-height: 2.75rem; display: flex; align-items: center; gap: 0.5rem; color: var(--accent); font-weight: 500; }
        details summary::before { content: "›"; font-size: 1.25rem; line-height: 1; }
        details[open] summary::before { content: "⌄"; }

        .refusals { display: grid; }
        .refusal { display: grid; gap: 0.35rem; padding: 0.95rem 0; }
        .refusal:first-child { padding-top: 0; }
        .refusal:last-child { padding-bottom: 0; }
        .refusal + .refusal { border-top: 1px solid var(--line); }
        .refusal-head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.25rem 1rem; }
        .refusal-head time, .meta { color: var(--quiet); font-size: 0.875rem; }
        .refusal-head h2 code { background: var(--danger-soft); color: var(--danger); }
        .meta { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1.1rem; }

        @container (max-width: 50rem) {
          td.number, time, .badge { white-space: normal; }
          th, td { padding-right: 0.75rem; }
          tbody th { min-width: 7rem; }
          .row-actions { flex-wrap: wrap; }
        }
        @media (max-width: 60rem) {
          #app:has(nav) { grid-template: auto auto 1fr / minmax(0, 1fr); }
          .bar { border-right: 0; border-bottom: 1px solid var(--line); padding: 0.4rem 1rem; position: sticky; top: 0; z-index: 3; }
          .menu { display: inline-flex; margin-right: -0.75rem; }
          nav { display: none; border-right: 0; border-bottom: 1px solid var(--line); padding: 0.5rem 0.25rem; }
          nav.open { display: block; }
          main { grid-area: 3 / 1; }
          #content { padding: 1.25rem 1rem 4rem; }
        }
        @media (max-width: 44rem) {
          h1 { font-size: 1.5rem; }
          section { padding: 1rem; }
          .page-head .buttons { margin-left: 0; width: 100%; }
          .page-head .button { flex: 1 1 auto; }
          .filters .field { flex: 1 1 100%; }
          .tiles { grid-template-columns: 1fr 1fr; gap: 0.75rem; }
          .tile { padding: 0.8rem 0.9rem; }
          .section-head > :last-child:not(h2), .section-extra { margin-left: 0; width: 100%; justify-content: space-between; }
          .section-head > .button:last-child { justify-content: center; margin-top: 0.35rem; }
          .button.small, .chip { min-height: 2.75rem; }
          .check, .option { min-height: 2.75rem; }
          dl > div { grid-template-columns: 1fr; }
          .meta span:has(a) { display: flex; flex-wrap: wrap; align-items: center; gap: 0.3rem; min-height: 2.75rem; }
          .meta a { display: inline-flex; align-items: center; min-height: 2.75rem; }
          dialog { padding: 1.15rem; }
          dialog .buttons .button { flex: 1 1 auto; }
          td a, dd a, .page-head > a, .section-head > a { display: inline-block; padding: 0.7rem 0; margin: -0.7rem 0; }
          thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
          table, tbody, tr, th, td { display: block; }
          tbody tr { padding: 0.75rem 0; }
          tbody tr:first-child { border-top: 0; padding-top: 0; }
          tbody th, tbody td { padding: 0.2rem 0; min-width: 0; }
          .row-actions { flex-wrap: nowrap; }
          tbody th a { display: inline-flex; align-items: center; min-height: 2.75rem; }
          tbody td[data-label] { display: flex; justify-content: space-between; gap: 1rem; text-align: left; }
          tbody td[data-label]::before { content: attr(data-label); color: var(--quiet); flex: none; }
          tbody td[data-label] > div { text-align: right; min-width: 0; }
          tbody td[data-label] .codes { justify-content: flex-end; }
          td .row-actions { justify-content: flex-start; padding-top: 0.35rem; }
          td .row-actions .button { flex: 1 1 auto; }
          .under { font-size: 0.875rem; }
        }
        @media (prefers-reduced-motion: no-preference) {
          #announcement { transition: opacity 0.2s; }
          .skip { transition: top 0.1s; }
          nav a, .tile, .button { transition: background-color 0.12s, border-color 0.12s; }
        }
        @media (forced-colors: active) {
          .badge, .chip, .tile { border: 1px solid; }
          rect.passed, .mark.passed::before { fill: Highlight; background: Highlight; }
          rect.refused, .mark.refused::before { fill: CanvasText; background: CanvasText; }
        }

        """#
}
