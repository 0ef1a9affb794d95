"use strict";
// The page's own script: reads the data block, colours the map, fills the readouts.
// It loads nothing and stores nothing; every text enters as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { cities, models, words } = data;
  const SVG = "http://www.w3.org/2000/svg";
  const by = (id) => document.getElementById(id);
  const say = (text, fields = {}) =>
    words[text].replace(/\{(\w*)\}/g, (_, key) => fields[key || "_"]);
  const state = { model: 0, city: -1, show: "emitted" };
  const map = by("map");
  const shapes = map ? [...map.querySelectorAll(".city")] : [];
  const FEW = 10;
  const HATCHED = 4;
  const LABEL_PX = 11;
  const TITLES = {
    emitted: "Emitted by each city to all others together",
    received: "Received by each city from all others together",
    direct: "Own effect of each city",
    net: "Emitted minus received, by city",
  };
  const NAMES = {
    direct: "own effect", received: "received", emitted: "emitted", net: "emitted minus received",
  };

  // Numbers. An interval is [estimate, low, high]; null stands for a number there is none of.
  const places = (scale) =>
    scale > 0 && scale < 0.005 ? 1 - Math.floor(Math.log10(scale)) : 3;
  function number(value, decimals) {
    if (value === 0) return "0";
    const text = decimals > 6 ? value.toExponential(1) : value.toFixed(decimals);
    return text.replace(/^-(?=[0.]*$)/, "").replace(/-/g, "\u2212");
  }
  const fixed = ([, low, high]) => low === 0 && high === 0;
  const uncertain = (v) => !fixed(v) && v[1] <= 0 && v[2] >= 0;
  function estimate(v) {
    if (!v) return say("no data");
    return fixed(v) && v[0] === 0 ? "\u2013" : number(v[0], places((v[2] - v[1]) / 4));
  }
  function interval(v) {
    if (!v || fixed(v)) return "";
    const decimals = places((v[2] - v[1]) / 4);
    return `[${number(v[1], decimals)}, ${number(v[2], decimals)}]`;
  }
  const full = (v) => `${estimate(v)} ${interval(v)}`.trim();
  function spoken(v) {
    if (!v || fixed(v)) return estimate(v);
    const certain = uncertain(v) ? `, ${say("interval contains zero")}` : "";
    return `${estimate(v)}, ${say("{}% interval", { _: data.level })} ${interval(v)}${certain}`;
  }

  // Pairs: estimates, then standard errors, row i receiving from column j.
  const decoded = new Map();
  function pairs(index) {
    const packed = models[index].pairs;
    if (packed && !decoded.has(index)) {
      const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
      decoded.set(index, new DataView(bytes.buffer));
    }
    return decoded.get(index);
  }
  function pair(to, from) {
    const view = pairs(state.model), n = cities.length, at = to * n + from;
    const value = view.getFloat32(4 * at, true), se = view.getFloat32(4 * (n * n + at), true);
    return Number.isNaN(value) ? null : [value, value - data.z * se, value + data.z * se];
  }

  // What the map shows now: an interval per city.
  const paired = () =>
    state.city >= 0 && (state.show === "emitted" || state.show === "received") &&
    models[state.model].pairs !== null;
  function shown() {
    const own = models[state.model].city;
    if (!paired()) return own[state.show];
    return cities.map((_, i) =>
      state.show === "emitted" ? pair(i, state.city) : pair(state.city, i));
  }
  function title() {
    if (!paired()) return say(TITLES[state.show]);
    const text = state.show === "emitted"
      ? "Emitted by {city} to each city" : "Received by {city} from each city";
    return say(text, { city: cities[state.city].name });
  }

  // Colours: classes of equal width about zero; the middle one is for what is next to nothing.
  const round = (least) => {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 4, 5, 8, 10].find((digit) => digit * power >= least * 0.999999) * power;
  };
  const half = data.colours.length / 2;
  function widthOf(values) {
    const others = values.filter((v, i) => v && !(paired() && i === state.city));
    const most = Math.max(0, ...others.map((v) => Math.abs(v[0])));
    return most === 0 ? 0 : round(most / half);
  }
  function classOf(value, width) {
    if (width === 0 || value === 0) return -1;
    return Math.min(2 * half - 1, Math.max(0, Math.floor(value / width + half)));
  }
  function fillOf(v, width) {
    if (!v) return "#cdcdcd";
    const k = classOf(v[0], width);
    if (k < 0) return "#ffffff";
    return uncertain(v) ? `url(#hatch${k})` : data.colours[k];
  }

  function element(tag, attributes = {}, text = null, parent = null) {
    const svg = attributes.svg;
    const made = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes))
      if (key !== "svg") made.setAttribute(key, value);
    if (text !== null) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }
  function tabulate(table, caption, head, rows) {
    table.replaceChildren();
    element("caption", {}, caption, table);
    const top = element("tr", {}, null, element("thead", {}, null, table));
    for (const cell of head) element("th", { scope: "col" }, cell, top);
    const body = element("tbody", {}, null, table);
    for (const [label, ...cells] of rows) {
      const row = element("tr", {}, null, body);
      element("th", { scope: "row" }, label, row);
      for (const v of cells) {
        const cell = element("td", {}, typeof v === "string" ? v : estimate(v), row);
        if (typeof v === "string") continue;
        if (v && uncertain(v)) cell.className = "uncertain";
        element("span", { class: "interval" }, interval(v), cell);
      }
    }
  }

  function paintMap() {
    const values = shown(), width = widthOf(values);
    shapes.forEach((shape, i) => {
      const self = paired() && i === state.city;
      shape.setAttribute("fill", self ? "#fff3b0" : fillOf(values[i], width));
      shape.setAttribute("aria-selected", String(i === state.city));
      const { name, block } = cities[i];
      shape.setAttribute("aria-label",
        `${name}${block ? ` (${block})` : ""}: ${self ? say("chosen city") : spoken(values[i])}`);
    });
    by("chosen").setAttribute("d", state.city < 0 ? "" : shapes[state.city].getAttribute("d"));
    paintLegend(width, values);
  }
  function paintLegend(width, values) {
    const legend = by("legend");
    legend.replaceChildren();
    if (width > 0) {
      const scale = element("span", { class: "scale" }, null, legend);
      for (const colour of data.colours) element("i", {}, null, scale).style.background = colour;
      const ticks = [-half, 2 - half, 0, half - 2, half];
      const after = (v) => (String(Number(v.toPrecision(6))).split(".")[1] || "").length;
      const decimals = Math.max(...ticks.map((at) => after(at * width)));
      for (const at of ticks) {
        const text = element("b", {}, number(at * width, decimals), scale);
        text.style.left = `${50 * (1 + at / half)}%`;
      }
    }
    const keys = [];
    if (values.some((v) => v && uncertain(v))) keys.push(["hatched", "interval contains zero"]);
    if (values.some((v) => v && fixed(v) && v[0] === 0)) keys.push(["zero", "zero in this model"]);
    if (values.some((v) => !v) || map.querySelector(".context")) keys.push(["empty", "no data"]);
    for (const [look, text] of keys) {
      const entry = element("span", { class: "key" }, null, legend);
      element("i", { class: look }, null, entry);
      entry.append(say(text));
    }
  }

  function readOut() {
    const model = models[state.model], city = cities[state.city];
    const caption = title() + (model.W ? ` \u00b7 W: ${model.W}` : "");
    by("caption").textContent = caption;
    by("equation").textContent = model.equation;
    const lines = city
      ? Object.entries(NAMES).map(([key, text]) => [say(text), model.city[key][state.city]])
      : ["direct", "indirect", "total"].map((key) => [say(key), model.average[key]]);
    by("who").textContent = city ? city.name + (city.block ? ` (${city.block})` : "") : say("all cities");
    const list = by("numbers");
    list.replaceChildren();
    for (const [text, v] of lines) {
      element("dt", {}, text, list);
      element("dd", { class: v && uncertain(v) ? "uncertain" : "" }, full(v), list);
    }
    let hint = city ? "" : say("Choose a city on the map or in the list.");
    if (city && !model.city.direct[state.city]) hint = say("This model was fitted without this city.");
    else if (city && model.pairs === null)
      hint = say("Effects of pairs were left out of this model to keep the page small.");
    by("hint").textContent = hint;
    const main = city && model.city.emitted[state.city];
    by("status").textContent = city
      ? `${caption}. ${city.name}: ${lines.map(([text, v]) => `${text} ${spoken(v)}`).join("; ")}`
      : `${caption}. ${hint}`;
    listPairs(Boolean(main && model.pairs));
  }
  let everything = false;
  function listPairs(possible) {
    by("pairs").hidden = by("more").hidden = !possible;
    if (!possible) return;
    const found = cities.map((city, i) => [city.name, pair(state.city, i), pair(i, state.city), i]);
    const rows = found.filter(([, v, , i]) => v && i !== state.city);
    const size = ([, a, b]) => Math.max(Math.abs(a[0]), Math.abs(b[0]));
    rows.sort((a, b) => size(b) - size(a));
    const kept = everything ? rows : rows.slice(0, FEW);
    tabulate(by("pairs"),
      say("Largest effects between {city} and other cities", { city: cities[state.city].name }),
      [say("City"), say("from it"), say("to it")], kept.map(([name, a, b]) => [name, a, b]));
    by("more").textContent = say(everything ? "show fewer" : "show all");
    by("more").hidden = rows.length <= FEW;
  }
  function readBlocks() {
    const blocks = models[state.model].blocks;
    if (!by("blocks") || !blocks.length) return;
    const others = blocks.map((row) => say("of which from {}", { _: row.block }));
    const wide = blocks[0].from.length > 0;
    tabulate(by("blocks"), `${models[state.model].name}: ${models[state.model].what}`,
      [say("Block"), say("own"), say("from other cities"), ...(wide ? others : []), say("total"),
        say("to other cities")],
      blocks.map((row) => [row.block, row.own, row.received, ...(wide ? row.from : []), row.total,
        row.emitted]));
  }

  // The specification curve: models in the order of an effect, what they are made of below.
  function curve() {
    const place = by("curve"), effect = document.querySelector("[name=effect]:checked").value;
    place.replaceChildren();
    const order = models.map((_, i) => i)
      .sort((a, b) => models[a].average[effect][0] - models[b].average[effect][0]);
    const ends = order.flatMap((i) => models[i].average[effect].slice(1)).concat(0);
    const low = Math.min(...ends), high = Math.max(...ends), tall = 190, left = 260;
    const y = (v) => 14 + (tall - 28) * ((high - v) / (high - low || 1));
    const x = (k) => left + 24 + k * ((900 - left - 40) / Math.max(order.length - 1, 1));
    const facts = [
      ...[...new Set(models.map((m) => m.W))].map((W) => [`W: ${W || say("none")}`, (m) => m.W === W]),
      ...[...new Set(models.map((m) => m.what))].map((what) => [what, (m) => m.what === what]),
    ];
    place.setAttribute("viewBox", `0 0 900 ${tall + 18 + 20 * facts.length}`);
    const draw = (tag, attributes, text = null, parent = place) =>
      element(tag, { svg: true, ...attributes }, text, parent);
    draw("line", { x1: left, x2: 896, y1: y(0), y2: y(0), class: "axis" });
    const step = round((high - low || 1) / 5), decimals = Math.max(0, -Math.floor(Math.log10(step)));
    for (let k = Math.ceil(low / step); k * step <= high; k += 1)
      draw("text", { x: left - 8, y: y(k * step) + 4, "text-anchor": "end" },
        number(k * step, decimals));
    facts.forEach(([text], row) =>
      draw("text", { x: left - 8, y: tall + 24 + 20 * row, "text-anchor": "end" }, text));
    order.forEach((i, k) => {
      const v = models[i].average[effect], at = x(k);
      const spot = draw("g", { class: `spot${i === state.model ? " now" : ""}`, tabindex: 0,
        role: "button", "aria-pressed": String(i === state.model), "data-model": i,
        "aria-label": `${models[i].name} (${models[i].what}): ${spoken(v)}` });
      draw("title", {}, `${models[i].name}: ${full(v)}`, spot);
      draw("rect", { x: at - 11, y: 2, width: 22, height: tall + 14 + 20 * facts.length,
        class: "back" }, null, spot);
      draw("line", { x1: at, x2: at, y1: y(v[1]), y2: y(v[2]) }, null, spot);
      draw("circle", { cx: at, cy: y(v[0]), r: 4.5, class: uncertain(v) || fixed(v) ? "hollow" : "" },
        null, spot);
      facts.forEach(([, holds], row) => draw("circle", { cx: at, cy: tall + 20 + 20 * row, r: 4,
        class: holds(models[i]) ? "" : "off" }, null, spot));
    });
    tabulate(by("curve-table"), document.querySelector("[name=effect]:checked").parentNode.textContent.trim(),
      [say("Model"), say("Weights matrix"), say("direct"), say("indirect"), say("total")],
      order.map((i) => [`${models[i].name} (${models[i].what})`, models[i].W || say("none"),
        models[i].average.direct, models[i].average.indirect, models[i].average.total]));
  }

  // Labels and hatching keep their size on the screen; of the names as fit, the chosen city first.
  const inside = (box, x, y) =>
    x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
  function fitScreen() {
    const layer = by("labels"), box = map.viewBox.baseVal;
    const across = box.width / (map.clientWidth || 800), down = box.height / (map.clientHeight || 600);
    const unit = Math.max(across, down), size = LABEL_PX * unit;
    layer.setAttribute("font-size", size);
    by("bar").setAttribute("font-size", size);
    for (const pattern of map.querySelectorAll("pattern"))
      pattern.setAttribute("patternTransform", `scale(${unit})`);
    const taken = [];
    const order = [...layer.children]
      .map((text) => [text, Number(text.dataset.city)])
      .sort((a, b) => (b[1] === state.city) - (a[1] === state.city));
    for (const [text, i] of order) {
      const letters = [...text.textContent].reduce((w, c) => w + (c > "\u2e80" ? 1.05 : 0.56), 0);
      const w = letters * size, y = Number(text.getAttribute("y"));
      const edges = [box.x + w / 2 + unit, box.x + box.width - w / 2 - unit];
      const x = Math.min(edges[1], Math.max(edges[0], Number(text.dataset.x)));
      text.setAttribute("x", inside(box, text.dataset.x, y) ? x : text.dataset.x);
      const area = [x - w / 2, y - size * 0.6, x + w / 2, y + size * 0.6];
      const free = taken.every((t) =>
        t[0] > area[2] || t[2] < area[0] || t[1] > area[3] || t[3] < area[1]);
      text.classList.toggle("away", !free);
      text.classList.toggle("chosen", i === state.city);
      if (free) taken.push(area);
    }
  }
  const whole = map && [0, 0, map.viewBox.baseVal.width, map.viewBox.baseVal.height];
  let zoom = 1;
  function zoomTo(factor) {
    zoom = Math.min(16, Math.max(1, factor));
    const w = whole[2] / zoom, h = whole[3] / zoom, box = map.viewBox.baseVal;
    const at = state.city < 0 ? null : cities[state.city].at;
    const [x, y] = at || [box.x + box.width / 2, box.y + box.height / 2];
    const left = Math.min(whole[2] - w, Math.max(0, x - w / 2));
    const top = Math.min(whole[3] - h, Math.max(0, y - h / 2));
    map.setAttribute("viewBox", `${left} ${top} ${w} ${h}`);
    if (by("inset")) by("inset").classList.toggle("away", zoom > 1);
    by("bar").classList.toggle("away", zoom > 1);
    fitScreen();
  }

  function choose(city, focus = false) {
    state.city = city;
    everything = false;
    by("city").value = String(city);
    if (map && city >= 0) rove(city, focus);
    render();
  }
  function rove(city, focus) {
    shapes.forEach((shape, i) => shape.setAttribute("tabindex", i === city ? "0" : "-1"));
    if (focus) shapes[city].focus();
  }
  function nearest(from, [dx, dy]) {
    const [x, y] = cities[from].at;
    let best = from, least = Infinity;
    cities.forEach(({ at }, i) => {
      const along = (at[0] - x) * dx + (at[1] - y) * dy;
      const across = Math.abs((at[0] - x) * dy) + Math.abs((at[1] - y) * dx);
      if (i !== from && along > 0 && along + 2 * across < least)
        [best, least] = [i, along + 2 * across];
    });
    return best;
  }
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onKey(event) {
    const from = shapes.indexOf(event.target);
    if (from < 0) return;
    if (event.key in ARROWS) rove(nearest(from, ARROWS[event.key]), true);
    else if (event.key === "Home") rove(0, true);
    else if (event.key === "End") rove(cities.length - 1, true);
    else if (event.key === "Enter" || event.key === " ") choose(from === state.city ? -1 : from);
    else if (event.key === "Escape") choose(-1);
    else return;
    event.preventDefault();
  }
  function hover(index, x, y) {
    const tip = by("tip");
    tip.hidden = index < 0;
    by("ring").setAttribute("d", index < 0 ? "" : shapes[index].getAttribute("d"));
    if (index < 0) return;
    const frame = by("frame").getBoundingClientRect();
    tip.textContent = `${cities[index].name}: ${full(shown()[index])}`;
    tip.style.left = `${Math.min(x - frame.left + 12, frame.width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${y - frame.top + 16}px`;
  }

  // Switching W keeps the rest of the specification where there is a model that has it.
  function switchW(W) {
    const now = models[state.model];
    const same = models.findIndex((m) => m.W === W && m.what === now.what);
    switchTo(same >= 0 ? same : models.findIndex((m) => m.W === W));
  }
  function switchTo(index) {
    state.model = index;
    render();
  }
  function offerModels() {
    const W = models[state.model].W, list = by("model");
    by("weights").value = W;
    list.replaceChildren();
    models.forEach((m, i) => {
      if (m.W === W) element("option", { value: i }, `${m.name} (${m.what})`, list);
    });
    list.value = String(state.model);
  }
  function render() {
    offerModels();
    if (map) {
      paintMap();
      fitScreen();
    }
    readOut();
    readBlocks();
    curve();
  }

  for (const W of new Set(models.map((m) => m.W)))
    element("option", { value: W }, W || say("none"), by("weights"));
  by("weights").addEventListener("change", (event) => switchW(event.target.value));
  by("model").addEventListener("change", (event) => switchTo(Number(event.target.value)));
  by("city").addEventListener("change", (event) => choose(Number(event.target.value)));
  by("more").addEventListener("click", () => { everything = !everything; readOut(); });
  for (const radio of document.querySelectorAll("[name=show]"))
    radio.addEventListener("change", () => { state.show = radio.value; render(); });
  for (const radio of document.querySelectorAll("[name=effect]"))
    radio.addEventListener("change", curve);
  const pick = (event) => {
    const spot = event.target.closest(".spot");
    if (!spot || (event.key && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    switchTo(Number(spot.dataset.model));
    const again = by("curve").querySelector(`[data-model="${state.model}"]`);
    if (event.key && again) again.focus();
  };
  by("curve").addEventListener("click", pick);
  by("curve").addEventListener("keydown", pick);
  if (map) {
    rove(0, false);
    map.addEventListener("click", (event) => {
      const index = shapes.indexOf(event.target);
      if (index >= 0) choose(index === state.city ? -1 : index);
    });
    map.addEventListener("keydown", onKey);
    map.addEventListener("pointermove", (event) =>
      hover(shapes.indexOf(event.target), event.clientX, event.clientY));
    map.addEventListener("pointerleave", () => hover(-1));
    map.addEventListener("focusin", (event) => {
      const index = shapes.indexOf(event.target);
      if (index < 0 || !event.target.matches(":focus-visible")) return;
      const box = event.target.getBoundingClientRect();
      hover(index, box.right - box.width / 2, box.bottom - box.height / 2);
    });
    map.addEventListener("focusout", () => hover(-1));
    by("closer").addEventListener("click", () => zoomTo(zoom * 1.6));
    by("farther").addEventListener("click", () => zoomTo(zoom / 1.6));
    by("whole").addEventListener("click", () => zoomTo(1));
    window.addEventListener("resize", fitScreen);
  }
  render();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
