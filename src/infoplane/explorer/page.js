"use strict";
(async () => {
  const MILLISECONDS_PER_EPOCH = 130;
  const PLAY = "M3 1.5v13l11-6.5z", STOP = "M2.5 1.5h4v13h-4zM9.5 1.5h4v13h-4z";
  const element = (id) => document.getElementById(id);
  const page = JSON.parse(element("contents").textContent);
  const [run, series, seed, slider, play] = ["run", "series", "seed", "epoch", "play"].map(element);
  let timer = null;

  const views = {};
  for (const [id, spec] of Object.entries(page.views)) {
    views[id] = (await vegaEmbed(`#${id}`, spec, { mode: "vega-lite", renderer: "svg", actions: false })).view;
  }

  // What is chosen

  const chosenRun = () => page.runs[run.selectedIndex];
  const chosenEpoch = () => chosenRun().epochs[slider.valueAsNumber];
  const chosenLayer = () => Number(element("layers").querySelector(":checked").value);

  function offer(select, options, keep) {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    if (options.some(([value]) => value === keep)) select.value = keep;
  }

  /** The controls that depend on the run: its seeds, layers and epochs. */
  function offerOfRun({ epoch = Infinity, layer = 0, of = "mean" }) {
    const { seeds, kept, shown, diverged, dead, layers, epochs, ticks } = chosenRun();
    const left = remaining(kept, seeds);
    const single = shown.map((number) => [
      String(number),
      `seed ${number}` + (number in diverged ? ` (diverged at epoch ${diverged[number]})` : dead.includes(number) ? " (dead)" : ""),
    ]);
    offer(seed, [["mean", `mean of ${left} seed${kept === 1 ? "" : "s"}`], ...single], of);
    const all = { number: 0, label: "all layers" };
    element("layers").replaceChildren(element("layers").firstElementChild, ...[all, ...layers].map(chip));
    (element(`layer${layer}`) ?? element("layer0")).checked = true;
    slider.max = epochs.length - 1;
    const nearest = (wanted) => epochs.reduce((best, at, index) =>
      Math.abs(at - wanted) < Math.abs(epochs[best] - wanted) ? index : best, 0);
    slider.value = epoch === Infinity ? epochs.length - 1 : nearest(epoch);
    const places = ticks.map((tick) => nearest(tick) / Math.max(epochs.length - 1, 1));
    element("ticks").replaceChildren(...ticks.map((tick, index) => {
      const label = document.createElement("span"), share = places[index];
      label.textContent = tick;
      // A narrow page has no room for neighbours.
      label.classList.toggle("close", share - (places[index - 1] ?? -1) < 0.07);
      // The middle of the slider's knob, which is 16 pixels wide, stays within the slider.
      label.style.left = `calc(8px + ${share} * (100% - 16px))`;
      return label;
    }));
  }

  function chip({ number, label, shape, colour }) {
    const input = Object.assign(document.createElement("input"),
      { type: "radio", name: "layer", id: `layer${number}`, value: number });
    const parts = [input];
    if (shape) {
      const names = "http://www.w3.org/2000/svg";
      const picture = document.createElementNS(names, "svg"), path = document.createElementNS(names, "path");
      picture.setAttribute("viewBox", "-1 -1 2 2");
      path.setAttribute("d", shape);
      path.setAttribute("fill", colour);
      picture.append(path);
      parts.push(picture);
    }
    const chip = document.createElement("label");
    chip.append(...parts, number ? label.replace(/^layer /, "") : "all");
    return chip;
  }

  // What is drawn

  /** One row per layer and epoch of what numbers holds as [layer][epoch]. */
  function rows(numbers, { epochs, layers }, more = {}) {
    return layers.flatMap((layer, at) => epochs.map((epoch, index) => ({
      ...more, ...layer, layer: layer.number, key: layer.number, epoch,
      ...Object.fromEntries(Object.entries(numbers).map(([name, values]) => [name, values[at][index]])),
    }))).filter((row) => row.i_tx !== null && row.i_ty !== null);
  }

  function accuracies(numbers, { epochs }) {
    return page.parts.flatMap(({ key, label }) => epochs.map((epoch, index) => ({
      key: label, epoch, accuracy: numbers[key][0][index],
      accuracy_low: numbers[key + "_low"]?.[0][index], accuracy_high: numbers[key + "_high"]?.[0][index],
    }))).filter((row) => row.accuracy !== null);
  }

  /** Draw what is chosen; `fresh` where more than the epoch or the layer changed. */
  async function show(fresh) {
    const of = chosenRun(), epoch = chosenEpoch();
    const signals = { epoch, layer: chosenLayer() };
    if (fresh) {
      const estimates = of.estimates[series.value], single = seed.value !== "mean";
      const data = rows(single ? estimates.single[seed.value] : estimates.mean, of);
      for (const id of ["plane", "i_tx", "i_ty"]) views[id].data("rows", data.map((row) => ({ ...row })));
      views.plane.data("seeds", single ? [] : of.shown.filter((number) => !(number in of.diverged || of.dead.includes(number)))
        .flatMap((number) => rows(estimates.single[number], of, { seed: number })));
      views.accuracy.data("rows", accuracies(single ? of.accuracy.single[seed.value] : of.accuracy.mean, of));
      const [low_x, high_x, low_y, high_y] = of.axes, [h_x, h_y] = of.ceilings;
      Object.assign(signals, { title: `${of.label} · ${series.selectedOptions[0].text}`, h_x, h_y, low_x, high_x, low_y, high_y, last: of.epochs.at(-1), ticks: of.ticks,
        low_accuracy: of.lowest_accuracy });
      element("status").textContent = sentence(of, estimates);
    }
    for (const view of Object.values(views)) {
      for (const [name, value] of Object.entries(signals)) view.signal(name, value);
    }
    element("now").replaceChildren(Object.assign(document.createElement("small"), { textContent: "epoch" }), String(epoch));
    slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    await Promise.all(Object.values(views).map((view) => view.runAsync()));
    if (timer === null) remember();
  }

  const remaining = (kept, seeds) => (kept === seeds ? `${kept}` : `${kept} of ${seeds}`);

  function sentence({ label, seeds, kept, shown, diverged, dead }, { assumption }) {
    const name = series.selectedOptions[0].text, number = seed.value, left = remaining(kept, seeds);
    const lost = Object.entries(diverged).map(([which, epoch]) => `seed ${which} at epoch ${epoch}`).join(", ");
    const whose = number === "mean"
      ? (kept ? `mean of ${left} seed${kept > 1 ? "s, bands: 95 % interval of the mean, hollow marks: single seeds" : ""}`
        : `all ${seeds} seeds diverged${dead.length ? " or are dead" : ""}, so there is no mean`)
      : `seed ${number}` + (number in diverged ? `, which diverged at epoch ${diverged[number]}`
        : dead.includes(Number(number)) ? ", which is dead: a layer has the same activity for all samples at the end" : "");
    const silent = dead.length ? ` Dead and left out of the mean: ${dead.map((which) => `seed ${which}`).join(", ")}.` : "";
    const some = shown.length < seeds ? ` Of the single seeds the page has ${shown.length} of ${seeds}.` : "";
    return `${label}. ${name}: ${assumption}. Shown: ${whose}. Diverged and left out of the mean: ${lost || "none"}.${silent}${some}`;
  }

  // What is chosen stands in the address, so that a view can be shared and opened again.

  function remember() {
    const chosen = { run: run.value, series: series.value, seed: seed.value, layer: chosenLayer(), epoch: chosenEpoch() };
    try {
      history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
    } catch {
      // Within a frame of another page the address may be fixed.
    }
  }

  function recall() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    offer(run, page.runs.map(({ name, label }) => [name, label]), wanted.get("run"));
    offer(series, page.series.map(({ key, label }) => [key, label]), wanted.get("series") ?? page.first);
    offerOfRun({
      epoch: Number(wanted.get("epoch") ?? Infinity), layer: wanted.get("layer") ?? 0, of: wanted.get("seed") ?? "mean",
    });
    return show(true);
  }

  // What the reader does

  function stop() {
    clearInterval(timer);
    timer = null;
    label();
  }

  function start() {
    if (slider.value === slider.max) slider.value = 0;
    else slider.stepUp();
    timer = setInterval(() => {
      slider.stepUp();
      if (slider.value === slider.max) stop();
      show(false);
    }, MILLISECONDS_PER_EPOCH);
    label();
    show(false);
  }

  function label() {
    play.querySelector("path").setAttribute("d", timer === null ? PLAY : STOP);
    play.querySelector("span").textContent = timer === null ? "Play" : "Stop";
  }

  const toggle = () => (timer === null ? start() : (stop(), show(false)));
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => { stop(); show(false); });
  run.addEventListener("change", () => {
    // Where the new run has them, the epoch, the layer and the seed stay.
    const wanted = { epoch: Number(element("now").lastChild.textContent), layer: chosenLayer(), of: seed.value };
    offerOfRun(wanted);
    show(true);
  });
  for (const select of [series, seed]) select.addEventListener("change", () => show(true));
  element("layers").addEventListener("change", () => show(false));
  element("choices").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Controls keep the keys that are theirs.
    const own = { BUTTON: [" "], SELECT: [" ", "Arrow", "Home", "End"], INPUT: ["Arrow", "Home", "End"] }[event.target.tagName] ?? [];
    if (own.some((key) => event.key.startsWith(key))) return;
    const move = { ArrowLeft: () => slider.stepDown(), ArrowRight: () => slider.stepUp(),
      Home: () => { slider.value = 0; }, End: () => { slider.value = slider.max; } }[event.key];
    if (event.key === " ") toggle();
    else if (move) { move(); slider.dispatchEvent(new Event("input")); }
    else return;
    event.preventDefault();
  });
  for (const view of Object.values(views)) {
    view.addEventListener("click", (_, item) => {
      const index = chosenRun().epochs.indexOf(item?.datum?.epoch);
      if (index >= 0) { slider.value = index; slider.dispatchEvent(new Event("input")); }
    });
  }
  addEventListener("hashchange", recall);

  label();
  await recall();
  document.body.dataset.ready = "";
})();
