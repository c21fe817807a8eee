// The graph of a job as it runs: its tasks, or, of many, its functions; or one task and its neighbours.
import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.mjs";
import { layOut } from "../layout.js";
import { chosenJob, JobTools, taskLink } from "../links.js";
import { Behind, count, html, Trouble, useAnswer } from "../parts.js";

const OF_TASKS = { width: 148, height: 40, gap: 16, between: 26 };
const OF_NAMES = { width: 200, height: 58, gap: 22, between: 34 };
const STATES = ["WAITING", "READY", "HELD", "RUNNING", "DONE", "FAILED", "CANCELLED"];

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// From the foot of a box to the head of another, upright at both ends and at each point between.
function arrow(from, to, between, size) {
  const stops = [[from[0], from[1] + size.height / 2], ...between, [to[0], to[1] - size.height / 2 - 5]];
  return stops.map(([x, y], n) => {
    if (!n) return `M${x},${y}`;
    const [beforeX, before] = stops[n - 1];
    const bend = Math.max(14, Math.abs(y - before) / 2);
    return `C${beforeX},${before + bend} ${x},${y - bend} ${x},${y}`;
  }).join(" ");
}

function TaskBox({ box, x, y, size }) {
  return html`<a href=${`#/graph/task/${box.id}`} class=${`box ${box.state} ${box.middle ? "middle" : ""}`}>
    <title>${`${box.name || "?"} ${box.short}: ${box.state}`}</title>
    <rect x=${x} y=${y} width=${size.width} height=${size.height} rx="7"/>
    <text x=${x + 9} y=${y + 17} class="title">${cut(box.name || "?", 18)}</text>
    <text x=${x + 9} y=${y + 32}>${cut(box.short, 14)} ${box.state.toLowerCase()}</text></a>`;
}

function NameBox({ box, x, y, size, job }) {
  const state = box.failed ? "FAILED" : box.running ? "RUNNING" : box.left ? "WAITING" : box.cancelled ? "CANCELLED" : "DONE";
  const share = (part) => (box.submitted ? (size.width - 18) * (part / box.submitted) : 0);
  const says = `${count(box.done)} of ${count(box.submitted)} done${box.failed ? `, ${count(box.failed)} failed` : ""}${box.cancelled ? `, ${count(box.cancelled)} cancelled` : ""}`;
  return html`<a href=${`#/tasks/${job}/${encodeURIComponent(box.name)}`} class=${`box ${state}`}>
    <title>${`${box.name}: ${says}, ${count(box.running)} running`}</title>
    <rect x=${x} y=${y} width=${size.width} height=${size.height} rx="8"/>
    <text x=${x + 9} y=${y + 19} class="title">${cut(box.name, 26)}</text>
    <text x=${x + 9} y=${y + 36}>${cut(says, 33)}</text>
    <rect class="track" x=${x + 9} y=${y + 44} width=${size.width - 18} height="6" rx="3"/>
    <rect class="done" x=${x + 9} y=${y + 44} width=${share(box.done)} height="6" rx="3"/>
    <rect class="failed" x=${x + 9 + share(box.done)} y=${y + 44} width=${share(box.failed)} height="6"/></a>`;
}

export function Picture({ answer, job }) {
  const size = answer.single ? OF_TASKS : OF_NAMES;
  const shape = JSON.stringify([answer.boxes.length, answer.arrows.map(([from, to]) => [from, to])]);
  const [scale, setScale] = useState(null);  // null: as wide as there is room for, if one can still read it
  const box = useRef(null);
  const [room, setRoom] = useState(innerWidth);
  useEffect(() => {
    const measure = () => setRoom(box.current.clientWidth);
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  const { points, between, width, height } = useMemo(() => layOut(answer.boxes.length, answer.arrows, size, room), [shape, answer.single, room]);
  const fitting = Math.min(1, Math.max(0.55, room / width));
  const at = scale === null ? fitting : scale;
  const corner = (at) => ({ x: points[at][0] - size.width / 2, y: points[at][1] - size.height / 2, size });
  return html`<div class="tools" role="toolbar" aria-label="Size"><button onClick=${() => setScale(at / 1.3)}>Smaller</button>
    <button onClick=${() => setScale(at * 1.3)}>Larger</button><button onClick=${() => setScale(null)}>Fit</button></div>
  <div class="scroll" ref=${box} tabindex="0" role="region" aria-label="Graph"><svg class="graph" width=${width * at} height=${height * at} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label="Boxes are ${answer.single ? "tasks" : "functions"}, arrows what they take">
    <defs><marker id="tip" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0,0 L8,4 L0,8 z"/></marker></defs>
    ${answer.arrows.filter(([from, to]) => from !== to).map(([from, to, times]) => html`<path key=${`${from} ${to}`} class="arrow" d=${arrow(points[from], points[to], between(from, to), size)} marker-end="url(#tip)"><title>${count(times)}</title></path>`)}
    ${answer.boxes.map((box, at) => html`<${answer.single ? TaskBox : NameBox} key=${box.id || box.name} box=${box} job=${job} ...${corner(at)}/>`)}
  </svg></div>
  <div class="keys">${(answer.single ? STATES : ["WAITING", "RUNNING", "DONE", "FAILED", "CANCELLED"]).map((state) => html`<span key=${state}><i class=${`state-${state}`}></i>${state.toLowerCase()}</span>`)}</div>`;
}

export function Graph({ moment, rest }) {
  const task = rest[0] === "task" ? rest[1] : null;
  const job = task ? task.slice(0, 8) : chosenJob(moment, rest);
  const [together, setTogether] = useState(false);
  const { answer, error } = useAnswer(task ? `/api/around?id=${task}` : `/api/graph?job=${job}${together ? "&by=function" : ""}`);
  const says = !answer ? "" : task ? `what it takes is above it, what takes its results below${answer.hidden ? "; there are more" : ""}`
    : answer.single ? `${count(answer.total)} tasks` : `${count(answer.total)} tasks of ${count(answer.boxes.length)} functions; each box is a function${answer.hidden ? `; ${count(answer.hidden)} with fewer tasks are not drawn` : ""}`;
  return html`<${JobTools} moment=${moment} job=${job} page="graph"/><${Trouble} text=${error}/><${Behind} answer=${answer}/>
    <div class="card">
      <p class="label" role="status">${task && html`${taskLink(task, "The story of this task")} · <a href=${`#/graph/${job}`}>the whole graph</a> · `}${says}</p>
      ${!task && answer && (answer.single || together) && html`<label><input type="checkbox" checked=${together} onChange=${(event) => setTogether(event.target.checked)}/> by function</label>`}
      ${answer && (answer.boxes.length ? html`<${Picture} answer=${answer} job=${job}/>` : html`<p class="empty">It has submitted nothing yet.</p>`)}
    </div>`;
}
