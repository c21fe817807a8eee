// Samples of stacks as a flame graph: the wider, the more time; what called it stands above it.
// By keys it is a tree: arrows go from part to part, Enter has one alone, Escape shows all again.
import { useLayoutEffect, useRef, useState } from "./vendor/hooks.mjs";
import { html, seconds, tint } from "./parts.js";

const HIGH = 20;
const LEAST = 0.002;  // of the whole: narrower is not drawn
const NAMED = 0.02;

const percent = (share) => `${100 * share}%`;
const short = (file) => file.split("/").slice(-2).join("/");

// All samples of some profiles (speedscope's form) as one tree.
export function treeOf(told, profiles) {
  const root = { name: "all", where: "", time: 0, own: 0, parts: new Map() };
  profiles.forEach(({ samples, weights }) => samples.forEach((stack, n) => {
    let at = root;
    at.time += weights[n];
    stack.forEach((number) => {
      const { name, file, line } = told.shared.frames[number];
      const key = `${name} ${file}`;
      if (!at.parts.has(key)) at.parts.set(key, { name, where: `${short(file)}:${line}`, time: 0, own: 0, parts: new Map() });
      at = at.parts.get(key);
      at.time += weights[n];
    });
    at.own += weights[n];
  }));
  return root;
}

// Functions by the time that they take themselves.
export function owners(root) {
  const found = new Map();
  const visit = (part) => {
    const key = `${part.name} ${part.where.split(":")[0]}`;
    const known = found.get(key) || { name: part.name, where: part.where, own: 0 };
    known.own += part.own;
    found.set(key, known);
    part.parts.forEach(visit);
  };
  visit(root);
  return [...found.values()].filter((each) => each.own > 0).sort((one, other) => other.own - one.own);
}

// The parts that are wide enough to be drawn, each with the number of the one above it.
function boxes(root) {
  const found = [];
  const visit = (part, depth, left, above) => {
    const width = part.time / root.time;
    if (width < LEAST) return;
    const number = found.push({ part, depth, left, width, above }) - 1;
    let at = left;
    [...part.parts.values()].sort((one, other) => other.time - one.time).forEach((each) => {
      visit(each, depth + 1, at, number);
      at += each.time / root.time;
    });
  };
  visit(root, 0, 0, -1);
  return found;
}

// Where an arrow leads from a part: up to what called it, down to what it called, to the sides.
function beside(drawn, at, key) {
  const { depth, above } = drawn[at];
  const fits = {
    ArrowUp: (box, n) => n === above,
    ArrowDown: (box) => box.above === at,
    ArrowRight: (box, n) => n > at && box.depth === depth,
    ArrowLeft: (box, n) => n < at && box.depth === depth,
    Home: (box, n) => n === 0,
  }[key];
  if (!fits) return -1;
  return key === "ArrowLeft" ? drawn.findLastIndex(fits) : drawn.findIndex(fits);
}

export function Flame({ root }) {
  const [chosen, choose] = useState(null);
  const [at, go] = useState(0);  // the part that Tab leads to
  const moved = useRef(false);
  const picture = useRef(null);
  useLayoutEffect(() => {  // at once: the next key must find it there
    if (moved.current) picture.current.querySelectorAll(".part")[at].focus();
    moved.current = false;
  });
  const top = chosen && chosen.root === root ? chosen.part : root;
  const drawn = boxes(top);
  const high = HIGH * (1 + Math.max(0, ...drawn.map((box) => box.depth)));
  const says = (part) => `${part.name}${part.where ? ` (${part.where})` : ""}: ${seconds(part.time)}, ${((100 * part.time) / root.time).toFixed(1)} %`;
  const zoom = (part) => { choose(part === root ? null : { root, part }); go(0); };
  const pressed = (event) => {
    const to = { Enter: drawn[at].part, " ": drawn[at].part, Escape: root, 0: root }[event.key];
    const next = to ? 0 : beside(drawn, at, event.key);
    if (!to && next < 0) return;
    event.preventDefault();
    moved.current = true;
    if (to) zoom(to);
    else go(next);
  };
  // An svg in the svg for each: it cuts off what has no room.
  return html`<div class="tools"><button disabled=${top === root} onClick=${() => zoom(root)}>Show all</button>
      <span class="label" role="status">${says(top)}</span></div>
    <svg class="flame" width="100%" height=${high} ref=${picture} onKeyDown=${pressed} role="tree" aria-label="Flame graph; the table below has the same times. Arrows move, Enter zooms, Escape shows all.">
    ${drawn.map((box, n) => html`<svg key=${n} class="part" x=${percent(box.left)} y=${box.depth * HIGH} width=${percent(box.width)} height=${HIGH}
      role="treeitem" aria-level=${box.depth + 1} aria-label=${says(box.part)} tabindex=${n === at ? 0 : -1} onFocus=${() => go(n)} onClick=${() => zoom(box.part)}>
      <title>${says(box.part)}</title>
      <rect width="100%" height=${HIGH - 1} rx="2" fill=${tint(box.part.where.split(":")[0] || "all")}/>
      ${box.width > NAMED ? html`<text x="4" y="14">${box.part.name}</text>` : ""}</svg>`)}
  </svg>`;
}
