extension ConsoleAssets {
    /// `/console/assets/usage.js`: requests by time, code, tenant and key.
    static let usageModule = #"""
        // Usage: how many requests passed and how many were refused, by time, code, tenant and key.
        import { api, allKeys } from "./api.js";
        import { h, section, table, link, code, count, empty, announce, plural, moment } from "./dom.js";
        import { choiceField, problem } from "./forms.js";
        import { barChart, share } from "./chart.js";

        const RANGES = { "24h": [24, "hour", "Last 24 hours"], "7d": [7, "day", "Last 7 days"], "30d": [30, "day", "Last 30 days"] };
        const LENGTH = { hour: 3600000, day: 86400000 };

        // The buckets of a range: whole hours, or whole days of UTC, as the server counts them; the last one is still running.
        function bucketsOf(range, counts, now = Date.now()) {
          const [number, interval] = RANGES[range];
          const length = LENGTH[interval];
          const last = Math.floor(now / length) * length;
          const buckets = Array.from({ length: number }, (_, index) => {
            const start = last - (number - 1 - index) * length;
            const date = new Date(start).toISOString();
            return interval === "hour"
              ? { start, label: moment(date), tick: moment(date, { timeStyle: "short" }), passed: 0, refused: 0 }
              : { start, label: moment(date, { dateStyle: "medium", timeZone: "UTC" }), tick: moment(date, { day: "numeric", month: "short", timeZone: "UTC" }), passed: 0, refused: 0 };
          });
          for (const each of counts) {
            const bucket = buckets.find(({ start }) => Date.parse(each.start) >= start && Date.parse(each.start) < start + length);
            if (bucket) bucket[each.code ? "refused" : "passed"] += each.count;
          }
          return buckets;
        }

        const period = (range, now = Date.now()) => {
          const [number, interval] = RANGES[range];
          const length = LENGTH[interval];
          const end = Math.floor(now / length) * length + length;
          return { from: new Date(end - number * length).toISOString(), until: new Date(end).toISOString(), interval };
        };

        function groups(counts, name) {
          const found = new Map();
          for (const each of counts) {
            const entry = found.get(each[name]) || { name: each[name], passed: 0, refused: 0 };
            entry[each.code ? "refused" : "passed"] += each.count;
            found.set(each[name], entry);
          }
          return [...found.values()].sort((a, b) => b.passed + b.refused - a.passed - a.refused);
        }

        const numbers = [
          { label: "Passed", number: true, cell: (each) => count(each.passed) },
          { label: "Refused", number: true, cell: (each) => count(each.refused) },
        ];

        function results(range, counts, names) {
          const buckets = bucketsOf(range, counts);
          const passed = buckets.reduce((sum, each) => sum + each.passed, 0);
          const refused = buckets.reduce((sum, each) => sum + each.refused, 0);
          const summary = `${RANGES[range][2]}: ${plural(passed, "request")} passed, ${count(refused)} refused.`;
          if (passed + refused === 0) {
            return { summary, nodes: [h("section", { "aria-label": "Requests" }, empty("No requests in this time."))] };
          }
          const byCode = groups(counts.filter((each) => each.code), "code");
          return {
            summary,
            nodes: [
              section("Requests", { extra: h("span", { class: "count" }, `${count(passed)} passed, ${count(refused)} refused`) },
                barChart(summary, buckets),
                h("details", null, h("summary", null, "The numbers as a table"),
                  table("Requests by time", [{ label: "From", head: true, cell: (each) => each.label }, ...numbers], buckets))),
              byCode.length > 0 && section("Refused, by code", {}, table("Refused requests by code", [
                { label: "Code", head: true, cell: (each) => link(`/console/refusals?code=${encodeURIComponent(each.name)}`, code(each.name)) },
                { label: "Share", unseen: true, cell: (each) => share(each.refused, refused, "refused") },
                { label: "Requests", number: true, cell: (each) => count(each.refused) },
              ], byCode)),
              section("By tenant", {}, table("Requests by tenant", [
                { label: "Tenant", head: true, cell: (each) => link(`/console/tenants/${each.name}`, each.name) }, ...numbers,
              ], groups(counts, "tenant"))),
              section("By key", {}, table("Requests by key", [
                {
                  label: "Key", head: true,
                  cell: (each) => each.name ? link(`/console/keys/${each.name}`, names.get(each.name) || each.name) : "without a recognised key",
                }, ...numbers,
              ], groups(counts, "key").slice(0, 50))),
            ],
          };
        }

        export async function usage(context) {
          const tenants = await api.tenants(context.signal);
          const range = choiceField("range", "Time", Object.entries(RANGES).map(([key, [, , words]]) => [key, words]),
            { value: RANGES[context.query.get("range")] ? context.query.get("range") : "24h" });
          const tenant = choiceField("tenant", "Tenant", [["", "All tenants"], ...tenants.map(({ slug }) => [slug, slug])], { value: context.query.get("tenant") || "" });
          const key = choiceField("key", "Key", [["", "All keys"]], {});
          const names = new Map();
          const place = h("div", { class: "stack" });
          async function fillKeys(chosen) {
            const { keys } = await allKeys(tenant.value(), context.signal, 500);
            for (const each of keys) names.set(each.id, each.name);
            key.control.replaceChildren(h("option", { value: "" }, "All keys"),
              ...keys.map((each) => h("option", { value: each.id, selected: each.id === chosen }, `${each.name} (${each.key})`)));
          }
          async function load() {
            const query = { tenant: tenant.value(), key: key.value(), ...period(range.value()) };
            const { summary, nodes } = results(range.value(), await api.usage(query, context.signal), names);
            place.replaceChildren(...nodes.filter(Boolean));
            return summary;
          }
          async function changed(event) {
            try {
              if (event.target === tenant.control) await fillKeys("");
              context.remember({ range: range.value() === "24h" ? "" : range.value(), tenant: tenant.value(), key: key.value() });
              announce(await load());
            } catch (error) { if (error.name !== "AbortError" && error.status !== 401) place.replaceChildren(problem(error)); }
          }
          await fillKeys(context.query.get("key"));
          await load();
          const filters = h("div", { class: "filters", role: "search", "aria-label": "Usage", on: { change: changed } }, range.element, tenant.element, key.element);
          return { title: "Usage", lead: "Requests to the API gateway. Days are days of UTC.", body: [filters, place] };
        }

        """#
}
