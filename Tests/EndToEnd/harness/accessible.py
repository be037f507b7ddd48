"""Whether a page of the console is for everybody: contrast, sizes, names for screen readers; and pictures of it."""

import os
from pathlib import Path

CONTROLS = {"button", "link", "textbox", "combobox", "checkbox", "radio", "option", "searchbox"}

CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] === 255) return color;
    }
    return rgba('white');
  };
  const poor = [];
  const root = document.querySelector('dialog[open]') || document.body;
  for (const element of root.querySelectorAll('*')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const isField = ['INPUT', 'SELECT', 'TEXTAREA'].includes(element.tagName);
    if (!own && !isField || !element.checkVisibility() || element.closest('.unseen, noscript, option, title, desc, :disabled, #announcement')) continue;
    const style = getComputedStyle(element);
    const isText = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(rgba(isText)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && Number(style.fontWeight) >= 700;
    if (ratio < (large ? 3 : 4.5)) poor.push(`${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  // What is not text but means something: borders of fields, bars of charts, the ring of the focus.
  const graphic = (selector, property, what) => {
    for (const element of root.querySelectorAll(selector)) {
      if (!element.checkVisibility()) continue;
      const [a, b] = [light(rgba(getComputedStyle(element)[property])), light(behind(element.parentElement))].sort((x, y) => y - x);
      if ((a + 0.05) / (b + 0.05) < 3) { poor.push(`${what}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`); return; }
    }
  };
  graphic('input[type=text], input[type=password], select, textarea', 'borderTopColor', 'border of a field');
  graphic('rect.passed', 'fill', 'passed'); graphic('rect.refused', 'fill', 'refused');
  return poor;
})()"""

SMALL = """[...document.querySelectorAll('a, button, select, textarea, summary, input[type=text], label:has(input)')]
  .filter((e) => e.checkVisibility() && !e.closest('.unseen') && !e.classList.contains('skip'))
  .map((e) => [e.textContent.slice(0, 30) || e.name, e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 43.5 || box.width < 24).map(([name, box]) => `${name}: ${box.width}×${box.height}`)"""


def check_names(browser, where):
    nodes = browser.accessibility()
    unnamed = [(role, node.get("description")) for role, name, node in nodes if role in CONTROLS and not name.strip()]
    assert unnamed == [], where
    roles = [role for role, _, _ in nodes]
    if "dialog" in roles:
        assert all(name for role, name, _ in nodes if role == "dialog"), where
        return
    for landmark in ("main", "navigation", "banner"):
        assert roles.count(landmark) == 1, (where, landmark)
    assert all(name for role, name, _ in nodes if role in ("navigation", "table", "region", "image", "search")), where
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1, where
    levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), (where, levels)
    for role in ("row", "columnheader", "rowheader", "cell"):
        if "table" in roles:
            assert role in roles, (where, role)


def screenshots(tmp_path_factory):
    folder = os.environ.get("DAYPASS_SCREENSHOTS")
    folder = Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
