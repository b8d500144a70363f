// Plays the session that stands in #segments. Text of events only ever becomes text nodes.
//
// Rows are kept in blocks of BLOCK. A block is filled when it comes near the window and emptied when it
// leaves, with its height kept, so that a session of any length has a page of a few hundred rows.
// The playhead is two numbers: position, in microseconds, and shown, the count of segments that are past.
// `shown` decides what is seen, since several segments may share a moment.
"use strict";
(() => {
  const BLOCK = 100, LINE_PX = 18, APART_PX = 12, TICK_MS = 50, STEP_US = 10e6, LONG = 20000;
  const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];
  const [AT, KIND, TEXT, EI, MARKS] = [0, 1, 2, 3, 4];

  const element = (id) => document.getElementById(id);
  const segments = JSON.parse(element("segments").textContent);
  const about = JSON.parse(element("about").textContent);
  const keywords = new Set(about.keywords);
  const count = segments.length;
  const total = count ? segments[count - 1][AT] : 0;
  const indexes = (wanted) => segments.flatMap((segment, index) => (wanted(segment) ? [index] : []));
  const errors = indexes((segment) => segment[MARKS].includes("e"));
  const writes = indexes((segment) => segment[MARKS].includes("w"));
  const statements = indexes((segment) => segment[KIND] === "statement");
  const transcript = element("transcript");

  let position = total, shown = count;
  let moved = false; // until something is asked for, the whole session is seen and nothing is current
  let playing = false, speed = 1, timer = 0, lastTick = 0, waited = 0;
  let pattern = null, matches = [];

  // ---- words

  function time(us, exact) {
    const seconds = us / 1e6, whole = Math.floor(seconds);
    const pad = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    const text = (hours ? hours + ":" + pad(minutes) : String(minutes)) + ":" + pad(whole % 60);
    return exact ? text + "." + Math.floor((seconds - whole) * 10) : text;
  }

  const plural = (number, noun, nouns) => number.toLocaleString("en") + " " + (number === 1 ? noun : nouns || noun + "s");

  // ---- rows

  const blocks = [];
  const filled = new Set();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const block = blocks[entry.target.dataset.block];
      if (entry.isIntersecting) fill(block);
      else empty(block);
    }
  }, { rootMargin: "1500px 0px" });

  function lines(text) {
    let found = 1;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) found++;
    return found;
  }

  const body = (index) => segments[index][TEXT].replace(/^\n+|\n+$/g, "");

  function layOut() {
    for (let first = 0; first < count; first += BLOCK) {
      const last = Math.min(count, first + BLOCK);
      let height = 0;
      for (let index = first; index < last; index++) {
        const text = segments[index][TEXT];
        height += LINE_PX * lines(body(index)) + (text.startsWith("\n") ? APART_PX : 0);
      }
      const block = { node: document.createElement("div"), first, last, height };
      block.node.dataset.block = blocks.length;
      block.node.style.height = height + "px";
      blocks.push(block);
      transcript.append(block.node);
      near.observe(block.node);
    }
  }

  function fill(block) {
    if (filled.has(block)) return;
    filled.add(block);
    block.node.style.height = "";
    const rows = [];
    for (let index = block.first; index < block.last; index++) rows.push(row(index));
    block.node.replaceChildren(...rows);
  }

  function empty(block) {
    if (!filled.delete(block)) return;
    block.height = block.node.offsetHeight;
    block.node.style.height = block.height + "px";
    block.node.replaceChildren();
  }

  function row(index) {
    const [at, kind, text, ei, marks] = segments[index];
    const node = document.createElement("div");
    node.className = "row " + kind;
    node.classList.toggle("apart", text.startsWith("\n"));
    for (const [mark, name] of [["e", "error"], ["w", "write"], ["a", "aside"], ["!", "warning"]])
      node.classList.toggle(name, marks.includes(mark) || kind === name);
    const moment = document.createElement("button");
    moment.type = "button";
    moment.className = "at";
    moment.tabIndex = -1;
    moment.textContent = time(at, true);
    moment.title = ei === null ? "Go here" : "Event " + ei;
    moment.addEventListener("click", () => go(index));
    const said = document.createElement("span");
    said.className = "said";
    say(said, index, LONG);
    node.append(moment, said);
    mark(node, index);
    return node;
  }

  function mark(node, index) {
    node.classList.toggle("future", index >= shown);
    const current = moved && index === shown - 1;
    node.classList.toggle("current", current);
    if (current) node.setAttribute("aria-current", "true");
    else node.removeAttribute("aria-current");
  }

  function say(node, index, limit) {
    const text = body(index), part = text.slice(0, limit);
    node.replaceChildren();
    const pieces = segments[index][KIND] === "statement" ? cut(part) : [["", part]];
    const found = ranges(part);
    let at = 0, next = 0;
    for (const [kind, piece] of pieces) {
      const end = at + piece.length;
      while (at < end) {
        while (next < found.length && found[next][1] <= at) next++;
        const range = found[next];
        const inside = range && range[0] <= at;
        const stop = Math.min(end, inside ? range[1] : range ? range[0] : end);
        const span = document.createElement(inside ? "mark" : "span");
        if (kind) span.className = kind;
        span.textContent = part.slice(at, stop);
        node.append(span);
        at = stop;
      }
    }
    if (text.length > limit) {
      const more = document.createElement("button");
      more.type = "button";
      more.className = "more";
      more.textContent = "… " + plural(text.length - limit, "more character");
      more.addEventListener("click", () => say(node, index, Infinity));
      node.append(more);
    }
  }

  // Prompt, comment, string, quoted name, number, word, all else. What is not closed reaches to the end,
  // so no alternative can fail late.
  const PIECE = new RegExp([
    "--[^\\n]*|/\\*(?:[^*]|\\*(?!/))*(?:\\*/|$)",
    "'(?:[^'\\\\]|''|\\\\[^])*(?:'|\\\\?$)",
    "\"(?:[^\"]|\"\")*(?:\"|$)|`[^`]*(?:`|$)",
    "\\d[\\d.]*",
    "[\\p{L}_][\\p{L}\\p{N}_$]*",
    "[^\\p{L}\\p{N}_'\"`\\s/-]+|[/-]",
    "\\s+|[^]",
  ].map((rule) => "(" + rule + ")").join("|"), "gu");
  const KINDS = ["comment", "string", "name", "number", "word", "operator", ""];
  const PROMPT = /^[^\n]{0,200}?(?:=>|>|#) /;

  function cut(text) {
    const prompt = (PROMPT.exec(text) || [""])[0];
    const pieces = prompt ? [["prompt", prompt]] : [];
    const rest = text.slice(prompt.length);
    if (rest.length > LONG) return [...pieces, ["", rest]];
    for (const match of rest.matchAll(PIECE)) {
      let kind = KINDS[match.slice(1).findIndex((group) => group !== undefined)];
      if (kind === "word") kind = keywords.has(match[0].toUpperCase()) ? "keyword" : "";
      pieces.push([kind, match[0]]);
    }
    return pieces;
  }

  // ---- the playhead

  // How many segments are at or before a moment.
  function countAt(us) {
    let low = 0, high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (segments[middle][AT] <= us) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function seek(us) {
    position = Math.max(0, Math.min(total, us));
    shown = countAt(position);
    waited = 0;
    show(true);
  }

  function go(index) {
    position = segments[index][AT];
    shown = index + 1;
    waited = 0;
    show(true);
  }

  function play() {
    if (!count || playing) return;
    if (shown === count && position >= total) {
      position = 0;
      shown = countAt(0);
    }
    playing = true;
    waited = 0;
    lastTick = performance.now();
    timer = setTimeout(tick, TICK_MS);
    show(true);
    tell("Playing");
  }

  function pause() {
    if (!playing) return;
    advance();
    playing = false;
    clearTimeout(timer);
    show(false);
    tell("Paused at " + time(position, true));
  }

  function tick() {
    advance();
    if (position >= total && shown === count) pause();
    else timer = setTimeout(tick, TICK_MS);
  }

  function advance() {
    const now = performance.now(), passed = now - lastTick, before = shown;
    lastTick = now;
    waited += passed;
    position = Math.min(total, position + passed * 1000 * speed);
    if (shown < count && waited >= Number(element("idle").value)) position = Math.max(position, segments[shown][AT]);
    shown = Math.max(shown, countAt(position));
    if (shown !== before) waited = 0;
    show(shown !== before);
  }

  function setSpeed(value) {
    if (playing) advance();
    speed = value;
    element("speed").value = String(value);
  }

  function show(scroll) {
    document.body.classList.toggle("playing", playing);
    element("play").textContent = playing ? "Pause" : "Play";
    element("clock").textContent = time(position, true) + " / " + time(total, true);
    const slider = element("seek");
    slider.value = String(total ? (position / total) * 1000 : 1000);
    slider.setAttribute("aria-valuetext", time(position, false) + " of " + time(total, false));
    moved = moved || scroll;
    if (scroll && shown > 0) {
      const index = shown - 1, block = blocks[Math.floor(index / BLOCK)];
      fill(block);
      const node = block.node.children[index - block.first];
      const box = node.getBoundingClientRect();
      const top = element("controls").getBoundingClientRect().bottom;
      if (box.top < top || box.bottom > innerHeight - 2 * LINE_PX) node.scrollIntoView({ block: "center" });
    }
    for (const block of filled)
      for (let index = block.first; index < block.last; index++) mark(block.node.children[index - block.first], index);
    counts();
  }

  // ---- jumps and search

  const tell = (text) => { element("status").textContent = text; };

  function jump(list, forward, noun) {
    if (!list.length) return tell("No " + noun);
    const here = shown - 1;
    let place = forward ? list.findIndex((index) => index > here) : list.findLastIndex((index) => index < here);
    const wrapped = place < 0;
    if (wrapped) place = forward ? 0 : list.length - 1;
    go(list[place]);
    const turn = wrapped ? (forward ? ", from the start" : ", from the end") : "";
    tell(noun + " " + (place + 1) + " of " + list.length + turn + ": " + body(list[place]).slice(0, 200));
  }

  function ranges(text) {
    const found = [];
    if (!pattern) return found;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
      if (match[0]) found.push([match.index, match.index + match[0].length]);
      else pattern.lastIndex++;
    }
    return found;
  }

  function search() {
    const wanted = element("pattern").value;
    pattern = null;
    matches = [];
    element("pattern").removeAttribute("aria-invalid");
    try {
      const source = element("regex").checked ? wanted : wanted.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
      if (wanted) pattern = new RegExp(source, "gim");
    } catch {
      element("pattern").setAttribute("aria-invalid", "true");
      element("found").textContent = "not a regex";
    }
    if (pattern) {
      matches = segments.flatMap((segment, index) => {
        pattern.lastIndex = 0;
        return pattern.test(segment[TEXT]) ? [index] : [];
      });
    }
    for (const block of filled)
      for (let index = block.first; index < block.last; index++)
        say(block.node.children[index - block.first].querySelector(".said"), index, LONG);
    counts();
  }

  function counts() {
    const of = (list, noun, nouns) => {
      const place = moved ? list.indexOf(shown - 1) + 1 : 0;
      return (place ? place + " of " : "") + plural(list.length, noun, nouns);
    };
    element("errors").textContent = of(errors, "error");
    element("writes").textContent = of(writes, "write");
    if (!element("pattern").hasAttribute("aria-invalid"))
      element("found").textContent = pattern ? of(matches, "match", "matches") : "";
  }

  // ---- the timeline

  function draw() {
    const canvas = element("marks"), style = getComputedStyle(document.documentElement);
    const scale = window.devicePixelRatio || 1;
    const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale)));
    const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale)));
    const context = canvas.getContext("2d");
    const edge = 8 * scale; // the middle of the slider's thumb at either end
    const lane = (list, name, top, bottom) => {
      context.fillStyle = style.getPropertyValue(name);
      for (const index of list) {
        const x = edge + (width - 2 * edge) * (total ? segments[index][AT] / total : 0);
        context.fillRect(Math.round(x - scale), top * height, 2 * scale, (bottom - top) * height);
      }
    };
    lane(writes, "--write", 0.7, 1);
    lane(errors, "--error", 0, 0.3);
    canvas.setAttribute("aria-label", plural(errors.length, "error") + " and " + plural(writes.length, "write"));
  }

  // ---- keys and buttons

  const step = (list, forward, noun) => () => jump(list(), forward, noun);
  const nextError = step(() => errors, true, "error"), previousError = step(() => errors, false, "error");
  const nextWrite = step(() => writes, true, "write"), previousWrite = step(() => writes, false, "write");
  const nextMatch = step(() => matches, true, "match"), previousMatch = step(() => matches, false, "match");
  const nextStatement = step(() => statements, true, "statement");
  const previousStatement = step(() => statements, false, "statement");
  const faster = (by) => () => {
    const at = SPEEDS.indexOf(speed) + by;
    setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))]);
    tell("Speed " + speed);
  };
  const keys = {
    " ": () => (playing ? pause() : play()),
    ArrowLeft: () => seek(position - STEP_US), ArrowRight: () => seek(position + STEP_US),
    ArrowUp: previousStatement, ArrowDown: nextStatement, k: previousStatement, j: nextStatement,
    "+": faster(1), "=": faster(1), "-": faster(-1),
    Home: () => seek(0), End: () => seek(total),
    e: nextError, E: previousError, w: nextWrite, W: previousWrite, n: nextMatch, N: previousMatch,
    "/": () => element("pattern").focus(), "?": () => { element("help").open = !element("help").open; },
  };
  for (let tenth = 0; tenth < 10; tenth++) keys[tenth] = () => seek((total * tenth) / 10);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    const at = event.target;
    if (at.matches("input[type=search], select")) return;
    if (at.matches("input[type=range]") && /^(Arrow|Home|End)/.test(event.key)) return;
    if (event.key === " " && at.matches("button, summary, input[type=checkbox]")) return;
    event.preventDefault();
    keys[event.key]();
  });
  element("pattern").addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.shiftKey ? previousMatch() : nextMatch();
    else if (event.key === "Escape") transcript.focus();
    else return;
    event.preventDefault();
  });
  for (const [id, deed] of Object.entries({
    play: keys[" "], "next-error": nextError, "previous-error": previousError, "next-write": nextWrite,
    "previous-write": previousWrite, "next-match": nextMatch, "previous-match": previousMatch,
  })) element(id).addEventListener("click", deed);
  element("pattern").addEventListener("input", search);
  element("regex").addEventListener("change", search);
  element("seek").addEventListener("input", (event) => seek((Number(event.target.value) / 1000) * total));
  element("speed").addEventListener("change", (event) => setSpeed(Number(event.target.value)));
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => blocks.forEach(fill));
  addEventListener("afterprint", () => blocks.forEach((block) => { near.unobserve(block.node); near.observe(block.node); }));

  // ---- begin

  addEventListener("DOMContentLoaded", () => { element("incomplete").hidden = Boolean(element("complete")); });
  document.title = about.title || "Database session";
  element("title").textContent = document.title;
  for (const [name, value] of about.facts) {
    const pair = document.createElement("div");
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    pair.append(term, text);
    element("facts").append(pair);
  }
  element("waiting").hidden = true;
  layOut();
  draw();
  show(false);
  const wanted = /^#ei=(\d+)$/.exec(location.hash); // a link to one event
  const found = wanted ? segments.findIndex((segment) => String(segment[EI]) === wanted[1]) : -1;
  if (found >= 0) go(found);
})();
