"use strict";
// Draws each chart again at the width of the reader's screen, with a text at each mark. A click on a mark, or Enter,
// leaves only its cases in the tables. The drawing below stays where this script does not run.
{
  const COLOUR = (name) => `var(--${name})`;
  const HALO = { fill: COLOUR("ink"), stroke: COLOUR("paper"), strokeWidth: 3 }; // readable on lines
  const SYMBOLS = ["circle", "square", "diamond", "triangle"];
  const symbol = (name) => SYMBOLS[(/^[cs]\d$/.test(name) ? Number(name[1]) : 0) % SYMBOLS.length];
  const digits = (value) => Number(value.toPrecision(3)).toLocaleString("en");

  const cutTo = (text, room) => (text.length <= room / 6.6 ? text : `${text.slice(0, Math.max(1, Math.floor(room / 6.6) - 1))}…`);

  // One list of points, each with what its series says of it.
  function pointsOf(figure) {
    const below = figure.above ? 0.25 : 0;
    return figure.series.flatMap((series) =>
      series.points.map((point) => ({
        ...point,
        series,
        y: point.y + below,
        start: point.start ?? 0,
        colour: COLOUR(series.colour),
        text: point.text ?? series.says.replace("{x}", digits(point.x)).replace("{y}", digits(point.y)),
        cases: point.cases ?? [],
      })),
    );
  }

  function marksOf(figure, points, width) {
    const of = (...shapes) => points.filter((point) => shapes.includes(point.series.shape));
    const fixed = (channel) => ({ value: channel, scale: null });
    const strength = (point) => (point.series.pale ? 0.45 : 1);
    const joined = { x: "x", y: "y", z: (point) => figure.series.indexOf(point.series), stroke: fixed("colour"), strokeWidth: 1.6 };
    const pairs = figure.series.filter((series) => series.shape === "line").flatMap((series) => {
      const own = points.filter((point) => point.series === series);
      return own.slice(1).map((point, place) => ({ one: own[place], other: point, colour: point.colour }));
    });
    const link = (dashed) => Plot.link(pairs.filter(({ one, other }) => dashed === Boolean(one.unsure || other.unsure)), {
      x1: (pair) => pair.one.x, y1: (pair) => pair.one.y, x2: (pair) => pair.other.x, y2: (pair) => pair.other.y,
      stroke: fixed("colour"), strokeWidth: 1.6, strokeDasharray: dashed ? "4 3" : "none",
    });
    const ends = [
      ...points.filter((point) => point.xEnds).map((point) => ({ ...point, x1: point.xEnds[0], x2: point.xEnds[1], y1: point.y, y2: point.y })),
      ...points.filter((point) => point.yEnds).map((point) => ({ ...point, x1: point.x, x2: point.x, y1: point.yEnds[0], y2: point.yEnds[1] })),
    ].map((end) => ({ ...end, colour: end.series.shape === "bars" ? COLOUR("neutral") : end.colour }));
    const half = (point) => (point.series.thickness * (figure.above ? 0.5 : 1)) / 2;
    const dots = of("points", "line");
    const bars = of("bars", "frames");
    const inside = of("frames").map((point) => ({ ...point, room: (width - figure.left - figure.right) * (point.x - point.start) / Math.abs(figure.x.domain[1] - figure.x.domain[0]) }));
    const labels = points.filter((point) => point.labelled).map((point, place) => Plot.text([point], {
      x: "x", y: "y", text: () => figure.labels[place].text, dx: figure.labels[place].dx, dy: figure.labels[place].dy,
      textAnchor: figure.labels[place].left ? "end" : "start", lineAnchor: "bottom", ...HALO,
    }));
    return [
      Plot.gridX(figure.x.ticks.map(([value]) => value), { strokeOpacity: 0.15 }),
      Plot.gridY(figure.y.ticks.map(([value]) => value), { strokeOpacity: 0.15 }),
      Plot.rect(figure.marks.filter((mark) => mark.high !== null), { x1: "x", x2: "high", fillOpacity: 0.1 }),
      Plot.ruleX(figure.marks.filter((mark) => mark.high === null), { x: "x", strokeDasharray: "2 3" }),
      figure.marks.map((mark) => Plot.text([mark], { x: "x", text: "text", frameAnchor: "top", textAnchor: "start", lineAnchor: "bottom", dy: -4 - 15 * mark.level })),
      Plot.ruleY(figure.levels, { y: "y", strokeDasharray: "2 3" }),
      figure.levels.map((level) => Plot.text([level], { y: "y", text: "text", frameAnchor: "left", textAnchor: "start", lineAnchor: "bottom", dx: 4, dy: -4, ...HALO })),
      figure.front.length > 1 ? Plot.line(figure.front, { stroke: COLOUR("neutral"), strokeWidth: 1.5, strokeDasharray: "5 4" }) : null,
      Plot.rect(bars, {
        x1: "start", x2: "x", y1: (point) => point.y - half(point), y2: (point) => point.y + half(point),
        fill: fixed((point) => (point.unsure ? "transparent" : point.colour)), fillOpacity: strength,
        stroke: fixed((point) => (point.unsure ? point.colour : COLOUR("paper"))), strokeWidth: 1,
      }),
      Plot.text(inside.filter((point) => point.room >= 28), {
        x: "start", y: "y", text: (point) => cutTo(point.label, point.room - 4), dx: 2, textAnchor: "start", ...HALO,
      }),
      Plot.line(of("curve"), joined),
      Plot.line(of("steps"), { ...joined, curve: "step-after" }),
      link(false),
      link(true),
      Plot.link(ends, { x1: "x1", x2: "x2", y1: "y1", y2: "y2", stroke: fixed("colour"), strokeWidth: 1.6 }),
      Plot.dot(dots, {
        x: "x", y: "y", r: 4, symbol: (point) => symbol(point.series.colour), stroke: fixed("colour"), strokeWidth: 1.6,
        fill: fixed((point) => (point.unsure ? COLOUR("paper") : point.colour)),
      }),
      labels,
    ];
  }

  function textsOf(figure, width) {
    const names = figure.y.names.map((name, place) => ({ name, y: place - (figure.above ? 0.25 : 0), heading: figure.y.headings.includes(place) }));
    const named = (heading) => Plot.text(names.filter((each) => each.heading === heading), {
      y: "y", text: "name", frameAnchor: "left", textAnchor: "start", dx: -figure.left, fontWeight: heading ? 600 : 400, ...HALO,
      lineWidth: (width - 16) / (heading ? 13 : 12), textOverflow: "ellipsis",
    });
    const axis = (ticks) => ({ ticks: ticks.map(([value]) => value), tickFormat: (value) => new Map(ticks).get(value), tickSize: 0, label: null });
    const cut = { lineWidth: width / 12, textOverflow: "ellipsis" };
    return [
      Plot.axisX({ ...axis(figure.x.ticks), anchor: "bottom", tickPadding: 6 }),
      figure.y.names.length ? [named(true), named(false)] : Plot.axisY({ ...axis(figure.y.ticks), anchor: "left", tickPadding: 5 }),
      Plot.text([figure.x.label], { frameAnchor: "bottom-right", dx: figure.right, dy: figure.bottom - 3, fill: COLOUR("quiet"), ...cut }),
      Plot.text([figure.y.label], { frameAnchor: "top-left", dx: -figure.left, dy: 3 - figure.top, fill: COLOUR("quiet"), ...cut }),
    ];
  }

  function plotOf(figure, width) {
    const points = pointsOf(figure);
    const told = points.filter((point) => point.text);
    const isFramed = figure.series.some((series) => series.shape === "frames");
    const nearest = figure.y.names.length ? Plot.pointerY : Plot.pointer;
    const svg = Plot.plot({
      width,
      height: Math.round((figure.height * width) / figure.width),
      marginLeft: figure.left,
      marginRight: figure.right,
      marginTop: figure.top,
      marginBottom: figure.bottom,
      style: { fontSize: "12px", fontFamily: "inherit", overflow: "visible", background: "none" },
      x: { type: figure.x.log ? "log" : "linear", domain: figure.x.domain, clamp: true, axis: null },
      y: { type: figure.y.log ? "log" : "linear", domain: figure.y.domain, clamp: true, axis: null },
      symbol: { domain: SYMBOLS, range: SYMBOLS },
      marks: [
        marksOf(figure, points, width),
        textsOf(figure, width),
        isFramed ? null : Plot.dot(told, nearest({ x: "x", y: "y", r: 8, stroke: "currentColor", strokeWidth: 1.5 })),
      ],
    });
    svg.setAttribute("aria-hidden", "true");
    return { svg, told, isFramed };
  }

  // Selecting: only the rows of the chosen cases stay, until they are cleared.
  const chip = Object.assign(document.createElement("p"), { id: "chip", hidden: true });
  chip.setAttribute("role", "status");
  document.body.append(chip);

  async function select(cases, name) {
    const wanted = new Set(cases.map(String));
    const is = Boolean(wanted.size);
    const section = document.querySelector("#cases");
    if (!section) return;
    if (is) await Promise.all([...section.querySelectorAll(".long")].map(whole));
    for (const row of section.querySelectorAll("tr[data-case]")) row.hidden = is && !wanted.has(row.dataset.case);
    for (const part of section.querySelectorAll("details, .block")) {
      const rows = [...part.querySelectorAll("tr[data-case]")];
      const some = rows.some((row) => !row.hidden);
      part.hidden = is && rows.length > 0 && !some;
      if (is && some && part.matches("details")) part.open = true;
    }
    chip.hidden = !is;
    chip.replaceChildren();
    if (!is) return;
    const clear = Object.assign(document.createElement("button"), { type: "button", textContent: "clear" });
    clear.addEventListener("click", () => select([], ""));
    const link = Object.assign(document.createElement("a"), { href: "#cases", textContent: "tables" });
    chip.append(`Showing ${name} · `, link, " · ", clear);
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && !chip.hidden && select([], ""));

  // What a mark says, below it, or above it where there is no room; never beyond the edges of the drawing.
  function tell(drawing, tip, svg, point) {
    tip.hidden = !point;
    if (!point) return;
    tip.replaceChildren(...point.text.split(/ [·—] /).map((line) => Object.assign(document.createElement("span"), { textContent: line })));
    const x = svg.scale("x").apply(point.x);
    const y = svg.scale("y").apply(point.y);
    tip.style.left = `${Math.max(0, Math.min(x - tip.offsetWidth / 2, drawing.clientWidth - tip.offsetWidth))}px`;
    const below = drawing.getBoundingClientRect().top + y + 14 + tip.offsetHeight < innerHeight;
    tip.style.top = `${below ? y + 14 : y - 14 - tip.offsetHeight}px`;
  }

  const short = (text) => text.split(" · ")[0];

  function show(drawing, figure, width) {
    const { svg, told, isFramed } = plotOf(figure, width);
    let at = -1;
    svg.addEventListener("click", () => svg.value && select(svg.value.cases, short(svg.value.text)));
    const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
    if (isFramed) {
      // What is under the pointer is told, not the nearest mark: a frame is as wide as it lasted.
      svg.addEventListener("pointermove", (event) => {
        const box = svg.getBoundingClientRect();
        const x = svg.scale("x").invert(event.clientX - box.left);
        const y = svg.scale("y").invert(event.clientY - box.top);
        const under = told.find((point) => point.start <= x && x <= point.x && Math.abs(point.y - y) <= 0.5);
        tell(drawing, tip, svg, under && { ...under, x });
      });
      svg.addEventListener("pointerleave", () => tell(drawing, tip, svg, null));
    }
    svg.addEventListener("input", () => !isFramed && tell(drawing, tip, svg, svg.value));
    drawing.replaceChildren(svg, tip);
    drawing.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Enter" && told[at]) select(told[at].cases, short(told[at].text));
      if (!step || !told.length) return;
      event.preventDefault();
      at = (at + step + told.length + (at < 0 && step < 0 ? 1 : 0)) % told.length;
      const box = svg.getBoundingClientRect();
      const where = { clientX: box.left + svg.scale("x").apply(told[at].x), clientY: box.top + svg.scale("y").apply(told[at].y) };
      svg.dispatchEvent(new PointerEvent("pointermove", { pointerType: "mouse", ...where }));
      tell(drawing, tip, svg, told[at]);
      drawing.setAttribute("aria-label", told[at].text);
    };
    drawing.onblur = () => {
      svg.dispatchEvent(new PointerEvent("pointerleave", { pointerType: "mouse" }));
      tell(drawing, tip, svg, null);
    };
  }

  const figures = JSON.parse(document.querySelector("#descriptions").textContent);
  const drawings = [...document.querySelectorAll(".drawing")];
  const places = new Map(drawings.map((drawing, place) => [drawing, place]));
  const widths = new Map();
  const redraw = (drawing) => {
    const width = Math.floor(drawing.clientWidth);
    if (width < 50 || widths.get(drawing) === width) return;
    widths.set(drawing, width);
    show(drawing, figures[places.get(drawing)], width);
  };
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => redraw(target)));
  // A chart is drawn when it comes near the screen, so that a long page opens at once.
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      resized.observe(target);
    }
  }, { rootMargin: "400px" });
  for (const drawing of drawings) {
    drawing.tabIndex = 0;
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-roledescription", "chart");
    drawing.setAttribute("aria-label", `${drawing.parentElement.querySelector("figcaption").textContent}: arrow keys go from mark to mark, Enter selects its cases`);
    near.observe(drawing);
  }
  document.querySelectorAll(".legend").forEach((legend) => {
    const drawing = legend.parentElement.querySelector(".drawing");
    for (const entry of legend.children) {
      const name = entry.textContent;
      const cases = figures[places.get(drawing)].series.filter((series) => series.name === name).flatMap((series) => series.points.flatMap((point) => point.cases ?? []));
      const button = Object.assign(document.createElement("button"), { type: "button", title: "only these cases in the tables" });
      button.append(...entry.childNodes);
      button.addEventListener("click", () => select(cases, name));
      entry.append(button);
    }
  });
}
