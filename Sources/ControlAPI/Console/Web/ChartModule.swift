extension ConsoleAssets {
    /// `/console/assets/chart.js`: bar charts as SVG.
    static let chartModule = #"""
        // Bar charts as SVG. The picture has its summary as a name; the numbers stand in a table beside it.
        import { h, svg, count } from "./dom.js";

        const HEIGHT = 220;
        const LEFT = 42;
        const BOTTOM = 26;
        const TOP = 10;

        // The smallest of 1, 2, 5 × 10ⁿ that is not below `value / 4`, so that there are at most four steps.
        function step(value) {
          const rough = Math.max(1, value / 4);
          const power = 10 ** Math.floor(Math.log10(rough));
          return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
        }

        const short = (number) => number >= 1e6 ? `${+(number / 1e6).toFixed(1)}M` : number >= 1e4 ? `${+(number / 1e3).toFixed(1)}k` : count(number);

        // Stacked bars of passed and refused requests; `buckets` have `label`, `tick`, `passed` and `refused`.
        export function barChart(summary, buckets) {
          // About one unit for a pixel, so that the words on the axes keep their size on a phone.
          const WIDTH = matchMedia("(max-width: 44rem)").matches ? 320 : 720;
          const most = Math.max(1, ...buckets.map((bucket) => bucket.passed + bucket.refused));
          const unit = step(most);
          const top = Math.ceil(most / unit) * unit;
          const height = HEIGHT - TOP - BOTTOM;
          const y = (value) => TOP + height - (value / top) * height;
          const slot = (WIDTH - LEFT) / buckets.length;
          const gap = Math.min(6, slot * 0.3);
          const lines = [];
          for (let value = 0; value <= top; value += unit) {
            lines.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
              svg("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, short(value)));
          }
          const bars = buckets.map((bucket, index) => {
            const x = LEFT + index * slot + gap / 2;
            const bar = (from, to, kind) => to > from &&
              svg("rect", { class: kind, x, width: slot - gap, y: y(to), height: Math.max(1, y(from) - y(to)), rx: 2 });
            return svg("g", { class: "pair" },
              svg("title", null, `${bucket.label}: ${count(bucket.passed)} passed, ${count(bucket.refused)} refused`),
              svg("rect", { class: "hover", x: LEFT + index * slot, width: slot, y: TOP, height }),
              bar(0, bucket.passed, "passed"), bar(bucket.passed, bucket.passed + bucket.refused, "refused"));
          });
          const every = Math.ceil(buckets.length / Math.floor(WIDTH / 75));
          const ticks = buckets.map((bucket, index) => index % every === 0 &&
            svg("text", { class: "tick", x: LEFT + (index + 0.5) * slot, y: HEIGHT - 8, "text-anchor": "middle" }, bucket.tick));
          return h("figure", { class: "chart" },
            svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary }, lines, bars, ticks),
            h("figcaption", { class: "legend" },
              h("span", { class: "mark passed" }, "Passed"), h("span", { class: "mark refused" }, "Refused")));
        }

        // A share of a whole as a bar; the number stands beside it in text.
        export function share(part, whole, kind) {
          const width = whole > 0 ? Math.max(1, (100 * part) / whole) : 0;
          return svg("svg", { class: "share", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
            svg("rect", { class: "rail", width: 100, height: 8 }), svg("rect", { class: kind, width, height: 8 }));
        }

        """#
}
